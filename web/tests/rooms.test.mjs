// What the page makes of the lines of a room, of texts and of numbers: run by `node --test`.

import assert from "node:assert/strict";
import { test } from "node:test";

import { perMinute } from "../page/plot.js";
import { afterMessage, directly, newestWords, ourLine, publicly, roomLine } from "../page/rooms.js";
import { bytes, called, links, name, oneLine, place, shown, withoutTerminal } from "../page/text.js";

test("each line of a room says what it says", () => {
  for (const [text, expected] of [
    ["You are in lobby. Here: nobody. (HELP lists the commands.)", { kind: "inside", name: "lobby", here: [], more: 0 }],
    ["You are in lobby. Here: ann, Bob Lee and 12 more. (HELP lists the commands.)", { kind: "inside", name: "lobby", here: ["ann", "Bob Lee"], more: 12 }],
    ["* ann, bob joined; carol left", { kind: "moves", joined: ["ann", "bob"], left: ["carol"] }],
    ["* ann joined; and more", { kind: "moves", joined: ["ann"], left: [] }],
    ["* topic: Friday", { kind: "topic", topic: "Friday" }],
    ["* there is no topic any more", { kind: "topic", topic: "" }],
    ["topic: Friday", { kind: "topic", topic: "Friday" }],
    ["here: only you", { kind: "here", here: [], more: 0 }],
    ["here: you, ann", { kind: "here", here: ["ann"], more: 0 }],
    ["[ann] hello [there]", { kind: "said", by: "ann", text: "hello [there]" }],
    ["[ann -> you] psst", { kind: "said", by: "ann -> you", text: "psst" }],
    ["sent to 3", { kind: "receipt" }],
    ["sent to bob", { kind: "receipt" }],
    ["Hello", null],
    ["", null],
    ["[] x", null],
  ]) {
    assert.deepEqual(roomLine(text), expected, text);
  }
});

test("a room knows who is here", () => {
  const texts = [
    "hello",
    "topic: Friday",
    "You are in lobby. Here: ann. (HELP lists the commands.)",
    "* me, bob joined",
    "* ann left; carol joined",
    "* topic: Saturday",
    "[bob] * eve joined",
  ];
  const room = texts.reduce((room, text) => afterMessage(room, text, "me"), null);
  assert.deepEqual(room, { name: "lobby", here: ["bob", "carol"], more: 0, topic: "Saturday", inside: true });
  assert.deepEqual(afterMessage(room, "here: you, eve and 2 more", "me").here, ["eve"]);
  assert.equal(afterMessage(null, "* ann joined", "me"), null, "nobody is a room who does not say so");
});

test("what is said to everybody is no command", () => {
  for (const text of ["who", "WHO is it", "dm me", "ex", "q", "HELP"]) assert.equal(publicly(text), `PM ${text}`);
  for (const text of ["hello", "whoever", "exit"]) assert.equal(publicly(text), text);
  assert.equal(directly("Bob Lee", "hi"), "DM Bob Lee hi");
});

test("what could deceive an eye is shown as what it is", () => {
  assert.equal(shown("a\u202eb\u0007\u001b[2J\u200f\u2028\r\u0085"), "a\\u{202e}b\\x07\\x1b[2J\\u{200f}\\u{2028}\\r\\x85");
  assert.equal(shown("<img onerror=x>\n\tü"), "<img onerror=x>\n\tü");
  assert.equal(oneLine("a\nb"), "a b");
  assert.equal(name("Ann Lee"), "Ann Lee");
  for (const [user, expected] of [["you", '"you"'], ["a: b", '"a: b"'], ['x"', '"x\\""'], ["a\u202e", '"a\\u{202e}"'], ["a  b", '"a  b"'], ["", '""']]) {
    assert.equal(name(user), expected);
  }
  assert.equal(called({ user: "", address: "127.0.0.1:7777" }), "127.0.0.1");
  assert.equal(place("127.0.0.1:7778"), "127.0.0.1:7778");
  assert.equal(place("[::1]:7777"), "::1");
  for (const [count, words] of [[0, "0 bytes"], [1, "1 byte"], [999, "999 bytes"], [1_000, "1.0 kB"], [1_234_567, "1.2 MB"], [999_949_999, "999.9 MB"], [1 << 30, "1.0 GB"]]) {
    assert.equal(bytes(count), words);
  }
});

test("messages are counted by the minute", () => {
  const now = 100 * 60_000 + 5;
  const counts = perMinute([now, now - 10, now - 60_000, now - 3_600_000, now + 60_000], now);
  assert.equal(counts.length, 60);
  assert.deepEqual(counts.slice(-2), [2, 1]);
  assert.equal(counts.reduce((sum, count) => sum + count), 3);
});

test("a line of ours to a room is what it means", () => {
  for (const [text, expected] of [
    ["hello", null],
    ["PM who is it", { kind: "said", text: "who is it" }],
    ["DM ann a secret", { kind: "direct", to: "ann", text: "a secret" }],
    ["DM Bob Lee hi", { kind: "direct", to: "Bob Lee", text: "hi" }],
    ["DM ann", null],
    ["WHO", { kind: "who" }],
    ["EX", { kind: "leave" }],
    ["who knows", null],
    ["", null],
  ]) {
    assert.deepEqual(ourLine(text, ["Bob", "Bob Lee", "ann"]), expected, text);
  }
});

test("the newest words are no command and no answer to one", () => {
  const own = (text) => ({ own: true, text });
  const theirs = (text) => ({ own: false, text });
  const dm = own("DM ann psst");
  assert.equal(newestWords([own("EX"), own("WHO"), theirs("sent to ann"), dm]), dm);
  const bold = theirs("sent to 3");
  assert.equal(newestWords([bold, theirs("hi")]), bold);
  assert.equal(newestWords([]), undefined);
});

test("links are http and lead where they say", () => {
  const to = (text) => links(text).map((piece) => [piece.text, piece.to]);
  assert.deepEqual(to("see https://example.org/a?b=c."), [["see ", undefined], ["https://example.org/a?b=c", "https://example.org/a?b=c"], [".", undefined]]);
  assert.deepEqual(to("http://x"), [["http://x", "http://x/"]]);
  for (const text of ["javascript:alert(1)", "ftp://x", "data:text/html,x", "file:///etc", "http://", "", "https:// x"]) {
    assert.deepEqual(links(text), text ? [{ text }] : [], text);
  }
});

test("nobody is sent from the page to a terminal", () => {
  assert.equal(withoutTerminal("x y: neither ADDR[:PORT] nor HOST[:PORT] (see simpctl connect --help)"), "x y: neither an address nor the name of a host");
  assert.equal(withoutTerminal("no (really)"), "no (really)");
});
