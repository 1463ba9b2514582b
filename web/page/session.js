// What the page knows of simpd, and what it does there. Views are told what has changed, and ask here for all that is done.

import { Refused, all, ask, follow, token } from "./api.js";
import * as fold from "./fold.js";

// Entries of a conversation that are read at a time, and of the whole log.
const PIECE = 150;
const SCAN = 1_000;

// So far back unread messages are counted at the start.
const COUNT_MAX = 20_000;

// A piece of the log may have nothing for a conversation: so many are looked through without a line.
const EMPTY_PIECES = 40;

// Lines of a conversation that are kept once it grows by itself.
const LINES_MAX = 4_000;
const LINES_KEPT = 1_000;

export class Session {
  constructor(views) {
    this.views = views;
    this.contact = { state: "connecting", line: "" };
    this.open = null;
    this.log = 0;
    this.turns = new Map();
    this.begin();
  }

  // Begins with nothing: what was shown is of a log that is gone.
  begin() {
    this.state = fold.empty();
    this.open = null;
    this.me = { user: "", address: "" };
    this.features = new Set();
    this.kinds = [];
    this.isLoaded = false;
    this.back = resolvers();
    this.source?.close();
    this.source = follow({
      hello: (hello) => this.greet(hello),
      entry: (event) => this.take(event),
      away: (line) => this.lose("away", line),
      other: () => {
        this.views.begun();
        this.begin();
      },
      gone: (forGood) => {
        if (forGood) this.lose("barred", "simp-web was started anew, or has no room for this page: open it with simp-web open");
        else this.lose("gone", "simp-web is not there (start it again: simp-web)");
      },
    });
  }

  async greet(hello) {
    const isFirst = !this.isLoaded;
    this.log = hello.log;
    this.me = { user: hello.user, address: hello.address };
    this.features = new Set(hello.features);
    this.kinds = hello.kinds;
    this.state.me = hello.user;
    if (isFirst) this.state.newest = hello.after;
    this.contact = { state: "here", line: "" };
    this.views.contact();
    this.back.resolve();
    await this.refresh();
    if (isFirst) this.views.loaded();
    if (isFirst) await this.count(hello.after);
  }

  lose(state, line) {
    if (this.contact.state === "here") this.back = resolvers();
    this.contact = { state, line };
    // Whoever waits need not: what cannot be sent any more is to be given back.
    if (state === "barred") this.back.resolve();
    this.views.contact();
  }

  // Whether a text is nowhere but on this page.
  get holdsTexts() {
    return [...this.state.people.values()].some(({ pending }) => pending.some(({ message }) => message === null));
  }

  take(event) {
    const conversation = fold.happened(this.state, event);
    const isOpen = conversation === this.open;
    if (!isOpen && conversation.lines.length > LINES_MAX) fold.forget(conversation, LINES_KEPT);
    this.views.happened(conversation, event);
    if (!event.what.message && !event.what.file) this.refreshOutboxSoon();
    // What is to be known of whoever invites is in the list alone.
    if (event.what === "request") this.refreshSoon();
  }

  // Asks simpd for what is not told by the log: the lists as they are now.
  async refresh() {
    const log = this.log;
    const after = this.state.newest;
    try {
      const [keys, peers, chats] = await Promise.all([
        all(log, (last) => ({ keys: { after: last?.who ?? "" } }), "keys"),
        all(log, (last) => ({ peers: { after: last?.peer.address ?? "" } }), "peers"),
        all(log, (last) => ({ chats: { after: last?.chat ?? 0 } }), "chats"),
      ]);
      fold.setKeys(this.state, keys);
      fold.setPeers(this.state, peers);
      fold.setChats(this.state, chats, after);
      this.isLoaded = true;
      await this.refreshOutbox();
    } catch (error) {
      this.failed(error);
    }
    this.views.people();
  }

  refreshSoon() {
    this.listsTimer ??= setTimeout(() => {
      this.listsTimer = undefined;
      this.refresh();
    }, 300);
  }

  async refreshOutbox() {
    fold.setOutbox(this.state, await all(this.log, (last) => ({ outbox: { after: last?.message ?? 0 } }), "messages"));
    this.views.outbox();
  }

  refreshOutboxSoon() {
    // One request for all that happens at once.
    this.outboxTimer ??= setTimeout(() => {
      this.outboxTimer = undefined;
      this.refreshOutbox().catch((error) => this.failed(error));
    }, 300);
  }

  // Counts what is unread, backwards from this entry, and learns what was last.
  async count(newest) {
    const state = this.state;
    if (!this.features.has("read")) for (const conversation of state.people.values()) fold.setRead(conversation, newest);
    const filter = this.only(["message", "file", "queued"]);
    let before = newest + 1;
    try {
      while (before && newest - before < COUNT_MAX) {
        const { events, older } = await ask(this.log, { history: { before, limit: SCAN, filter } });
        if (state !== this.state) return;
        if (!this.features.has("read")) for (const event of events) fold.setRead(fold.withPeer(state, event.peer), newest);
        fold.count(state, events);
        this.views.people();
        before = older;
      }
    } catch (error) {
      this.failed(error);
    }
    if (before) for (const conversation of state.people.values()) conversation.unreadMore = conversation.read < before - 1;
  }

