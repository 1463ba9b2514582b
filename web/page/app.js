// The page: puts what the session knows on the screen, and what is clicked and typed into the session.

import { Composer } from "./composer.js";
import { Desk, TITLES } from "./desk.js";
import { find } from "./dom.js";
import { withPeer } from "./fold.js";
import { secrecy } from "./lines.js";
import { bell, notify, title } from "./notices.js";
import { showPane } from "./pane.js";
import { People, contact } from "./people.js";
import { Search } from "./search.js";
import { Session } from "./session.js";
import { listen } from "./shortcuts.js";
import { Thread } from "./thread.js";
import { called, oneLine, place } from "./text.js";

// A line that says what was refused is there for so long, in milliseconds.
const SAID_FOR = 8_000;

// So many pixels wide, there is room for details beside a conversation.
const ROOMY = 1_080;

let isPaneShown = false;
let isPaintDue = false;
let isThreadDue = false;

const views = {
  contact: () => paint(),
  // The lists are there: whoever has reloaded the page is where they were.
  loaded: () => arrive(),
  people: () => paint(),
  outbox() {
    paint();
    if (desk.page === "outbox") desk.refresh();
  },
  // An entry of the log, or nothing but a line that waits for one.
  happened(conversation, event) {
    if (event) {
      desk.happened(event);
      const isSeen = conversation === session.open && !document.hidden;
      notify(conversation, event, isSeen, () => visit(conversation.address));
    }
    if (conversation === session.open) {
      isThreadDue = true;
      // Whoever sends something wants to see it.
      thread.isFollowing ||= event === null;
    }
    paint();
  },
  // All that was shown is of a log that is gone.
  begun() {
    composer.show(null);
    visit("");
    say("simpd has another log than before: this page begins anew");
  },
  said: (line) => say(line),
};

const does = {
  open: (address) => visit(address),
  accept: async (address) => (await session.does({ accept: { who: address } })) && visit(address),
  decline: (address) => session.does({ decline: { who: address } }),
  cancel: async (message) => (await session.does({ cancel: { message } })) && session.refreshOutboxSoon(),
  resend: (line) => session.does({ resend: { message: line.id } }),
  save: (line) => session.save(session.open, line),
  refuse: (line) => session.does({ refuse_file: { message: line.id, reason: "declined" } }),
  earlier,
  read: (conversation) => read(conversation),
  send: (conversation, text) => session.send(conversation, text),
  say: (text) => session.send(session.open, text).catch((error) => say(error.message)),
  async invite(address) {
    try {
      await session.connect({ address });
      find("text").focus();
    } catch (error) {
      say(error.message);
    }
    paint();
  },
  direct(member) {
    if (globalThis.innerWidth < ROOMY) isPaneShown = false;
    composer.direct(member);
    paint();
  },
  close() {
    isPaneShown = false;
    paint();
    find("about").focus();
  },
  jump,
};

const thread = new Thread(does);
const composer = new Composer(does);
const people = new People(does);
const session = new Session(views);
const search = new Search(session, does);
const desk = new Desk(session, {
  cancel: does.cancel,
  open: (address, user) => visit(withPeer(session.state, { address, user }).address),
});

// Shows what is known, once for all that changes at once.
function paint() {
  if (isPaintDue) return;
  isPaintDue = true;
  requestAnimationFrame(() => {
    isPaintDue = false;
    show();
  });
  // A page that nobody sees has no frames, and its title is to be right all the same.
  if (document.hidden) title(session.state, session.me, session.contact.state !== "here");
}

