// The list of conversations, and the requests above it.

import { el, find, replace, sign } from "./dom.js";
import { ordered } from "./fold.js";
import { reading, secrecy, why } from "./lines.js";
import { newestWords } from "./rooms.js";
import { DOTS, called, moment, oneLine, place, when } from "./text.js";

const STATES = {
  open: "the chat is open",
  inviting: "invited, no answer yet",
  accepting: "accepted, the other side is to say so",
  closing: "being ended",
};

export class People {
  constructor(does) {
    this.does = does;
    this.rows = new Map();
    this.cards = new Map();
  }

  // Shows them in their order. `open` is the conversation that is shown beside the list.
  show(state, open, isLoaded) {
    const { requests, others } = ordered(state);
    this.shared = shared([...requests, ...others]);
    const cards = requests.map((conversation) => this.card(conversation, open));
    replace(find("requests"), cards);
    find("requests").hidden = cards.length === 0;
    replace(
      find("people"),
      others.map((conversation) => this.row(conversation, open)),
    );
    find("nobody").hidden = !isLoaded || requests.length + others.length > 0;
  }

  // Those in the order in which they are seen.
  order(state) {
    const { requests, others } = ordered(state);
    return [...requests, ...others];
  }

  // A request, with the two answers that there are.
  card(conversation, open) {
    const { address, chat } = conversation;
    const kept = this.kept(this.cards, address, () => {
      const title = el("button.plain", { type: "button", onclick: () => this.does.open(address), dir: "auto" });
      const says = el("p", {});
      const warns = el("p.warns", { role: "alert" });
      const accept = el("button.strong", { type: "button", textContent: "Accept", onclick: () => this.does.accept(address) });
      const decline = el("button", { type: "button", textContent: "Decline", onclick: () => this.does.decline(address) });
      const element = el("article.card", {}, title, says, warns, el("div.buttons", {}, decline, accept));
      return { element, title, says, warns, accept, decline };
    });
    const who = called(conversation);
    kept.title.textContent = `${who} invites you`;
    kept.says.textContent = `${place(address)} · ${contact(chat.secure)}`;
    kept.warns.textContent = chat.note ? `${oneLine(chat.note)}!` : "";
    kept.warns.hidden = !chat.note;
    kept.accept.setAttribute("aria-label", `Accept the request of ${who}`);
    kept.decline.setAttribute("aria-label", `Decline the request of ${who}`);
    kept.element.classList.toggle("current", conversation === open);
    return kept.element;
  }

  row(conversation, open) {
    const { address, chat, unread, unreadMore } = conversation;
    const row = this.kept(this.rows, address, () => {
      const parts = {
        face: el("span.face", { "aria-hidden": "true" }),
        name: el("span.name", { dir: "auto" }),
        time: el("time"),
        says: el("span.says", { dir: "auto" }),
        badge: el("span.badge"),
        state: el("span.state"),
        // For those who hear the row, and see neither colours nor places.
        stands: el("span.unseen"),
        unread: el("span.unseen"),
        lock: el("span.lock"),
      };
      const button = el(
        "button.person",
        { type: "button", onclick: () => this.does.open(address) },
        el("span.portrait", {}, parts.face, parts.state),
        el("span.words", {}, el("span.top", {}, parts.name, parts.stands, parts.lock, parts.time), el("span.below", {}, parts.says, parts.badge, parts.unread)),
      );
      return { element: el("li", {}, button), button, ...parts };
    });
    // There may be thousands, of which few change at a time.
    const isShared = this.shared.has(conversation.user);
    const words = newestWords(conversation.recent);
    const looks = [conversation.user, isShared, chat?.state, Boolean(chat?.secure), conversation.at, words?.id, words?.isSecret, unread, unreadMore, conversation.pending.length, conversation.room === null, conversation === open, new Date().toDateString()].join();
    if (row.looks === looks) return row.element;
    row.looks = looks;
    const who = called(conversation);
    row.face.textContent = [...who.replace(/^"/, "")][0]?.toUpperCase() ?? "?";
    row.face.className = `face hue-${hue(address)}`;
    row.name.textContent = isShared ? `${who} · ${place(address)}` : who;
    row.time.textContent = conversation.at ? when(conversation.at) : "";
    row.time.title = conversation.at ? moment(conversation.at) : "";
    row.says.textContent = says(conversation, words);
    row.state.className = `state ${chat?.state ?? "none"}`;
    row.state.title = STATES[chat?.state] ?? "no chat is open";
    row.stands.textContent = ` (${row.state.title})`;
    replace(row.lock, chat?.secure ? (row.locked ??= [sign("lock")]) : []);
    row.badge.hidden = unread === 0;
    row.badge.textContent = unreadMore ? `${unread}+` : String(unread);
    row.unread.textContent = unread === 0 ? "" : " unread";
    if (conversation === open) row.button.setAttribute("aria-current", "true");
    else row.button.removeAttribute("aria-current");
    row.element.classList.toggle("unread", unread > 0);
    return row.element;
  }

  // The elements of an address, made once.
  kept(rows, address, make) {
    let row = rows.get(address);
    if (!row) {
      row = make();
      rows.set(address, row);
    }
    return row;
  }
}

// The names that several have.
function shared(conversations) {
  const seen = new Set();
  return new Set(conversations.map(({ user }) => user).filter((user) => user && seen.size === seen.add(user).size));
}

// What whoever is asked by somebody should know: above all that it is somebody new.
export function contact(secure) {
  if (!secure) return "plain SIMP: not encrypted, and the name may be anybody's";
  return secure.known ? "encrypted, with the key that you know" : `first contact, ${secrecy(secure)} ${oneLine(secure.key)}`;
}

function says(conversation, last) {
  const pending = conversation.pending.at(-1);
  if (pending) return pending.isSecret ? DOTS : oneLine(pending.text).slice(0, 120);
  if (last?.own && last.isSecret) return `You: ${DOTS}`;
  const read = last && reading({ ...last, kind: "message" }, conversation, "");
  if (read?.note) return read.note.slice(0, 160);
  if (read) {
    const by = last.own ? (read.isDirect ? `You ${read.by}: ` : "You: ") : read.by ? `${read.by}: ` : "";
    return `${by}${oneLine(read.text.slice(0, 120))}`.slice(0, 160);
  }
  if (conversation.chat) return STATES[conversation.chat.state] ?? "";
  const closed = conversation.lines.findLast((line) => line.kind === "closed");
  return closed ? why(closed.reason) : "nothing was said yet";
}

// One of eight colours, the same for the same address.
export function hue(address) {
  let sum = 0;
  for (const c of address) sum = (sum * 31 + c.codePointAt(0)) % 8_191;
  return sum % 8;
}
