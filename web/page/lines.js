// How a line of a conversation looks.

import { el } from "./dom.js";
import { ourLine, roomLine } from "./rooms.js";
import { bytes, day, links, moment, name, oneLine, sameDay, shown, time } from "./text.js";

// Longer texts are cut until somebody wants all of it.
const CUT_AT = 3_000;

// Lines of one sender within this time belong together, in milliseconds.
const TOGETHER = 5 * 60_000;

const WHY = {
  quit: "you left",
  "peer quit": "the other side left",
  "we declined": "you declined",
  "peer declined": "declined",
  "peer busy": "the other side is in another chat",
  withdrawn: "the request was taken back",
  "no answer": "no answer",
  "request expired": "the request was not answered in time",
  "nobody there": "nobody is there",
  "peer gone": "the other side no longer answers",
  "peer restarted": "the other side was restarted",
  cancelled: "you took it back",
  expired: "its time was over",
  "too long": "it is too long for the other side",
  "other key": "there is another key than before",
};

export const why = (reason) => WHY[reason] ?? oneLine(reason ?? "");

// What is said of a secure chat, in a word.
export function secrecy(secure) {
  if (!secure) return "not encrypted";
  return secure.known ? "encrypted" : "encrypted, new key";
}

// The same for whoever wants to know what that means.
export function inWords(secure) {
  if (!secure) return "not encrypted: anybody on the way can read it, and the name may be anybody's";
  if (secure.known) return "encrypted, with the key that was known before";
  return "encrypted, with a key that was not known before: if it matters, ask the other side for theirs, and compare";
}

const keyed = (secure) => (secure && !secure.known ? `${secrecy(secure)} ${oneLine(secure.key)}` : secrecy(secure));

// What happened, as a note between the lines; null if somebody said something.
function note(line, who) {
  switch (line.kind) {
    case "request":
      return `${who} invites you · ${keyed(line.secure)}`;
    case "inviting":
      return `You invited ${who}`;
    case "opened":
      return [`The chat is open · ${keyed(line.secure)}`, ...(line.note ? [oneLine(line.note)] : [])].join(" · ");
    case "closed":
      return [`The chat is over: ${why(line.reason)}`, ...(line.text ? [oneLine(line.text)] : [])].join(": ");
    case "error":
      return `${who} reports an error: ${oneLine(line.text)}`;
    default:
      return null;
  }
}

// What a line is in this conversation: who said what, or a note.
export function reading(line, conversation, who) {
  const happened = note(line, who);
  if (happened !== null) return { note: happened };
  if (line.own) return ours(line, conversation);
  const inRoom = conversation.room && line.kind === "message" ? roomLine(line.text) : null;
  if (inRoom?.kind === "said") {
    const member = inRoom.by.replace(/ -> you$/, "");
    const isDirect = member !== inRoom.by;
    return { by: isDirect ? `${name(member)} to you alone` : name(member), text: inRoom.text, isDirect };
  }
  if (inRoom) return { note: told(inRoom, line.text), isReceipt: inRoom.kind === "receipt" };
  return { by: who, text: line.text };
}

// A line of ours, as what it means.
function ours(line, conversation) {
  const said = conversation.room && line.size === undefined ? ourLine(line.text, conversation.room.here) : null;
  switch (said?.kind) {
    case "who":
      return { note: "you asked who is here", isReceipt: true };
    case "help":
      return { note: "you asked for the commands", isReceipt: true };
    case "leave":
      return { note: "You leave the room" };
    case "direct":
      return { by: `to ${name(said.to)} alone`, text: said.text, isDirect: true };
    default:
      return { by: "you", text: said?.text ?? line.text };
  }
}

// Whether a room closes the chat because we have asked for it.
export const isLeaving = (line, conversation) => line.own && conversation.room !== null && ourLine(line.text, conversation.room.here)?.kind === "leave";

// What a room tells, without what is only for programs.
function told(line, text) {
  const { kind, name: room, here, more } = line;
  if (kind !== "inside") return oneLine(text.replace(/^\* /, ""));
  const others = [...here.map(name), ...(more > 0 ? [`${more} more`] : [])];
  return `You are in ${oneLine(room)}, with ${others.length > 0 ? others.join(", ") : "nobody else"}`;
}

const FATES = {
  queued: ["◷", "waits to be delivered"],
  delivered: ["✓", "delivered"],
  unconfirmed: ["?", "sent, not confirmed: the other side does not say whether it has it"],
  undelivered: ["!", "not delivered"],
  resent: ["↻", "sent again"],
  pending: ["…", "on its way to simpd"],
  held: ["…", "not sent yet"],
  failed: ["!", "came to nothing"],
};

