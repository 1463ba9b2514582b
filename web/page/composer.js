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
    // So many characters at the beginning of what is written were given back.
    this.given = 0;
    find("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    find("invite").addEventListener("click", () => this.does.invite(this.conversation.address));
    this.text.addEventListener("keydown", (event) => {
      // While letters are put together by an input method, Enter belongs to it.
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        this.send();
      }
      if (event.key === "Escape" && this.member) this.direct(null);
    });
    this.text.addEventListener("input", () => {
      this.given = 0;
      this.grow();
    });
  }

  // Whether there is something that was not sent.
  get isWritten() {
    return [this.text.value, ...[...this.drafts.values()].map(({ text }) => text)].some((text) => text.trim() !== "");
  }

  // Goes on with what was written to this conversation.
  show(conversation) {
    if (this.conversation === conversation) return this.update();
    if (this.conversation) this.drafts.set(this.conversation.address, { text: this.text.value, member: this.member });
    this.conversation = conversation;
    const draft = this.drafts.get(conversation?.address) ?? { text: "", member: null };
    this.text.value = draft.text;
    this.member = draft.member;
    this.given = 0;
    this.refuse("");
    this.update();
    return this.grow();
  }

  update() {
    const { conversation } = this;
    if (!conversation) return;
    const { chat, room } = conversation;
    const who = called(conversation);
    // What is said in a room is for those who are there then: nothing waits for it, and its door asks for other things.
    const isOutside = Boolean(room) && !["open", "invited", "inviting", "accepting"].includes(chat?.state);
    const isInvited = chat?.state === "invited";
    const isSecret = chat?.state === "open" && Boolean(conversation.asks);
    this.text.classList.toggle("secret", isSecret);
    this.text.spellcheck = !isSecret;
    this.text.disabled = isInvited || isOutside;
    find("send").disabled = this.text.disabled;
    const to = this.member ? `${name(this.member)} alone` : room?.inside ? "everybody here" : who;
    this.text.placeholder = isInvited ? "Accept the request to write" : isOutside ? "Join the room to write" : isSecret ? `Password for ${who}` : `Write to ${to}`;
    const hints = {
      open: "",
      inviting: `${who} has not answered yet: what you write is delivered as soon as the chat is open.`,
      accepting: `${who} has not confirmed yet: what you write is delivered as soon as the chat is open.`,
      invited: "",
    };
    const over = isOutside ? "You are not in the room." : `No chat is open: what you write waits in the outbox, and ${who} is invited until it is delivered.`;
    find("hint").textContent = hints[chat?.state] ?? over;
    find("invite").textContent = isOutside ? "Join" : "Invite again";
    find("invite").hidden = Boolean(chat);
    find("invite").classList.toggle("strong", isOutside);
    find("over").hidden = find("hint").textContent === "";
    this.roomButtons(room);
  }

  // Everybody, one member, who is here, leave: nobody need know the commands. What has the focus keeps it.
  roomButtons(room) {
    const box = find("room-buttons");
    box.hidden = !room?.inside;
    if (box.hidden) return;
    const parts = (this.parts ??= this.makeParts(box));
    parts.everybody.setAttribute("aria-pressed", String(!this.member));
    parts.choice.classList.toggle("chosen", Boolean(this.member));
    const members = this.member && !room.here.includes(this.member) ? [...room.here, this.member] : room.here;
    const looks = JSON.stringify(members);
    if (parts.looks !== looks) {
      parts.looks = looks;
      const options = members.map((member) => el("option", { value: member, textContent: name(member) }));
      parts.choice.replaceChildren(el("option", { value: "", textContent: "One member…" }), ...options);
    }
    parts.choice.value = this.member ?? "";
  }

  makeParts(box) {
    const everybody = el("button", { type: "button", textContent: "Everybody", onclick: () => this.direct(null) });
    const choice = el("select", { "aria-label": "Write to one member" });
    // Each key chooses another one: only whoever points at a name, or says so with Enter, is done.
    let isPointed = false;
    choice.addEventListener("pointerdown", () => {
      isPointed = true;
    });
    choice.addEventListener("keydown", (event) => {
      isPointed = false;
      if (event.key !== "Enter") return;
      event.preventDefault();
      this.text.focus();
    });
    choice.addEventListener("change", () => {
      if (isPointed) return this.direct(choice.value || null);
      this.member = choice.value || null;
      return this.update();
    });
    const who = el("button", { type: "button", textContent: "Who is here", onclick: () => this.does.say("WHO") });
    const leave = el("button", { type: "button", title: "Leave the room", "aria-label": "Leave the room", onclick: () => this.does.say("EX") }, sign("leave"), el("span.words", { textContent: "Leave the room" }));
    box.replaceChildren(everybody, choice, el("span.space"), who, leave);
    return { everybody, choice };
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
    this.given = 0;
    this.refuse("");
    this.grow();
    const spoken = conversation.room?.inside ? publicly(text) : text;
    try {
      await this.does.send(conversation, member ? directly(member, text) : spoken);
    } catch (error) {
      this.giveBack(conversation, text, member, error.message);
    }
  }

  // What was refused is not lost, nor what was written since then. Of several the first comes first.
  giveBack(conversation, text, member, line) {
    if (this.conversation !== conversation) {
      const draft = this.drafts.get(conversation.address);
      const whole = draft?.text ? `${text}\n${draft.text}` : text;
      this.drafts.set(conversation.address, { text: whole, member });
      return;
    }
    const { value } = this.text;
    const before = [value.slice(0, this.given), text].filter(Boolean).join("\n");
    const after = value.slice(this.given).replace(/^\n/, "");
    this.text.value = [before, after].filter(Boolean).join("\n");
    this.given = before.length;
    // What was for one alone is not for everybody.
    if (member) this.member = member;
    this.update();
    this.refuse(line);
    this.grow();
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