function show() {
  const { state, me, contact: reached, open: conversation } = session;
  people.show(state, conversation, session.isLoaded);
  title(state, me, reached.state !== "here");
  find("me").textContent = me.user ? called(me) : "simp";
  find("me").title = oneLine(me.address);
  find("address").textContent = me.address ? `Others reach you at ${place(me.address)}.` : "";
  find("own-place").textContent = me.address ? `: ${place(me.address)}` : "";
  const banner = find("banner");
  const lines = { connecting: "Looking for simpd…", here: "" };
  banner.textContent = lines[reached.state] ?? `${oneLine(reached.line)}${reached.state === "away" ? " – waiting for it" : ""}`;
  banner.className = reached.state;
  const waiting = state.outbox.length;
  find("outbox-count").textContent = String(waiting);
  find("outbox-count").hidden = waiting === 0;
  if (conversation) showTalk(conversation);
  // Once for all that came since the last frame: to lay out the lines takes longer than to fold them.
  if (conversation && isThreadDue) {
    thread.changed();
    read(conversation);
  }
  isThreadDue = false;
  showPane(conversation, isPaneShown && document.body.dataset.view === "talk", does);
}

function showTalk(conversation) {
  const { chat, room } = conversation;
  find("who").textContent = called(conversation);
  const states = { open: secrecy(chat?.secure), inviting: "invited, no answer yet", invited: "invites you", accepting: "accepted", closing: "being ended" };
  const how = room?.inside && room.topic ? oneLine(room.topic) : (states[chat?.state] ?? "no chat is open");
  find("how").textContent = `${place(conversation.address)} · ${how}`;
  find("how").title = find("how").textContent;
  const canQuit = ["open", "inviting", "accepting"].includes(chat?.state);
  find("quit").hidden = !canQuit;
  find("quit").setAttribute("aria-label", chat?.state === "inviting" ? "Take the invitation back" : "End this chat");
  find("asked").hidden = chat?.state !== "invited";
  find("asked-says").textContent = chat?.state === "invited" ? `${called(conversation)} invites you · ${contact(chat.secure)}` : "";
  composer.show(conversation);
  search.show(conversation);
}

// What is at the end of the screen of somebody who looks is read.
function read(conversation) {
  if (conversation && conversation === session.open && !document.hidden && thread.isFollowing) session.markRead(conversation);
}

// Goes to a conversation, by its address, or to a page; to the list if it is neither. The browser's own Back leads where
// one was before, and so does a reload.
function visit(where) {
  const hash = where ? `#${encodeURIComponent(where)}` : "";
  if (location.hash !== hash) history.pushState(null, "", hash || location.pathname);
  arrive();
}

function arrive() {
  const where = decodeURIComponent(location.hash.slice(1));
  const conversation = session.state.people.get(where);
  const page = where in TITLES ? where : null;
  desk.show(page);
  if (conversation) open(conversation);
  else go(page ? "desk" : "list");
}

async function open(conversation) {
  if (globalThis.innerWidth < ROOMY) isPaneShown = false;
  go("talk");
  const isOther = conversation !== session.open;
  const mark = conversation.unread > 0 ? conversation.read : Infinity;
  const loaded = session.show(conversation);
  if (isOther) thread.show(conversation, mark);
  show();
  if (!find("text").disabled && globalThis.matchMedia("(pointer: fine)").matches) find("text").focus();
  await loaded;
  if (session.open !== conversation) return;
  if (isOther) thread.toEnd();
  read(conversation);
  show();
  await findRoom(conversation);
}

// A room says who is here when one comes in, which may be further back than the lines that are there.
async function findRoom(conversation) {
  for (let piece = 0; piece < 4 && conversation === session.open; piece += 1) {
    const { room, chat, older } = conversation;
    if (chat?.state !== "open" || !room || room.inside || older === null) return;
    await earlier(conversation);
  }
}

async function earlier(conversation) {
  const before = conversation.lines.length;
  const hasMore = await session.earlier(conversation);
  if (conversation !== session.open) return;
  if (hasMore) thread.grew(conversation.lines.length - before);
  else thread.changed();
  paint();
}

