// Search in the conversation that is open.

import { ask } from "./api.js";
import { el, find } from "./dom.js";
import { lineOf } from "./fold.js";
import { called, moment, oneLine } from "./text.js";

// Most that is found at a time, and pieces of the log that are looked through for it.
const FOUND_MAX = 50;
const PIECES = 200;

// Somebody who types is not done, in milliseconds.
const PAUSE = 250;

export class Search {
  constructor(session, does) {
    this.session = session;
    this.does = does;
    this.input = find("wanted");
    this.input.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.run(), PAUSE);
    });
    find("search").addEventListener("submit", (event) => {
      event.preventDefault();
      clearTimeout(this.timer);
      this.run();
    });
  }

  show(conversation) {
    find("search").hidden = !this.session.features.has("search");
    if (this.conversation === conversation) return;
    this.conversation = conversation;
    this.close();
  }

  close() {
    this.input.value = "";
    find("found").hidden = true;
    this.wanted = "";
  }

  async run() {
    const { conversation, session } = this;
    const wanted = this.input.value.trim();
    if (wanted === this.wanted) return;
    this.wanted = wanted;
    if (!wanted || !conversation) return this.close();
    const isMeant = () => this.wanted === wanted && this.conversation === conversation;
    const filter = session.only(["message", "queued", "file", "error"], { text: wanted, who: conversation.address });
    const found = [];
    let before;
    try {
      for (let piece = 0; piece < PIECES && found.length < FOUND_MAX; piece += 1) {
        const { events, older } = await ask(session.log, { history: { ...(before && { before }), limit: FOUND_MAX, filter } });
        if (!isMeant()) return;
        found.push(...events);
        before = older;
        if (!older) break;
        this.list(found, conversation, true);
      }
    } catch (error) {
      return session.failed(error);
    }
    return this.list(found, conversation, false);
  }

  list(found, conversation, isGoingOn) {
    const rows = found.map((event) => {
      const line = lineOf(event);
      const who = line.own ? "You" : called(conversation);
      return el(
        "li",
        {},
        el("button.hit", { type: "button", onclick: () => this.does.jump(line.id) }, el("span", { textContent: `${who} · ${moment(line.at)}` }), el("span.text", { textContent: oneLine(line.text).slice(0, 300), dir: "auto" })),
      );
    });
    const count = isGoingOn ? `${found.length} so far…` : found.length === 0 ? "Nothing found" : `${found.length}${found.length >= FOUND_MAX ? "+" : ""} found, newest first`;
    const close = el("button.plain", { type: "button", textContent: "Close", onclick: () => this.close() });
    find("found").replaceChildren(el("header", {}, el("span", { textContent: count, role: "status" }), close), el("ul", {}, ...rows));
    find("found").hidden = false;
  }
}