// Whether a line begins a group: somebody else speaks, or a while has passed.
export function begins(line, previous, conversation, who) {
  if (!previous || !sameDay(line.at, previous.at)) return true;
  const [is, was] = [reading(line, conversation, who), reading(previous, conversation, who)];
  return is.note !== undefined || is.by !== was.by || line.at - previous.at > TOGETHER;
}

// The element of a line. `does` has what its buttons do.
export function lineElement(line, previous, conversation, who, does) {
  const read = reading(line, conversation, who);
  const isFirst = begins(line, previous, conversation, who);
  const isNewDay = !previous || !sameDay(line.at, previous.at);
  const kind = read.note !== undefined ? "note" : line.own ? "own" : "theirs";
  const element = el(`div.line.${kind}`, { "data-id": line.id });
  if (isFirst && kind !== "note") element.classList.add("first");
  if (read.isReceipt) element.classList.add("receipt");
  if (read.isDirect) element.classList.add("direct");
  if (isNewDay) element.append(el("div.day", {}, el("span", { textContent: day(line.at) })));
  if (kind === "note") {
    element.append(el("p", { textContent: read.note, title: moment(line.at), dir: "auto" }));
    return element;
  }
  // In a chat of two the side says who speaks.
  if (isFirst && conversation.room && (!line.own || read.isDirect)) element.append(el("div.by", { textContent: read.by, dir: "auto" }));
  const bubble = el("div.bubble");
  bubble.append(line.size === undefined ? text(read.text) : file(line, does));
  bubble.append(el("span.meta", {}, el("time", { textContent: time(line.at), title: moment(line.at) }), ...fate(line)));
  element.append(bubble, ...trouble(line, does));
  return element;
}

function text(whole) {
  const span = el("span.text", { dir: "auto" });
  if (whole.length <= CUT_AT) {
    span.append(...linked(whole));
    return span;
  }
  const more = el("button.plain", {
    type: "button",
    textContent: `Show all ${whole.length.toLocaleString()} characters`,
    onclick: () => {
      span.replaceChildren(...linked(whole));
    },
  });
  span.append(...linked(whole.slice(0, CUT_AT)), "… ", more);
  return span;
}

// Where a link leads to is what is read: whoever has written it cannot say something else. It learns nothing of this page.
const linked = (whole) =>
  links(shown(whole)).map(({ text, to }) => (to ? el("a", { href: to, title: to, target: "_blank", rel: "noopener noreferrer", textContent: text }) : text));

function file(line, does) {
  const box = el("span.file", {}, el("strong", { textContent: oneLine(line.text), dir: "auto" }), ` ${bytes(line.size)}`);
  if (line.own) return box;
  const { state, reason, path } = line.fate;
  if (state === "saved") box.append(el("small", { textContent: `saved: ${oneLine(path)}`, dir: "auto" }));
  if (state === "failed") box.append(el("small", { textContent: `came to nothing: ${oneLine(reason)}`, dir: "auto" }));
  if (state === "taken") box.append(el("small", { textContent: "being saved…" }));
  if (state === "offered") {
    const save = el("button.strong", { type: "button", textContent: "Save", title: "Save it in your folder for downloads", onclick: () => does.save(line) });
    const refuse = el("button", { type: "button", textContent: "Refuse", onclick: () => does.refuse(line) });
    box.append(el("span.buttons", {}, save, refuse));
  }
  return box;
}

function fate(line) {
  const [mark, says] = FATES[line.fate.state] ?? [];
  if (!line.own || !mark) return [];
  return [el(`span.fate.${line.fate.state}`, { role: "img", "aria-label": says, title: says, textContent: mark })];
}

// What is wrong with a line of ours, and what can be done.
function trouble(line, does) {
  const { state, reason } = line.fate;
  if (!line.own || !["undelivered", "unconfirmed", "failed", "held"].includes(state)) return [];
  const says = {
    undelivered: `Not delivered: ${why(reason)}`,
    unconfirmed: "Sent, not confirmed",
    failed: `Came to nothing: ${oneLine(reason ?? "")}`,
    held: "Not sent yet: it is sent once simpd is back",
  }[state];
  const again = el("button.plain", { type: "button", textContent: "Send again", onclick: () => does.resend(line) });
  const box = el(`div.trouble.${state}`, {}, el("span", { textContent: says }));
  if (line.size === undefined && state !== "held") box.append(again);
  return [box];
}
