// Chats, peers, the outbox and entries of the log, folded into conversations and their lines. Nothing here knows of a
// browser, a clock or simpd.
//
// A conversation is all that was said with one address. Its lines are read backwards, in pieces, and come to the end as
// they happen. What became of a line of ours is an entry of its own, later in the log: reading backwards it comes first,
// and is kept until its line is there.

import { afterMessage, asksPassword } from "./rooms.js";

// What has happened to a line of ours: "queued", "delivered", "unconfirmed", "undelivered" (with a reason), "resent".

// So many of what was said last are kept for the list.
const RECENT_MAX = 6;

// Of a simpd that speaks for the user of this name.
export const empty = (me = "") => ({ me, people: new Map(), outbox: [], newest: 0 });

// The conversation with a peer.
export function withPeer(state, peer) {
  let conversation = state.people.get(peer.address);
  if (!conversation) {
    conversation = {
      address: peer.address,
      user: peer.user,
      chat: null,
      // The last entry by which the chat was begun, opened or ended.
      moved: 0,
      about: null,
      lines: [],
      byId: new Map(),
      fates: new Map(),
      // Undefined: nothing was read. A number: there may be lines before this entry. Null: there are none.
      older: undefined,
      waiting: [],
      pending: [],
      last: null,
      // What was said last, newest first: a few, for not all of it is words.
      recent: [],
      at: 0,
      read: 0,
      unread: 0,
      unreadMore: false,
      room: null,
      // Whether the newest that the peer said asks for a password; undefined as long as nothing is known of it.
      asks: undefined,
    };
    state.people.set(peer.address, conversation);
  }
  if (peer.user) conversation.user = peer.user;
  return conversation;
}

// The chats as simpd had them after this entry or later: all others are over.
export function setChats(state, chats, after) {
  for (const conversation of state.people.values()) {
    if (conversation.moved <= after) conversation.chat = null;
  }
  for (const chat of chats) setChat(state, chat, after);
}

// One chat as simpd had it after this entry or later. What happened since then is known better.
export function setChat(state, chat, after) {
  const conversation = withPeer(state, chat.peer);
  if (conversation.moved > after) return;
  conversation.chat = chat.state === "closed" ? null : chat;
  conversation.at = Math.max(conversation.at, chat.since_ms);
}

// What is known of peers. Everybody there ever was a chat with is here; whoever was not read, if simpd keeps that, is unread
// from the beginning.
export function setPeers(state, peers) {
  for (const info of peers) {
    // What simpd.toml says of a whole host is of no conversation.
    if (!/:\d+$/.test(info.peer.address)) continue;
    const conversation = withPeer(state, info.peer);
    conversation.about = info;
    conversation.at = Math.max(conversation.at, info.seen_ms ?? 0);
    if (info.read > conversation.read) setRead(conversation, info.read);
  }
}

// The keys of peers: there was a secure chat with each of them that is known by its address.
export function setKeys(state, keys) {
  for (const { who, user, seen_ms: seen } of keys) {
    if (!/:\d+$/.test(who) || !user) continue;
    const conversation = withPeer(state, { address: who, user });
    conversation.at = Math.max(conversation.at, seen);
  }
}

// The messages that wait for their peers.
export function setOutbox(state, messages) {
  state.outbox = messages;
  for (const message of messages) withPeer(state, message.peer);
}

// All up to this entry was read, here or elsewhere.
export function setRead(conversation, id) {
  conversation.read = Math.max(conversation.read, id);
  if (!conversation.last || conversation.last.id <= conversation.read) {
    conversation.unread = 0;
    conversation.unreadMore = false;
    return;
  }
  // Of lines that are not loaded it is not known.
  if (conversation.older !== undefined) {
    conversation.unread = conversation.lines.filter((line) => line.id > conversation.read && counts(line)).length;
  }
}

const counts = (line) => !line.own && (line.kind === "message" || line.kind === "file");

