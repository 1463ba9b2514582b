// What the page makes of the log: run by `node --test`.

import assert from "node:assert/strict";
import { test } from "node:test";

import * as fold from "../page/fold.js";

const bob = { user: "bob", address: "127.0.0.2:7777" };
const event = (id, what, more = {}) => ({ id, at_ms: id * 1_000, chat: 1, peer: bob, what, ...more });
const said = (id, text) => event(id, { message: { text } });
const queued = (id, text, more = {}) => event(id, { queued: { text, ...more } });
const delivered = (id, message) => event(id, { delivered: { message } });
const undelivered = (id, message, reason = "peer gone") => event(id, { undelivered: { message, reason } });

const fates = (conversation) => conversation.lines.map((line) => `${line.id} ${line.fate.state}`);

// A conversation of which the newest entries were read.
function loaded(events, older) {
  const state = fold.empty("alice");
  const conversation = fold.withPeer(state, bob);
  fold.earlier(state, conversation, events.toReversed(), older);
  state.newest = events.at(-1)?.id ?? 0;
  return { state, conversation };
}

test("a line of ours changes with what becomes of it", () => {
  const { state, conversation } = loaded([said(1, "hi")]);
  fold.happened(state, queued(2, "hello"));
  fold.happened(state, queued(3, "are you there?"));
  fold.happened(state, queued(4, "well"));
  assert.deepEqual(fates(conversation), ["1 none", "2 queued", "3 queued", "4 queued"]);
  fold.happened(state, delivered(5, 2));
  fold.happened(state, undelivered(6, 3));
  fold.happened(state, event(7, { unconfirmed: { message: 4 } }));
  assert.deepEqual(fates(conversation), ["1 none", "2 delivered", "3 undelivered", "4 unconfirmed"]);
  assert.equal(conversation.lines[2].fate.reason, "peer gone");
  fold.happened(state, queued(8, "are you there?", { again: 3 }));
  assert.deepEqual(fates(conversation), ["1 none", "2 delivered", "3 resent", "4 unconfirmed", "8 queued"]);
});

test("read backwards, in whatever pieces, it is the same as it was when it happened", () => {
  const log = [
    queued(1, "one"),
    queued(2, "two"),
    delivered(3, 1),
    undelivered(4, 2),
    said(5, "what?"),
    queued(6, "two", { again: 2 }),
    delivered(7, 6),
  ];
  for (let cut = 0; cut <= log.length; cut += 1) {
    const { state, conversation } = loaded(log.slice(cut), cut > 0 ? log[cut]?.id : null);
    if (cut > 0) fold.earlier(state, conversation, log.slice(0, cut).toReversed(), null);
    assert.deepEqual(fates(conversation), ["1 delivered", "2 resent", "5 none", "6 delivered"], `cut at ${cut}`);
    assert.equal(conversation.older, null);
  }
});

test("an entry that comes while the lines are read is there once", () => {
  const state = fold.empty("alice");
  state.newest = 1;
  const conversation = fold.withPeer(state, bob);
  fold.happened(state, said(2, "two"));
  fold.happened(state, said(3, "three"));
  fold.earlier(state, conversation, [said(2, "two"), said(1, "one")], undefined);
  fold.happened(state, said(3, "three"));
  assert.deepEqual(conversation.lines.map((line) => line.text), ["one", "two", "three"]);
});

test("lines that are dropped come back as they were", () => {
  const log = [queued(1, "one"), queued(2, "two"), said(3, "three"), delivered(4, 1), said(5, "four")];
  const { state, conversation } = loaded(log, null);
  fold.forget(conversation, 2);
  assert.deepEqual(fates(conversation), ["3 none", "5 none"]);
  assert.equal(conversation.older, 3);
  // What became of the first is not read again.
  fold.earlier(state, conversation, [queued(2, "two"), queued(1, "one")], null);
  assert.deepEqual(fates(conversation), ["1 delivered", "2 queued", "3 none", "5 none"]);
});

test("a line that waits for its entry is there until that comes", () => {
  const { state, conversation } = loaded([said(1, "hi")]);
  conversation.pending.push({ token: 7, text: "yo", message: 2 });
  fold.happened(state, said(3, "hm"));
  assert.equal(conversation.pending.length, 1);
  state.newest = 1;
  fold.happened(state, queued(2, "yo"));
  assert.equal(conversation.pending.length, 0);
});

test("a chat goes from the request to its end", () => {
  const { state, conversation } = loaded([said(1, "hi")]);
  const secure = { key: "SHA256:x", known: false };
  fold.happened(state, event(2, "request", { chat: 2, secure }));
  assert.deepEqual([conversation.chat.state, conversation.chat.secure], ["invited", secure]);
  assert.equal(fold.ordered(state).requests[0], conversation);
  fold.happened(state, event(3, { opened: { note: "takes turns" } }, { chat: 2 }));
  assert.deepEqual([conversation.chat.state, conversation.chat.note, conversation.chat.secure], ["open", "takes turns", secure]);
  // The end of an older chat with the same peer says nothing of this one.
  fold.happened(state, event(4, { closed: { reason: "peer quit" } }, { chat: 1 }));
  assert.equal(conversation.chat.state, "open");
  fold.happened(state, event(5, { closed: { reason: "peer quit" } }, { chat: 2 }));
  assert.equal(conversation.chat, null);
  assert.deepEqual(fold.ordered(state), { requests: [], others: [conversation] });
});

