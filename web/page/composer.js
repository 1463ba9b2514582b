// Where somebody writes.

import { el, find, sign } from "./dom.js";
import { directly, publicly } from "./rooms.js";
import { called, name } from "./text.js";

// Grows with its text up to this, in pixels.
const HEIGHT_MAX = 200;

export class Composer {
  constructor(does) {
    this.does = does;
    this.text = find("text");
    this.drafts = new Map();
    this.conversation = null;
    find("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    this.text.addEventListener("keydown", (event) => {
      // While letters are put together by an input method, Enter belongs to it.
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        this.send();
      }
      if (event.key === "Escape" && this.member) this.direct(null);
    });
    this.text.addEventListener("input", () => this.grow());
  }

  // Goes on with what was written to this conversation.
  show(conversation) {
    if (this.conversation === conversation) return this.update();
    if (this.conversation) this.drafts.set(this.conversation.address, { text: this.text.value, member: this.member });
    this.conversation = conversation;
    const draft = this.drafts.get(conversation?.address) ?? { text: "", member: null };
    this.text.value = draft.text;
    this.member = draft.member;
    this.refuse("");
    this.update();
    return this.grow();
  }

  update() {
    const { conversation } = this;
    if (!conversation) return;
    const { chat, room } = conversation;
    const who = called(conversation);
    const isInvited = chat?.state === "invited";
    this.text.disabled = isInvited;
    find("send").disabled = isInvited;
    const to = this.member ? `${name(this.member)} alone` : room?.inside ? "everybody here" : who;
    this.text.placeholder = isInvited ? "Accept the request to write" : `Write to ${to}`;
    const hints = {
      open: "",
      inviting: `${who} has not answered yet: what you write is delivered as soon as the chat is open.`,
      accepting: `${who} has not confirmed yet: what you write is delivered as soon as the chat is open.`,
      invited: "",
    };
    find("hint").textContent = hints[chat?.state] ?? `No chat is open: what you write waits in the outbox, and ${who} is invited until it is delivered.`;
    find("hint").hidden = find("hint").textContent === "";
    this.roomButtons(room);
  }

  // Everybody, one member, who is here, leave: nobody need know the commands.
  roomButtons(room) {
    const box = find("room-buttons");
    const looks = room?.inside ? JSON.stringify([this.member, room.here]) : "";
    box.hidden = looks === "";
    if (box.dataset.looks === looks) return;
    box.dataset.looks = looks;
    if (looks === "") return box.replaceChildren();
    const everybody = el("button", { type: "button", textContent: "Everybody", "aria-pressed": String(!this.member), onclick: () => this.direct(null) });
    const choice = el("select", { "aria-label": "Write to one member", onchange: () => this.direct(choice.value || null) });
    const members = this.member && !room.here.includes(this.member) ? [...room.here, this.member] : room.here;
    choice.append(el("option", { value: "", textContent: "One member…" }));
    choice.append(...members.map((member) => el("option", { value: member, textContent: name(member), selected: member === this.member })));
    choice.classList.toggle("chosen", Boolean(this.member));
    const who = el("button", { type: "button", textContent: "Who is here", onclick: () => this.does.say("WHO") });
    const leave = el("button", { type: "button", onclick: () => this.does.say("EX") }, sign("leave"), "Leave the room");
    box.replaceChildren(everybody, choice, el("span.space"), who, leave);
  }

  // From now on all goes to this member alone; to everybody if it is null.
  direct(member) {
    this.member = member;
    this.update();
    this.text.focus();
  }

  async send() {
    const { conversation, member } = this;
    const text = this.text.value;
    if (!conversation || text.trim() === "" || this.text.disabled) return;
    this.text.value = "";
    this.refuse("");
    this.grow();
    const spoken = conversation.room?.inside ? publicly(text) : text;
    try {
      await this.does.send(conversation, member ? directly(member, text) : spoken);
    } catch (error) {
      // What was refused is not lost, nor what was written since then.
      if (this.conversation === conversation) {
        this.text.value = this.text.value ? `${text}\n${this.text.value}` : text;
        this.refuse(error.message);
        this.grow();
      } else {
        this.drafts.set(conversation.address, { text, member });
      }
    }
  }

  refuse(line) {
    const box = find("refusal");
    box.textContent = line;
    box.hidden = line === "";
  }

  grow() {
    this.text.style.setProperty("height", "auto");
    this.text.style.setProperty("height", `${Math.min(HEIGHT_MAX, this.text.scrollHeight + 2)}px`);
  }
}
