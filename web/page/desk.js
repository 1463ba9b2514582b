// The pages that are no conversation: the outbox, peers, the status.

import { all, ask } from "./api.js";
import { el, find } from "./dom.js";
import { withPeer } from "./fold.js";
import { why } from "./lines.js";
import { plot } from "./plot.js";
import { age, bytes, called, many, moment, oneLine, place, shown, when } from "./text.js";

// How often the status is asked for while somebody looks at it, in milliseconds.
const EVERY = 2_000;

const HOUR = 3_600_000;

// Most messages that the plot is made of.
const PLOTTED_MAX = 5_000;

// The pages, and what is above them.
export const TITLES = { outbox: "Outbox", peers: "Peers", status: "Status" };

export class Desk {
  constructor(session, does) {
    this.session = session;
    this.does = does;
    this.page = null;
  }

  show(page) {
    this.page = page;
    clearTimeout(this.timer);
    if (!page) return;
    find("desk-title").textContent = TITLES[page];
    find("desk-body").replaceChildren();
    this.moments = null;
    this.refresh();
  }

  // Something has changed that this page may show.
  async refresh() {
    clearTimeout(this.timer);
    const page = this.page;
    if (!page) return;
    try {
      const parts = await this[page]();
      if (page === this.page) find("desk-body").replaceChildren(...parts);
    } catch (error) {
      this.session.failed(error);
    }
    // Nobody looks at a page that is hidden, and an idle one costs nothing.
    if (page === this.page && page === "status" && !document.hidden) this.timer = setTimeout(() => this.refresh(), EVERY);
  }

  outbox() {
    const { outbox } = this.session.state;
    if (outbox.length === 0) return [el("p.quiet", { textContent: "Nothing waits. What is written to somebody who is away is kept here until it is delivered." })];
    const now = Date.now();
    return outbox.map((message) => {
      const { text, tries, host, lookup, next_ms: next, expires_ms: expires } = message;
      const reason = message.detail ?? message.reason;
      const peer = withPeer(this.session.state, message.peer);
      const says = [`since ${when(message.at_ms)}`];
      if (host) says.push(lookup === "asked" ? `looking up ${host}` : `for ${host}`);
      if (lookup?.failed) says.push(lookup.failed);
      if (next) says.push(`next try in ${age(next - now)}`);
      if (tries > 0) says.push(`${many(tries, "try", "tries")}${reason ? ` (${why(reason)})` : ""}`);
      if (expires) says.push(`given up ${moment(expires)}`);
      const cancel = el("button", {
        type: "button",
        textContent: "Take back",
        "aria-label": `Take back the message to ${called(peer)}`,
        onclick: () => this.does.cancel(message.message),
      });
      return el(
        "article.entry",
        {},
        el("div", {}, el("h3", { textContent: called(peer), dir: "auto" }), el("p.said", { textContent: shown(text.slice(0, 500)), dir: "auto" }), el("p.quiet", { textContent: says.join(" · ") })),
        cancel,
      );
    });
  }

  async peers() {
    const { log } = this.session;
    const [peers, keys] = await Promise.all([
      all(log, (last) => ({ peers: { after: last?.peer.address ?? "" } }), "peers"),
      all(log, (last) => ({ keys: { after: last?.who ?? "" } }), "keys"),
    ]);
    if (peers.length + keys.length === 0) return [el("p.quiet", { textContent: "Nobody is known yet." })];
    const known = new Map(keys.map((key) => [key.who, key]));
    const about = new Map(peers.map((info) => [info.peer.address, info]));
    const entries = [...new Set([...about.keys(), ...known.keys()])].sort();
    return entries.map((address) => this.peer(address, about.get(address), known.get(address)));
  }