  // Something could not be learned: that simpd is away is told by the stream.
  failed(error) {
    if (!(error instanceof Refused)) throw error;
    if (error.kind === "barred") this.lose("barred", error.message);
    else if (!error.isOpen && error.kind !== "other") this.views.said(error.message);
  }

  // A filter for entries of these kinds, of those that simpd knows.
  only(kinds, more = {}) {
    return { kinds: kinds.filter((kind) => this.kinds.includes(kind)), ...more };
  }

  // Asks, and says what was refused. Gives whether it was done.
  async does(request) {
    try {
      const reply = await ask(this.log, request);
      if (reply.chat?.peer) {
        fold.setChat(this.state, reply.chat, reply.after);
        this.views.people();
      }
      return reply;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.views.said(error.message);
      return null;
    }
  }

  // Saves a file that is offered, where downloads go: simp-web knows where that is.
  async save(conversation, line) {
    if (!(await this.does({ take_file: { message: line.id, folder: "" } }))) return;
    fold.taken(conversation, line.id);
    this.views.happened(conversation, null);
  }

  // Invites somebody. Gives the chat; fails with the reason.
  async connect(to) {
    const { chat, after } = await ask(this.log, { connect: to });
    fold.setChat(this.state, chat, after);
    return chat;
  }

  // Opens a conversation: all else is as it was.
  async show(conversation) {
    if (this.open && this.open !== conversation) fold.forget(this.open, LINES_KEPT);
    this.open = conversation;
    if (conversation && conversation.older === undefined) await this.earlier(conversation);
  }

  // Reads lines before those that are there. Gives whether there are more now.
  async earlier(conversation, until = 0) {
    if (conversation.older === null || conversation.isReading) return false;
    conversation.isReading = true;
    const { state } = this;
    try {
      const before = conversation.lines.length;
      for (let piece = 0; piece < EMPTY_PIECES && conversation.older !== null; piece += 1) {
        const { events, older } = await ask(this.log, {
          history: {
            ...(conversation.older === undefined ? {} : { before: conversation.older }),
            limit: until ? SCAN : PIECE,
            filter: this.only(this.kinds, { who: conversation.address }),
          },
        });
        if (state !== this.state) return false;
        fold.earlier(this.state, conversation, events, older);
        if (conversation.lines.length > before && (conversation.older ?? 0) <= (until || Infinity)) break;
      }
      return conversation.lines.length > before;
    } catch (error) {
      this.failed(error);
      return false;
    } finally {
      conversation.isReading = false;
    }
  }

  // Whoever looks at a conversation has read it.
  async markRead(conversation) {
    const id = conversation.last?.id ?? 0;
    if (id <= conversation.read) return;
    fold.setRead(conversation, id);
    this.views.people();
    if (!this.features.has("read")) return;
    try {
      await ask(this.log, { read: { address: conversation.address, id } });
    } catch (error) {
      this.failed(error);
    }
  }

  // Sends a text. The promise fails with the reason if simpd refuses it. If simpd goes away before it says anything, the
  // same is asked again when it is back, and is queued once.
  send(conversation, text) {
    // Another simp-web does not know this page: there is nothing to wait for.
    const { state, line } = this.contact;
    if (state === "gone" || state === "barred") return Promise.reject(new Refused(state, `not sent: ${line}`));
    const pending = { token: token(), text, at: Date.now(), message: null, isHeld: false, isSecret: conversation.asks };
    conversation.pending.push(pending);
    this.views.happened(conversation, null);
    const before = this.turns.get(conversation.address) ?? Promise.resolve();
    const sent = before.then(() => this.queue(conversation, pending));
    // What was said first is queued first.
    this.turns.set(conversation.address, sent.catch(() => undefined));
    return sent;
  }

  async queue(conversation, pending) {
    const { chat, address } = conversation;
    const state = this.state;
    const isOpen = chat?.state === "open";
    const where = isOpen ? { who: address, chat: chat.chat } : { who: address, queue: true };
    const after = state.newest;
    for (let again = {}; ; again = { again_after: after }) {
      try {
        const { message } = await ask(this.log, { send: { ...where, text: pending.text, token: pending.token, ...again } });
        pending.message = message;
        if (conversation.byId.has(message)) this.drop(conversation, pending);
        return;
      } catch (error) {
        if (!(error instanceof Refused) || !error.isOpen || state !== this.state || this.contact.state === "barred") {
          this.drop(conversation, pending);
          if (error.kind === "barred") this.lose("barred", error.message);
          throw error.kind === "barred" ? new Refused("barred", `not sent, as far as this page knows: ${error.message}`) : error;
        }
        if (this.contact.state === "here") this.lose(error.kind === "gone" ? "gone" : "away", error.message);
        pending.isHeld = true;
        this.views.happened(conversation, null);
        await this.back.promise;
      }
    }
  }

  drop(conversation, pending) {
    conversation.pending = conversation.pending.filter((other) => other !== pending);
    this.views.happened(conversation, null);
  }
}

function resolvers() {
  let resolve;
  const promise = new Promise((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
