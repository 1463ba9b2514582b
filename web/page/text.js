// How what travels is shown: names, times, sizes, and texts of which a peer has chosen each letter.

// Controls and what turns the direction of writing around: an eye would take them for something that they are not. A new
// line and a tab are what they are, for each text has a box of its own.
const DECEIVES = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

const escaped = (c) => {
  const code = c.codePointAt(0);
  if (c === "\r") return "\\r";
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
};

// A text for people, with what could deceive as `\x1b` or `\u{202e}`.
export const shown = (text) => text.replace(DECEIVES, escaped);

// The same on one line.
export const oneLine = (text) => shown(text.replace(/\n/g, " ").replace(/\t/g, " "));

// Words of letters, digits and a few marks, with one space between them, that do not read as our own user.
const PLAIN = /^[\p{L}\p{N}_\-.@+'?]+( [\p{L}\p{N}_\-.@+'?]+)*$/u;

// A name for people: one that could be taken for more than a name stands between quotation marks.
export function name(user) {
  if (user !== "you" && PLAIN.test(user)) return user;
  return `"${oneLine(user.replace(/\\/g, "\\\\").replace(/"/g, '\\"'))}"`;
}

// An address without the port that everybody has.
export const place = (address) => oneLine(address.replace(/:7777$/, "").replace(/^\[([^%\]]*)\]$/, "$1"));

// What to call a peer: by its name, or by its address as long as it has told none.
export const called = (peer) => (peer.user ? name(peer.user) : place(peer.address));

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const short = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

export const time = (ms) => clock.format(ms);
export const moment = (ms) => whole.format(ms);

const midnight = (ms) => new Date(ms).setHours(0, 0, 0, 0);

// Whether two moments are of the same day.
export const sameDay = (one, other) => midnight(one) === midnight(other);

// A day, for people who live in it.
export function day(ms, now = Date.now()) {
  const days = Math.round((midnight(now) - midnight(ms)) / 86_400_000);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  return weekday.format(ms);
}

// When something was, in a few letters.
export function when(ms, now = Date.now()) {
  return sameDay(ms, now) ? time(ms) : short.format(ms);
}

// How long something takes or is ago, as simpctl says it.
export function age(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

// A number of bytes as people say it, the same on every front end: `999 bytes`, `1.2 MB`.
export function bytes(count) {
  if (count < 1_000) return many(count, "byte");
  const units = ["kB", "MB", "GB", "TB", "PB", "EB"];
  let tenths = Math.floor(count / 100);
  let unit = 0;
  while (tenths >= 10_000 && unit + 1 < units.length) {
    tenths = Math.floor(tenths / 1_000);
    unit += 1;
  }
  return `${Math.floor(tenths / 10)}.${tenths % 10} ${units[unit]}`;
}

// So many of something.
export const many = (count, one, more = `${one}s`) => `${count} ${count === 1 ? one : more}`;

// What is shown of a password: not even how long it is.
export const DOTS = "••••••••";

// What simpd or its library says at a terminal, for those who have none.
export const withoutTerminal = (line) => line.replace("neither ADDR[:PORT] nor HOST[:PORT]", "neither an address nor the name of a host").replace(/ \(see simpctl [^)]*\)$/, "");

const LINK = /https?:\/\/[^\s<>"\\]+/g;

// A text in pieces, each with where it leads to; undefined if it is no link. What closes a sentence is of no link.
export function links(text) {
  const pieces = [];
  let at = 0;
  for (const { 0: found, index } of text.matchAll(LINK)) {
    const link = found.replace(/[.,;:!?)\]}'*_]+$/, "");
    if (!URL.canParse(link)) continue;
    if (index > at) pieces.push({ text: text.slice(at, index) });
    pieces.push({ text: link, to: new URL(link).href });
    at = index + link.length;
  }
  if (at < text.length) pieces.push({ text: text.slice(at) });
  return pieces;
}
