// What is beside a conversation: who is in the room, or what is known of the peer.

import { el, find } from "./dom.js";
import { inWords } from "./lines.js";
import { called, name, oneLine, place, shown } from "./text.js";

// Shows the pane of a conversation.
export function showPane(conversation, isShown, does) {
  const pane = find("pane");
  const about = find("about");
  about.setAttribute("aria-expanded", String(isShown));
  about.setAttribute("aria-label", conversation?.room ? "Who is here" : "Details");
  pane.hidden = !isShown || !conversation;
  if (pane.hidden) return pane.replaceChildren();
  const { room } = conversation;
  pane.setAttribute("aria-label", room ? "The room" : "Details");
  const head = el(
    "header.bar",
    {},
    el("h3", { textContent: room ? shown(room.name || called(conversation)) : called(conversation), dir: "auto" }),
    el("button.plain", { type: "button", textContent: "Close", onclick: does.close }),
  );
  return pane.replaceChildren(head, ...(room ? inRoom(room, does) : []), ...details(conversation));
}

function inRoom(room, does) {
  const members = room.here.map((member) =>
    el(
      "li",
      {},
      el("button.member", {
        type: "button",
        textContent: name(member),
        title: `Write to ${name(member)} alone`,
        dir: "auto",
        onclick: () => does.direct(member),
      }),
    ),
  );
  const more = room.more > 0 ? el("li.more", { textContent: `and ${room.more} more` }) : null;
  const parts = [];
  if (room.topic) parts.push(el("section", {}, el("h4", { textContent: "Topic" }), el("p", { textContent: oneLine(room.topic), dir: "auto" })));
  const hint = members.length > 0 ? el("p.quiet", { textContent: "Choose a name to write to one alone." }) : null;
  const nobody = members.length === 0 ? el("p", { textContent: room.inside ? "Only you." : "You are not in the room." }) : null;
  const title = `Here${members.length > 0 ? ` (${members.length + room.more})` : ""}`;
  parts.push(el("section", {}, el("h4", { textContent: title }), nobody, el("ul", {}, ...members, more), hint));
  return parts;
}

function details(conversation) {
  const { address, chat, about } = conversation;
  const facts = [["Address", place(address)]];
  if (chat?.state === "open") facts.push(["This chat", inWords(chat.secure)]);
  if (chat?.secure) facts.push(["Key", oneLine(chat.secure.key)]);
  const notes = about?.notes?.length > 0 ? about.notes : chat?.note ? [chat.note] : [];
  if (notes.length > 0) facts.push(["Note", notes.map(oneLine).join("; ")]);
  const rows = facts.flatMap(([key, value]) => [el("dt", { textContent: key }), el("dd", { textContent: value, dir: "auto" })]);
  return [el("section", {}, el("h4", { textContent: conversation.room ? "Connection" : "Peer" }), el("dl", {}, ...rows))];
}
