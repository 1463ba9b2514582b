// What reaches somebody who does not look: the title, notifications of the desktop, and words for screen readers.

import { find } from "./dom.js";
import { unreadTotal } from "./fold.js";
import { called, oneLine } from "./text.js";

// So much of a text is enough to know whether to look, in characters.
const ENOUGH = 160;

// Sets up the button that asks for notifications; nothing is asked before somebody wants them.
export function bell(said) {
  const button = find("bell");
  const show = () => {
    const isOn = globalThis.Notification?.permission === "granted";
    button.setAttribute("aria-pressed", String(isOn));
    button.title = isOn ? "Notifications are on" : "Show notifications of new messages";
  };
  if (!globalThis.Notification) button.hidden = true;
  button.addEventListener("click", async () => {
    const answer = await Notification.requestPermission();
    if (answer === "denied") said("The browser does not allow notifications of this page: allow them in its settings");
    show();
  });
  show();
}

// How many are unread, and whose page it is.
export function title(state, me, isAway) {
  const unread = unreadTotal(state);
  const count = unread > 0 ? `(${unread}) ` : "";
  document.title = `${count}${me.user ? `${oneLine(me.user)} · ` : ""}simp${isAway ? " · away" : ""}`;
}

// Something came. Whoever looks at it sees it, others are told.
export function notify(conversation, event, isSeen, open) {
  const { message, file } = event.what;
  const says = message?.text ?? (file ? `offers a file: ${file.name}` : event.what === "request" ? "invites you" : null);
  if (says === null) return;
  const who = called(conversation);
  const text = oneLine(says).slice(0, ENOUGH);
  find("announce").textContent = `${who}: ${text}`;
  if (isSeen || globalThis.Notification?.permission !== "granted") return;
  const notice = new Notification(who, { body: text, tag: conversation.address, icon: "icon.svg" });
  notice.addEventListener("click", () => {
    globalThis.focus();
    open();
    notice.close();
  });
}