  peer(address, info, key) {
    const facts = [];
    if (key) facts.push(["Key", `${oneLine(key.key)} · ${key.trusted ? "you trust it" : "as it came"}`]);
    if (info && info.dialect !== "plain") facts.push(["Habits", oneLine(info.dialect)]);
    for (const note of info?.notes ?? []) facts.push(["Note", oneLine(note)]);
    const seen = info?.pinned ? "set in simpd.toml" : (info?.seen_ms ?? key?.seen_ms);
    if (seen) facts.push(["Seen", typeof seen === "string" ? seen : moment(seen)]);
    const rows = facts.flatMap(([name, value]) => [el("dt", { textContent: name }), el("dd", { textContent: value, dir: "auto" })]);
    const user = info?.peer.user || key?.user || "";
    const isOne = /:\d+$/.test(address);
    const title = user ? `${called({ user, address })} · ${place(address)}` : place(address);
    const open = isOne ? el("button", { type: "button", textContent: "Open", "aria-label": `Open ${title}`, onclick: () => this.does.open(address, user) }) : null;
    return el("article.entry", {}, el("div", {}, el("h3", { textContent: title, dir: "auto" }), el("dl", {}, ...rows)), open);
  }

  async status() {
    const status = await ask(this.session.log, "status");
    this.moments ??= await this.lastHour();
    const now = Date.now();
    const { counters, trouble } = status;
    const refused = Object.values(counters.refused).reduce((sum, count) => sum + count, 0);
    const tiles = [
      [status.chats, `of ${status.max_chats} chats`],
      [status.requests, "requests"],
      [status.outbox, "in the outbox"],
      [counters.datagrams_in, "plain datagrams in"],
      [counters.datagrams_out, "plain datagrams out"],
      [counters.retransmitted, "sent again"],
      [counters.duplicates, "duplicates"],
      [counters.ignored + refused, "ignored or refused"],
    ].map(([count, of]) => el("div.tile", {}, el("strong", { textContent: count.toLocaleString() }), el("span", { textContent: of })));
    const facts = [
      ["simpd", `${oneLine(status.version)}, pid ${status.pid}, up for ${age(status.uptime_ms)}`],
      ["Address", oneLine(status.address)],
      ["User", oneLine(status.user)],
      ["Key", status.key ? oneLine(status.key) : "none"],
      ["Requests", status.accept === "ask" ? "you are asked" : `accepted by itself: ${oneLine(status.accept)}`],
      ["Log", `${many(status.last_id && status.last_id - status.first_id + 1, "entry", "entries")}, ${bytes(status.log_bytes)}`],
      ["Programs", `${status.clients} connected`],
    ].flatMap(([key, value]) => [el("dt", { textContent: key }), el("dd", { textContent: value, dir: "auto" })]);
    const { received, sent } = this.moments;
    return [
      ...(trouble ? [el("p.wrong", { textContent: oneLine(trouble) })] : []),
      el("section", {}, el("h3", { textContent: "Messages per minute" }), plot(received, sent, now)),
      el("section.tiles", {}, ...tiles),
      el("section", {}, el("h3", { textContent: "This simpd" }), el("dl", {}, ...facts)),
    ];
  }

  // When messages of the last hour came and went.
  async lastHour() {
    const moments = { received: [], sent: [] };
    const filter = { kinds: ["message", "queued"], since_ms: Date.now() - HOUR };
    let before;
    do {
      const { events, older } = await ask(this.session.log, { history: { ...(before && { before }), limit: 1_000, filter } });
      for (const event of events) this.count(moments, event);
      before = older;
    } while (before && moments.received.length + moments.sent.length < PLOTTED_MAX);
    return moments;
  }

  // An entry of the log, as it happens.
  happened(event) {
    if (this.moments) this.count(this.moments, event);
    if (this.page === "peers" && (event.what.opened || event.what === "request")) this.refresh();
  }

  count(moments, event) {
    if (event.what.message) moments.received.push(event.at_ms);
    if (event.what.queued) moments.sent.push(event.at_ms);
  }
}