test("an answer that comes late does not bring back what is over", () => {
  const { state, conversation } = loaded([said(1, "hi")]);
  const chat = { chat: 2, peer: bob, state: "open", queued: 0, since_ms: 1 };
  fold.setChat(state, chat, 1);
  assert.equal(conversation.chat.state, "open");
  fold.happened(state, event(3, { closed: { reason: "quit" } }, { chat: 2 }));
  fold.setChat(state, { ...chat, state: "closing" }, 2);
  assert.equal(conversation.chat, null);
  fold.setChats(state, [chat], 2);
  assert.equal(conversation.chat, null);
  fold.setChats(state, [chat], 3);
  assert.equal(conversation.chat.state, "open");
  fold.setChats(state, [], 3);
  assert.equal(conversation.chat, null);
});

test("what is above the mark is unread, of messages alone, and once", () => {
  const state = fold.empty("alice");
  fold.setPeers(state, [
    { peer: bob, dialect: "plain", notes: [], read: 2 },
    { peer: { user: "", address: "127.0.0.9" }, dialect: "plain", notes: [] },
  ]);
  const conversation = fold.withPeer(state, bob);
  assert.deepEqual([...state.people.keys()], [bob.address], "a whole host is no conversation");
  fold.count(state, [queued(5, "e"), said(4, "d"), said(3, "c"), said(2, "b"), said(1, "a")]);
  assert.deepEqual([conversation.unread, conversation.last.text], [2, "e"]);
  state.newest = 5;
  fold.happened(state, event(6, { file: { name: "x", size: 1 } }));
  fold.happened(state, event(7, { error: { text: "?" } }));
  fold.happened(state, event(6, { file: { name: "x", size: 1 } }));
  assert.equal(fold.unreadTotal(state), 3);
  fold.setRead(conversation, 6);
  assert.equal(conversation.unread, 0);
  fold.setRead(conversation, 3);
  assert.equal(conversation.read, 6, "never backwards");
});

test("whoever has a key and an address was talked to", () => {
  const state = fold.empty("alice");
  const key = (who, user) => ({ who, user, key: "SHA256:x", seen_ms: 5, trusted: false });
  fold.setKeys(state, [key("127.0.0.4:7777", "dave"), key("dave", "dave"), key("127.0.0.5:7777", "")]);
  assert.deepEqual([...state.people.values()].map(({ user, at }) => [user, at]), [["dave", 5]]);
});

test("whoever said something last comes first", () => {
  const state = fold.empty("alice");
  const carol = { user: "carol", address: "127.0.0.3:7777" };
  fold.happened(state, said(1, "hi"));
  fold.happened(state, { ...said(2, "hi"), peer: carol });
  const users = () => fold.ordered(state).others.map((conversation) => conversation.user);
  assert.deepEqual(users(), ["carol", "bob"]);
  fold.happened(state, said(3, "hi"));
  assert.deepEqual(users(), ["bob", "carol"]);
});

test("a file is offered, and saved or not", () => {
  const { state, conversation } = loaded([event(1, { file: { name: "a.txt", size: 7 } }), event(2, { file: { name: "b", size: 1 } })]);
  assert.deepEqual(fates(conversation), ["1 offered", "2 offered"]);
  fold.taken(conversation, 2);
  assert.deepEqual(fates(conversation), ["1 offered", "2 taken"]);
  fold.happened(state, event(3, { file_saved: { message: 1, path: "/a.txt", size: 7 } }));
  fold.happened(state, event(4, { file_failed: { message: 2, why: "refused" } }));
  fold.taken(conversation, 1);
  assert.deepEqual(fates(conversation), ["1 saved", "2 failed"]);
});

test("entries of a kind that is not known are no lines and no error", () => {
  const { state, conversation } = loaded([said(1, "hi")]);
  fold.happened(state, event(2, { painted: { message: 1 } }));
  fold.happened(state, event(3, "whatever"));
  assert.deepEqual(fates(conversation), ["1 none"]);
});

test("a password is known to be one, read forwards or backwards", () => {
  for (const asks of ["Welcome to lobby, carol. Your password?", "You are new: choose a password.", "Please enter it once more.", "Wrong. Your password?"]) {
    const state = fold.empty("alice");
    const conversation = fold.withPeer(state, bob);
    fold.count(state, [queued(2, "sesame"), said(1, asks)]);
    assert.equal(conversation.last.isSecret, true);
    assert.equal(conversation.asks, true);
    state.newest = 2;
    fold.happened(state, queued(3, "open"));
    assert.equal(conversation.last.isSecret, true);
    fold.happened(state, said(4, "You are in lobby. Here: nobody. (HELP lists the commands.)"));
    fold.happened(state, queued(5, "hello"));
    assert.ok(!conversation.last.isSecret);
    assert.equal(conversation.asks, false);
  }
  const { conversation } = loaded([said(1, "What is Your password? I forgot"), queued(2, "no")]);
  assert.ok(!conversation.asks);
});
