// The bridge to simpd: requests and answers of the control API as JSON, and the log as server-sent events.

import { withoutTerminal } from "./text.js";

// simpd said no, or nobody is there to ask: `kind` as in the control API, or "gone" (simp-web itself), "other" (another log),
// "barred" (simp-web was started anew, and knows this page no more).
export class Refused extends Error {
  constructor(kind, line) {
    super(line);
    this.kind = kind;
  }

  // Whether it may be asked again as it was, once simpd is back: it may have been carried out, or not.
  get isOpen() {
    return this.kind === "no_daemon" || this.kind === "gone";
  }
}

// Asks simpd, in the log with this number. Gives what is in the reply.
export async function ask(log, request) {
  let response;
  try {
    response = await fetch("request", {
      method: "POST",
      headers: { "content-type": "application/json", "simp-log": String(log) },
      body: JSON.stringify(request),
    });
  } catch {
    throw new Refused("gone", "simp-web does not answer (is it still running?)");
  }
  if (response.status === 409) throw new Refused("other", "simpd has another log by now");
  if (response.status === 403) throw new Refused("barred", "simp-web was started anew: open it with simp-web open");
  if (!response.ok) throw new Refused("failed", (await response.text()).trim());
  const answer = await response.json();
  if (answer.failure) throw new Refused(answer.failure.kind, withoutTerminal(answer.failure.line));
  // "done" is a word, all others have something in them.
  return typeof answer.reply === "string" ? {} : Object.values(answer.reply)[0];
}

// A list that comes in pieces: `piece` makes the request for what comes after the last item.
export async function all(log, piece, of) {
  const items = [];
  for (;;) {
    const reply = await ask(log, piece(items.at(-1)));
    items.push(...reply[of]);
    if (!reply.more) return items;
  }
}

// A number that no other message has, which JavaScript can hold.
export function token() {
  const [high, low] = crypto.getRandomValues(new Uint32Array(2));
  return (high & 0x1fffff) * 2 ** 32 + low;
}

// Follows the log from now on. The browser connects again by itself, and says which entry came last.
export function follow(told) {
  const source = new EventSource("events");
  const on = (name, take) => source.addEventListener(name, (event) => take(JSON.parse(event.data)));
  on("hello", told.hello);
  on("entry", told.entry);
  on("away", (away) => told.away(away.line));
  on("other", () => {
    source.close();
    told.other();
  });
  source.addEventListener("error", () => {
    // Closed for good: it was refused, and not only interrupted.
    told.gone(source.readyState === EventSource.CLOSED);
  });
  return source;
}