// Takes entries of the log, newest first, of whatever peers: what was last, and what is unread. They must be older than all
// that came before.
export function count(state, events) {
  for (const event of events) {
    const conversation = withPeer(state, event.peer);
    const line = lineOf(event);
    if (!line) continue;
    conversation.at = Math.max(conversation.at, event.at_ms);
    if (isSaid(line) && conversation.recent.length < RECENT_MAX) conversation.recent.push(summary(line));
    conversation.last ??= conversation.recent[0] ?? null;
    for (const said of conversation.recent) {
      if (said.own && said.id > line.id) said.isSecret ??= asksAfter(line, undefined);
    }
    conversation.asks ??= asksAfter(line, undefined);
    if (counts(line) && event.id > conversation.read) conversation.unread += 1;
  }
}

const isSaid = (line) => ["message", "queued", "file"].includes(line.kind);

const summary = (line) => ({ id: line.id, at: line.at, own: line.own, text: line.text });

// Whether the peer waits for a password after a line, if it was so before it.
export function asksAfter(line, asks) {
  if (line.kind === "message") return asksPassword(line.text);
  return line.kind === "opened" || line.kind === "closed" ? false : asks;
}

// Takes an entry of the log as it happens. Gives its conversation.
export function happened(state, event) {
  const conversation = withPeer(state, event.peer);
  if (event.id <= state.newest) return conversation;
  state.newest = event.id;
  conversation.at = Math.max(conversation.at, event.at_ms);
  moveOn(conversation, event);
  const line = lineOf(event);
  if (line && isSaid(line)) {
    conversation.last = { ...summary(line), isSecret: conversation.asks };
    conversation.recent = [conversation.last, ...conversation.recent].slice(0, RECENT_MAX);
  }
  if (line) conversation.asks = asksAfter(line, conversation.asks);
  if (line && counts(line)) conversation.unread += 1;
  if (conversation.older === undefined) conversation.waiting.push(event);
  else take(state, conversation, event);
  return conversation;
}

// Where the chat stands after an entry.
function moveOn(conversation, event) {
  const { what, chat, peer, at_ms: since_ms, secure } = event;
  const kind = kindOf(what);
  const begun = { request: "invited", inviting: "inviting", opened: "open" }[kind];
  if (begun) {
    const before = conversation.chat?.chat === chat ? conversation.chat : { queued: 0, since_ms };
    const note = what.opened?.note ?? before.note;
    conversation.chat = { ...before, chat, peer, state: begun, secure: secure ?? before.secure, note };
  }
  if (kind === "closed" && conversation.chat?.chat === chat) conversation.chat = null;
  if (begun || kind === "closed") conversation.moved = event.id;
}

// Puts an entry at the end of the lines that are there.
function take(state, conversation, event) {
  if (conversation.byId.has(event.id)) return;
  const line = lineOf(event);
  if (line) add(conversation, line);
  else settle(conversation, event);
  conversation.room = roomAfter(conversation.room, event, state.me);
}

const isOfRoom = ({ what }) => what.message && afterMessage(null, what.message.text) !== null;

// A room after an entry. Whoever connects again comes in again.
function roomAfter(room, event, me) {
  const { what } = event;
  if (what.message) return afterMessage(room, what.message.text, me);
  if (room && (what.opened || what.closed)) return { ...room, here: [], more: 0, inside: false };
  return room;
}

// Takes a piece of the log before all that is there, newest first, and from where to read on: null if that was all.
export function earlier(state, conversation, events, older) {
  const isFirst = conversation.older === undefined;
  const before = conversation.lines;
  conversation.lines = [];
  for (const event of events) {
    if (conversation.byId.has(event.id)) continue;
    const line = lineOf(event);
    if (line) add(conversation, line);
    else settle(conversation, event);
  }
  conversation.lines = [...conversation.lines.reverse(), ...before];
  conversation.older = older ?? null;
  if (isFirst) {
    for (const event of events.toReversed()) conversation.room = roomAfter(conversation.room, event, state.me);
    for (const event of conversation.waiting.splice(0)) take(state, conversation, event);
  } else if (!conversation.room?.inside && events.some(isOfRoom)) {
    // What a room said when we came in may be further back than what it said since then.
    conversation.room = conversation.lines.reduce((room, line) => roomAfter(room, line.event, state.me), null);
  }
}

