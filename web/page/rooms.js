// What a room tells its members in plain text, and what its members tell it. A peer that lies about it harms only its own
// pane.

const names = (list) => {
  const more = / and (\d+) more$/.exec(list);
  const all = list.slice(0, more ? more.index : undefined).split(", ");
  return { here: all.filter((name) => name && name !== "nobody" && name !== "you"), more: more ? Number(more[1]) : 0 };
};

const INSIDE = /^You are in (\S+)\. Here: (.+)\. \(HELP lists the commands\.\)$/;
const SAID = /^\[([^\]\n]{1,100})\] ([^]*)$/;
const MOVES = /^\* (.+ (?:joined|left)(?:; .+)?)$/;
const MOVE = /^(.+) (joined|left)$/;
const RECEIPT = /^sent to (?:\d+|[^:]{1,100})$/;

// What a line of a room says; `null` if it says nothing about the room.
export function roomLine(text) {
  const inside = INSIDE.exec(text);
  if (inside) return { kind: "inside", name: inside[1], ...names(inside[2]) };
  if (text === "here: only you") return { kind: "here", here: [], more: 0 };
  if (text.startsWith("here: ")) return { kind: "here", ...names(text.slice(6)) };
  if (text.startsWith("* topic: ")) return { kind: "topic", topic: text.slice(9) };
  if (text.startsWith("topic: ")) return { kind: "topic", topic: text.slice(7) };
  if (text === "* there is no topic any more") return { kind: "topic", topic: "" };
  if (MOVES.test(text)) return moves(text.slice(2));
  if (RECEIPT.test(text)) return { kind: "receipt" };
  const said = SAID.exec(text);
  return said ? { kind: "said", by: said[1], text: said[2] } : null;
}

function moves(text) {
  const joined = [];
  const left = [];
  for (const part of text.split("; ")) {
    const move = MOVE.exec(part);
    if (!move) continue;
    (move[2] === "joined" ? joined : left).push(...names(move[1]).here);
  }
  return { kind: "moves", joined, left };
}

// A room after a message of it, for the member of this name; `null` as long as the peer is none.
export function afterMessage(room, text, me) {
  const line = roomLine(text);
  if (line?.kind === "inside") {
    return { name: line.name, here: line.here, more: line.more, topic: room?.topic ?? "", inside: true };
  }
  // A topic is told before who is here.
  if (!room) return line?.kind === "topic" ? { name: "", here: [], more: 0, topic: line.topic, inside: false } : null;
  switch (line?.kind) {
    case "here":
      return { ...room, here: line.here, more: line.more };
    case "topic":
      return { ...room, topic: line.topic };
    case "moves": {
      const moved = new Set([...line.left, ...line.joined]);
      const joined = line.joined.filter((name) => name !== me);
      return { ...room, here: [...room.here.filter((name) => !moved.has(name)), ...joined] };
    }
    default:
      return room;
  }
}

const COMMAND = /^\s*(PM|DM|WHO|HELP|EX|q|quit)(\s|$)/i;

// The line that says this to everybody, whatever it looks like.
export const publicly = (text) => (COMMAND.test(text) ? `PM ${text.trimStart()}` : text);

// The line that says this to one member.
export const directly = (member, text) => `DM ${member} ${text}`;

const ASKS = /(?:Your password\?|choose a password\.|Please enter it once more\.)$/;

// Whether what is said next is a password, which nobody who looks over the shoulder should read.
export const asksPassword = (text) => ASKS.test(text);

// What a line of ours means to a room whose members are `here`; `null` if it is said as it stands.
export function ourLine(text, here) {
  const [, word, rest] = /^\s*(\S+)\s*([^]*)$/.exec(text) ?? [];
  const command = word?.toUpperCase();
  if (command === "PM" && rest) return { kind: "said", text: rest };
  if (command === "DM" && rest) {
    // A name may have spaces in it.
    const known = here.filter((member) => rest.startsWith(`${member} `)).sort((one, other) => other.length - one.length)[0];
    const to = known ?? rest.split(/\s/, 1)[0];
    const said = rest.slice(to.length).trimStart();
    return said ? { kind: "direct", to, text: said } : null;
  }
  if (rest !== "") return null;
  return { WHO: { kind: "who" }, HELP: { kind: "help" }, EX: { kind: "leave" }, Q: { kind: "leave" }, QUIT: { kind: "leave" } }[command] ?? null;
}

// The newest of these, newest first, that says something: neither a command of ours nor what a room answers to one.
export function newestWords(recent) {
  const isWords = ({ own, text }, at) => (own ? !/^(WHO|HELP|EX)$/.test(text) : roomLine(text)?.kind !== "receipt" || !recent[at + 1]?.own);
  return recent.find(isWords) ?? recent[0];
}
