// What the page asks of simpd, and what it does if no answer comes: run by `node --test`.

import assert from "node:assert/strict";
import { test } from "node:test";

import { token } from "../page/api.js";
import { Session } from "../page/session.js";

const bob = { user: "bob", address: "127.0.0.2:7777" };
const chat = { chat: 1, peer: bob, state: "open", queued: 0, since_ms: 1 };

// A session with a simpd that answers as `answer` says, and what was asked.
function begun(answer) {
  const source = { handlers: {}, close() {} };
  globalThis.EventSource = class {
    static CLOSED = 2;
    constructor() {
      Object.assign(this, { readyState: 1, close() {} });
      source.tell = (name, data) => source.handlers[name]?.({ data: JSON.stringify(data) });
    }
    addEventListener(name, take) {
      source.handlers[name] = take;
    }
  };
  const lists = { peers: { peers: [], more: false }, keys: { keys: [], more: false }, chats: { chats: [chat], more: false }, outbox: { messages: [], more: false }, history: { events: [] } };
  const asked = [];
  globalThis.fetch = async (path, { body, headers }) => {
    const request = JSON.parse(body);
    const [kind] = Object.keys(request);
    asked.push({ log: headers["simp-log"], ...request });
    const reply = lists[kind] ? { reply: { [kind]: lists[kind] } } : await answer(kind, request[kind]);
    return typeof reply === "number" ? { ok: false, status: reply, text: async () => "no" } : { ok: true, status: 200, json: async () => reply };
  };
  const said = [];
  const views = { said: (line) => said.push(line) };
  for (const name of ["contact", "people", "outbox", "happened", "begun", "loaded"]) views[name] = () => {};
  const session = new Session(views);
  const hello = { log: 3, after: 7, user: "alice", address: "127.0.0.1:7777", features: ["read", "search"], kinds: ["message", "queued", "delivered"] };
  return { session, source, asked, said, greet: () => session.greet(hello) };
}

const sends = (asked) => asked.filter((request) => request.send).map(({ send }) => send);

test("a send whose answer is lost is asked again, as the same message", async () => {
  let times = 0;
  const { session, asked, greet } = begun((kind) => {
    times += 1;
    if (kind !== "send") return { reply: "done" };
    if (times === 1) throw new TypeError("network");
    if (times === 2) return { failure: { kind: "no_daemon", line: "simpd on x went away" } };
    return { reply: { queued: { message: 8, chat: 1 } } };
  });
  await greet();
  const conversation = session.state.people.get(bob.address);
  const sent = session.send(conversation, "hi");
  const later = session.send(conversation, "and more");
  while (times < 1) await new Promise(setImmediate);
  await greet();
  while (times < 2) await new Promise(setImmediate);
  await greet();
  await sent;
  await later;
  const [first, second, third, other] = sends(asked);
  assert.deepEqual(first, { who: bob.address, chat: 1, text: "hi", token: first.token });
  for (const again of [second, third]) assert.deepEqual(again, { ...first, again_after: 7 });
  // What was said later is queued later.
  assert.equal(other.text, "and more");
  assert.notEqual(other.token, first.token);
  assert.equal(conversation.pending[0].message, 8);
});

test("what simpd refuses is not asked again", async () => {
  const { session, asked, greet } = begun(() => ({ failure: { kind: "usage", line: "no" } }));
  await greet();
  const conversation = session.state.people.get(bob.address);
  await assert.rejects(session.send(conversation, "hi"), { message: "no", kind: "usage" });
  assert.equal(sends(asked).length, 1);
  assert.deepEqual(conversation.pending, []);
});

test("without an open chat a text is for the outbox", async () => {
  const { session, asked, greet } = begun(() => ({ reply: { queued: { message: 8, chat: 0 } } }));
  await greet();
  const conversation = session.state.people.get(bob.address);
  conversation.chat = null;
  await session.send(conversation, "hi");
  const [send] = sends(asked);
  assert.deepEqual(send, { who: bob.address, queue: true, text: "hi", token: send.token });
  assert.equal(asked.at(-1).log, "3", "the ids in it are of this log");
});

test("what was read is told once", async () => {
  const { session, asked, source, greet } = begun(() => ({ reply: "done" }));
  await greet();
  source.tell("entry", { id: 8, at_ms: 1, chat: 1, peer: bob, what: { message: { text: "hi" } } });
  const conversation = session.state.people.get(bob.address);
  assert.equal(conversation.unread, 1);
  await session.markRead(conversation);
  await session.markRead(conversation);
  assert.deepEqual(asked.filter(({ read }) => read).map(({ read }) => read), [{ address: bob.address, id: 8 }]);
  assert.equal(conversation.unread, 0);
});

test("a page that simp-web does not know any more says so", async () => {
  const { session, greet, said } = begun(() => 403);
  await greet();
  const conversation = session.state.people.get(bob.address);
  await assert.rejects(session.send(conversation, "hi"), { kind: "barred" });
  session.failed(await session.send(conversation, "hi").catch((error) => error));
  assert.equal(session.contact.state, "barred");
  assert.deepEqual(said, []);
});

test("a text is not taken while simp-web is gone", async () => {
  const { session, source, asked, greet } = begun(() => ({ reply: { queued: { message: 8, chat: 1 } } }));
  await greet();
  const conversation = session.state.people.get(bob.address);
  for (const [isClosed, line] of [[1, "simp-web is not there"], [2, "simp-web was started anew"]]) {
    session.source.readyState = isClosed;
    source.handlers.error();
    await assert.rejects(session.send(conversation, "hi"), (error) => error.message.startsWith(`not sent: ${line}`));
    assert.deepEqual(conversation.pending, []);
  }
  assert.deepEqual(sends(asked), []);
});

test("a text that waits is given back once another simp-web is there", async () => {
  let status = 0;
  const { session, source, greet } = begun(() => {
    if (status === 0) throw new TypeError("network");
    return status;
  });
  await greet();
  const conversation = session.state.people.get(bob.address);
  const sent = session.send(conversation, "hi");
  while (!conversation.pending[0]?.isHeld) await new Promise(setImmediate);
  assert.equal(session.contact.state, "gone");
  assert.ok(session.holdsTexts);
  status = 403;
  session.source.readyState = 2;
  source.handlers.error();
  await assert.rejects(sent, (error) => error.kind === "barred" && error.message.startsWith("not sent, as far as this page knows: simp-web was started anew"));
  assert.ok(!session.holdsTexts);
});

test("tokens fit into what JavaScript counts exactly", () => {
  const tokens = new Set(Array.from({ length: 1_000 }, token));
  assert.equal(tokens.size, 1_000);
  for (const number of tokens) assert.ok(Number.isSafeInteger(number) && number >= 0);
});