// Shows a line that was found, reading back as far as it is.
async function jump(id) {
  const conversation = session.open;
  const before = conversation.lines.length;
  if (!conversation.byId.has(id)) await session.earlier(conversation, id);
  if (conversation !== session.open) return;
  thread.start += conversation.lines.length - before;
  thread.end += conversation.lines.length - before;
  if (!thread.showLine(id)) say("That line is not in the log any more");
}

function go(view) {
  document.body.dataset.view = view;
  find("talk").hidden = view !== "talk";
  find("desk").hidden = view !== "desk";
  find("welcome").hidden = view !== "list";
  for (const tab of find("tabs").querySelectorAll("[data-page]")) {
    if (view === "desk" && tab.dataset.page === desk.page) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
  if (view !== "talk") {
    session.show(null);
    thread.show(null);
  }
  paint();
}

function say(line) {
  const toast = find("toast");
  toast.textContent = line;
  toast.hidden = false;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => {
    toast.hidden = true;
  }, SAID_FOR);
}

async function connect(event) {
  event.preventDefault();
  const how = new FormData(event.target).get("how");
  const address = find("to").value.trim();
  const button = find("connect-yes");
  find("connect-refusal").textContent = "";
  button.disabled = true;
  const secure = { any: {}, secure: { secure: true }, plain: { secure: false } }[how];
  try {
    const chat = await session.connect({ address, ...secure });
    find("connect").close();
    find("to").value = "";
    visit(chat.peer.address);
  } catch (error) {
    find("connect-refusal").textContent = error.message;
    find("to").select();
  } finally {
    button.disabled = false;
  }
}

function showConnect() {
  find("connect-refusal").textContent = "";
  find("connect").showModal();
  find("to").select();
}

find("new").addEventListener("click", showConnect);
find("connect-no").addEventListener("click", () => find("connect").close());
find("connect").querySelector("form").addEventListener("submit", connect);
find("help").addEventListener("click", () => find("keys").showModal());
for (const id of ["back", "desk-back"]) find(id).addEventListener("click", () => visit(""));
globalThis.addEventListener("popstate", arrive);
find("about").addEventListener("click", () => {
  isPaneShown = !isPaneShown;
  paint();
});
find("quit").addEventListener("click", () => session.does({ quit: { who: session.open.address, chat: session.open.chat?.chat } }));
find("accept").addEventListener("click", () => does.accept(session.open.address));
find("decline").addEventListener("click", () => does.decline(session.open.address));
find("tabs").addEventListener("click", ({ target, detail }) => {
  const page = target.closest("[data-page]")?.dataset.page;
  if (!page) return;
  visit(page);
  // Only who has come by keyboard goes on by it, and sees where.
  if (detail === 0) find("desk-body").focus();
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  // Somebody may have read on elsewhere.
  if (session.isLoaded) session.refresh();
  if (desk.page) desk.refresh();
  read(session.open);
});
// The same in another window: what was read there is read here.
globalThis.addEventListener("focus", () => session.isLoaded && session.refresh());
// What waits for a simp-web that is gone is on this page alone.
globalThis.addEventListener("beforeunload", (event) => {
  const isCut = ["gone", "barred"].includes(session.contact.state);
  if (session.holdsTexts || (isCut && composer.isWritten)) event.preventDefault();
});
bell(say);
listen({
  step(by) {
    const order = people.order(session.state);
    const at = order.indexOf(session.open);
    const next = order[at < 0 ? 0 : Math.min(order.length - 1, Math.max(0, at + by))];
    if (next) visit(next.address);
  },
  unread() {
    const next = people.order(session.state).find((conversation) => conversation.unread > 0 && conversation !== session.open);
    if (next) visit(next.address);
  },
  connect: showConnect,
  search: () => !find("search").hidden && find("wanted").focus(),
  details: () => !find("talk").hidden && find("about").click(),
  keys: () => find("keys").showModal(),
  escape() {
    if (!find("found").hidden) search.close();
    else if (isPaneShown) does.close();
    else if (document.body.dataset.view !== "list" && globalThis.innerWidth < 720) visit("");
  },
});