function add(conversation, line) {
  const fate = conversation.fates.get(line.id);
  if (fate) {
    line.fate = fate;
    conversation.fates.delete(line.id);
  }
  conversation.byId.set(line.id, line);
  conversation.lines.push(line);
  if (line.again) decide(conversation, line.again, { state: "resent", by: line.id });
  conversation.pending = conversation.pending.filter((pending) => pending.message !== line.id);
}

// What became of a line.
function settle(conversation, { what }) {
  const kind = kindOf(what);
  const { message, reason, detail, why, path } = what[kind] ?? {};
  if (message === undefined) return;
  const fates = {
    delivered: { state: "delivered" },
    unconfirmed: { state: "unconfirmed" },
    undelivered: { state: "undelivered", reason: detail ?? reason },
    file_saved: { state: "saved", path },
    file_failed: { state: "failed", reason: why },
  };
  if (fates[kind]) decide(conversation, message, fates[kind]);
}

function decide(conversation, id, fate) {
  const line = conversation.byId.get(id);
  if (!line) {
    // Reading backwards, what was last comes first.
    if (!conversation.fates.has(id)) conversation.fates.set(id, fate);
    return;
  }
  line.fate = fate;
  line.version += 1;
}

// A file that is offered is being saved from now on, unless there is an end of it already.
export function taken(conversation, id) {
  if (conversation.byId.get(id)?.fate.state === "offered") decide(conversation, id, { state: "taken" });
}

// Keeps no more than so many lines, the newest; what is dropped can be read again.
export function forget(conversation, most) {
  if (conversation.lines.length <= most) return;
  const dropped = conversation.lines.splice(0, conversation.lines.length - most);
  for (const line of dropped) {
    conversation.byId.delete(line.id);
    // The entry that says it may be newer than what is kept, and is not read again.
    if (line.own && line.fate.state !== "queued") conversation.fates.set(line.id, line.fate);
  }
  conversation.older = conversation.lines[0].id;
}

// What kind of entry this is: `what` is a word, or an object with that word.
export const kindOf = (what) => (typeof what === "string" ? what : Object.keys(what)[0]);

// The line that an entry is; null if it says what became of another.
export function lineOf(event) {
  const { id, at_ms: at, chat, what, secure } = event;
  const kind = kindOf(what);
  const said = typeof what === "string" ? {} : what[kind];
  const line = { id, at, chat, kind, own: false, text: said.text ?? "", fate: { state: "none" }, version: 0, event };
  switch (kind) {
    case "message":
    case "error":
    case "inviting":
      return line;
    case "request":
      return { ...line, secure };
    case "opened":
      return { ...line, secure, note: said.note };
    case "closed":
      return { ...line, reason: said.detail ?? said.reason };
    case "queued":
      return { ...line, own: true, fate: { state: "queued" }, again: said.again, size: said.size };
    case "file":
      return { ...line, text: said.name, size: said.size, fate: { state: "offered" } };
    default:
      return null;
  }
}

// The conversations in the order of what happened last, requests for themselves.
export function ordered(state) {
  const all = [...state.people.values()].sort((one, other) => other.at - one.at || compare(one.address, other.address));
  const isRequest = (conversation) => conversation.chat?.state === "invited";
  return { requests: all.filter(isRequest), others: all.filter((conversation) => !isRequest(conversation)) };
}

const compare = (one, other) => (one < other ? -1 : Number(one > other));

// How many messages nobody has read.
export function unreadTotal(state) {
  let total = 0;
  for (const conversation of state.people.values()) total += conversation.unread;
  return total;
}
