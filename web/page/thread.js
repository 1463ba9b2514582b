// The lines of a conversation, of which only those around the place where somebody reads are elements.

import { el, find, replace } from "./dom.js";
import { asksAfter } from "./fold.js";
import { begins, isLeaving, lineElement } from "./lines.js";
import { DOTS, called } from "./text.js";

// Most lines that are elements at a time, and by how many that moves.
const SHOWN_MAX = 240;
const STEP = 80;

// So near to an end of them there should be more, in pixels.
const NEAR = 600;

export class Thread {
  constructor(does) {
    this.root = find("thread");
    this.does = does;
    this.conversation = null;
    this.elements = new Map();
    this.root.addEventListener("scroll", () => this.scrolled(), { passive: true });
    find("newest").addEventListener("click", () => {
      this.toEnd();
      does.read(this.conversation);
    });
    new ResizeObserver(() => this.isFollowing && this.scrollToEnd()).observe(this.root);
  }

  // Shows a conversation from its end. What is above `mark` was not read before.
  show(conversation, mark) {
    this.conversation = conversation;
    this.mark = mark;
    this.firstNew = null;
    this.elements.clear();
    this.isFollowing = true;
    if (!conversation) return this.root.replaceChildren();
    return this.toEnd();
  }

  toEnd() {
    this.end = this.conversation.lines.length;
    this.start = Math.max(0, this.end - STEP * 2);
    this.isFollowing = true;
    this.paint();
  }

  // Something is different at the end, or with a line.
  changed() {
    const { lines } = this.conversation;
    if (this.isFollowing) {
      this.end = lines.length;
      this.start = Math.max(this.start, this.end - SHOWN_MAX, 0);
    }
    this.end = Math.min(this.end, lines.length);
    this.start = Math.min(this.start, this.end);
    this.paint();
  }

  // So many lines came before all others.
  grew(count) {
    this.start += count;
    this.end += count;
    this.up();
    // Whoever has gone on to the very top meanwhile makes no scrolling any more that would tell.
    requestAnimationFrame(() => this.scrolled());
  }

  // Shows a line among its neighbours. Gives whether it is there.
  showLine(id) {
    const at = this.conversation.lines.findIndex((line) => line.id === id);
    if (at < 0) return false;
    this.isFollowing = false;
    this.start = Math.max(0, at - STEP);
    this.end = Math.min(this.conversation.lines.length, at + STEP);
    this.paint();
    const element = this.elements.get(id)?.element;
    element?.scrollIntoView({ block: "center" });
    element?.classList.add("found");
    return true;
  }

  scrolled() {
    if (!this.conversation || this.isPainting) return;
    const { scrollTop, scrollHeight, clientHeight } = this.root;
    // Whoever is at the end stays there, also if there are lines by now that are no elements yet.
    const hasEnd = this.isFollowing || this.end >= this.conversation.lines.length;
    const isAtEnd = hasEnd && scrollHeight - scrollTop - clientHeight < 40;
    if (isAtEnd !== this.isFollowing) {
      this.isFollowing = isAtEnd;
      find("newest").hidden = isAtEnd;
      if (isAtEnd) this.does.read(this.conversation);
    }
    if (scrollTop < NEAR) this.up();
    else if (scrollHeight - scrollTop - clientHeight < NEAR && this.end < this.conversation.lines.length) this.down();
  }

  up() {
    if (this.start > 0) {
      this.start = Math.max(0, this.start - STEP);
      this.end = Math.min(this.end, this.start + SHOWN_MAX);
      this.paint();
      requestAnimationFrame(() => this.scrolled());
    } else if (this.conversation.older !== null) {
      this.does.earlier(this.conversation);
    }
  }

  down() {
    this.end = Math.min(this.conversation.lines.length, this.end + STEP);
    this.start = Math.max(this.start, this.end - SHOWN_MAX);
    this.paint();
  }

  // Makes the elements what they should be, and keeps in its place what somebody reads.
  paint() {
    const anchor = this.isFollowing ? null : this.anchor();
    this.isPainting = true;
    const { conversation } = this;
    const who = called({ user: conversation.user, address: conversation.address });
    this.firstNew ??= this.findNew();
    const all = [this.head()];
    const used = new Map();
    let asks = this.asksBefore(this.start);
    let isLeft = false;
    for (let at = this.start; at < this.end; at += 1) {
      const line = conversation.lines[at];
      const previous = conversation.lines[at - 1];
      const seen = line.own && asks ? { ...line, text: DOTS } : isLeft && line.reason === "peer quit" ? { ...line, reason: "quit" } : line;
      const kept = this.element(seen, previous, who);
      isLeft = line.kind !== "opened" && (isLeft || isLeaving(seen, conversation));
      asks = asksAfter(line, asks);
      used.set(line.id, kept);
      if (line === this.firstNew) all.push((this.divider ??= el("div.new", {}, el("span", { textContent: "New" }))));
      all.push(kept.element);
    }
    this.elements = used;
    if (this.end === conversation.lines.length) all.push(...this.pending(who));
    replace(this.root, all);
    if (anchor?.element.isConnected) this.root.scrollTop += anchor.element.getBoundingClientRect().top - anchor.top;
    if (this.isFollowing) this.scrollToEnd();
    find("newest").hidden = this.isFollowing;
    this.isPainting = false;
  }

  // Whether the peer waits for a password before this line.
  asksBefore(at) {
    for (let before = at - 1; before >= 0; before -= 1) {
      const asks = asksAfter(this.conversation.lines[before], undefined);
      if (asks !== undefined) return asks;
    }
    return false;
  }

  // The first line that was not read, if all before it are there.
  findNew() {
    const { lines, older } = this.conversation;
    if (older !== null && !(lines[0]?.id <= this.mark)) return null;
    return lines.find((line) => line.id > this.mark && line.kind === "message") ?? null;
  }

  scrollToEnd() {
    this.root.scrollTop = this.root.scrollHeight;
  }

  // A line that is on the screen, and where.
  anchor() {
    const { top } = this.root.getBoundingClientRect();
    for (const { element } of this.elements.values()) {
      const box = element.getBoundingClientRect();
      if (box.bottom > top) return { element, top: box.top };
    }
    return null;
  }

  // The element of a line: the same as long as it looks the same.
  element(line, previous, who) {
    const { conversation } = this;
    const isFirst = begins(line, previous, conversation, who);
    const looks = `${line.version} ${isFirst} ${previous?.at ?? 0} ${who} ${conversation.room !== null} ${line.text === DOTS} ${line.reason}`;
    const kept = this.elements.get(line.id);
    if (kept?.looks === looks) return kept;
    return { looks, element: lineElement(line, previous, conversation, who, this.does) };
  }

  // What was typed and is not in the log yet.
  pending(who) {
    const { lines, pending } = this.conversation;
    return pending.map(({ text: said, at, token, isHeld, isSecret }, number) => {
      const text = isSecret ? DOTS : said;
      const line = { id: `pending-${token}`, at, kind: "queued", own: true, text, fate: { state: isHeld ? "held" : "pending" }, version: 0 };
      const previous = number === 0 ? lines.at(-1) : { ...line, at: pending[number - 1].at };
      return lineElement(line, previous, this.conversation, who, this.does);
    });
  }

  head() {
    const isAll = this.start === 0 && this.conversation.older === null;
    this.top ??= el("p.begin");
    this.top.textContent = isAll ? "This is where it begins." : "…";
    return this.top;
  }
}
