//! Each state of the screen as text. Only what is asked of simpd and what it says is made up.

use std::path::PathBuf;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use insta::assert_snapshot;
use ratatui_core::backend::TestBackend;
use ratatui_core::layout::Rect;
use ratatui_core::terminal::{Frame, Terminal};
use simp_control::{
    ChatInfo, Event, Failure, FailureKind, KeyId, OutboxMessage, Peer, PeerInfo, Reason, Reply, Secure,
    State, Status, What,
};

use crate::app::{App, Next};
use crate::keys::folders::Folders;
use crate::model::job::{Answered, Asked, Job, Way};
use crate::model::snapshot::{Can, Snapshot};
use crate::model::state::{Contact, Gaze, Model};
use crate::view::frame;
use crate::view::palette::Palette;

mod lines;
mod typing;

fn peer(user: &str, host: u8) -> Peer {
    Peer { user: user.to_owned(), address: format!("10.0.0.{host}:7777") }
}

fn secure(known: bool) -> Option<Secure> {
    Some(Secure { key: KeyId::new([7; 32]), known })
}

fn chat(id: u64, peer: Peer, state: State) -> ChatInfo {
    let (note, ends_ms) = (None, None);
    ChatInfo { chat: id, peer, state, queued: 0, since_ms: id * 1_000, note, ends_ms, secure: secure(true) }
}

/// An entry in the chat with bob.
fn event(id: u64, what: What) -> Event {
    Event {
        id,
        at_ms: 43_200_000 + id * 1_000,
        chat: 1,
        peer: peer("bob", 2),
        secure: secure(true),
        answers: None,
        what,
    }
}

fn of(peer: Peer, event: Event) -> Event {
    Event { peer, ..event }
}

fn message(text: &str) -> What {
    What::Message { text: text.to_owned() }
}

fn queued(text: &str) -> What {
    What::Queued { text: text.to_owned(), again: None, size: None }
}

fn undelivered(message: u64, reason: Reason) -> What {
    What::Undelivered { message, reason }
}

fn nothing() -> Snapshot {
    let status = Status {
        version: "0.2.0".to_owned(),
        pid: 1,
        address: "10.0.0.1:7777".to_owned(),
        user: "alice".to_owned(),
        key: None,
        accept: "ask".to_owned(),
        uptime_ms: 0,
        chats: 0,
        max_chats: 8,
        requests: 0,
        clients: 1,
        counters: Default::default(),
        log: None,
        last_id: 0,
        first_id: 0,
        log_bytes: 0,
        outbox: 0,
        notes: Vec::new(),
        trouble: None,
        plain: None,
        not_leaving: Vec::new(),
        waiting: Vec::new(),
    };
    let can = Can { search: true, read: true };
    let (chats, outbox, peers) = ((Vec::new(), false), (Vec::new(), false), (Vec::new(), false));
    Snapshot { status, can, page: Vec::new(), chats, outbox, peers }
}

/// With bob in an open chat, and these entries of it, oldest first.
fn with_bob(mut events: Vec<Event>) -> Snapshot {
    events.reverse();
    let mut snapshot = nothing();
    snapshot.status.last_id = events.first().map_or(0, |event| event.id);
    snapshot.chats.0.push(chat(1, peer("bob", 2), State::Open));
    snapshot.page = events;
    snapshot
}

/// The screen at work, as far as there is one without threads.
struct Screen {
    app: App,
    terminal: Terminal<TestBackend>,
}

impl Screen {
    fn new(snapshot: Snapshot, width: u16, height: u16) -> Self {
        let screen = Rect::new(0, 0, width, height);
        let folders = Folders { here: PathBuf::from("/tmp"), home: Some(PathBuf::from("/home/alice")) };
        let app = App::new(Model::new(snapshot), Palette::Colours, screen, folders);
        let terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        Self { app, terminal }
    }

    /// The conversation with bob, whose entries simpd gives when it is asked for them.
    fn bob(events: Vec<Event>, width: u16, height: u16) -> Self {
        let mut screen = Self::new(with_bob(events.clone()), width, height);
        screen.types("/open bob\n");
        screen.draw();
        let asked = screen.app.model.jobs.take();
        screen.gives_page(asked, events);
        screen
    }

    fn gives_page(&mut self, asked: Vec<Asked>, mut events: Vec<Event>) {
        events.reverse();
        let page = asked.into_iter().find(|asked| matches!(asked.job, Job::Older { .. })).unwrap();
        let outcome = Ok(Reply::History { events, older: None });
        self.app.model.answer(Answered { asked: page, outcome });
    }

    fn draw(&mut self) {
        self.app.settle();
        let app = &self.app;
        let draw = |frame: &mut Frame<'_>| _ = frame::draw(app, frame.buffer_mut());
        self.terminal.draw(draw).unwrap();
    }

    /// The screen as text; times are those of another zone elsewhere.
    fn shown(&mut self) -> String {
        self.draw();
        let text = self.terminal.backend().to_string();
        let lines = text.lines().map(|line| hide(line.trim_matches('"').trim_end()));
        lines.collect::<Vec<_>>().join("\n")
    }

    fn press(&mut self, code: KeyCode, modifiers: KeyModifiers) -> Next {
        self.app.key(KeyEvent::new(code, modifiers))
    }

    fn alt(&mut self, c: char) {
        self.press(KeyCode::Char(c), KeyModifiers::ALT);
    }

    fn types(&mut self, text: &str) {
        for c in text.chars() {
            let code = if c == '\n' { KeyCode::Enter } else { KeyCode::Char(c) };
            self.press(code, KeyModifiers::NONE);
        }
    }

    /// What simpd is asked to do, but for what is read.
    fn asks(&mut self) -> Vec<Job> {
        let asked = self.app.model.jobs.take().into_iter().map(|asked| asked.job);
        asked.filter(|job| !job.is_reading() && !matches!(job, Job::Read { .. })).collect()
    }
}

/// `12:00` as `hh:mm`, and `1970-01-01` as `yyyy-mm-dd`.
fn hide(line: &str) -> String {
    let mut out: Vec<char> = line.chars().collect();
    for (form, shown) in [("0000-00-00", "yyyy-mm-dd"), ("00:00", "hh:mm")] {
        let form: Vec<char> = form.chars().collect();
        for at in 0..(out.len() + 1).saturating_sub(form.len()) {
            let is_it = |(c, form): (&char, &char)| if *form == '0' { c.is_ascii_digit() } else { c == form };
            let is_more = out.get(at + form.len()).is_some_and(|c| c.is_ascii_digit());
            let is_within = at > 0 && out[at - 1].is_ascii_digit();
            if !is_more && !is_within && out[at..at + form.len()].iter().zip(&form).all(is_it) {
                out.splice(at..at + form.len(), shown.chars());
            }
        }
    }
    out.into_iter().collect()
}

/// All that can become of a message, and all that can happen.
fn everything() -> Vec<Event> {
    let of_file = |text: &str| What::Queued { text: text.to_owned(), again: None, size: Some(1_234_567) };
    let again = |of| What::Queued { text: "gone".to_owned(), again: Some(of), size: None };
    let what = [
        What::Inviting,
        What::Opened { note: Some("takes turns".to_owned()) },
        queued("hello bob"),
        What::Delivered { message: 3 },
        message("hello alice, this is a line that is too long for one row of the screen"),
        queued("unsure"),
        What::Unconfirmed { message: 6 },
        queued("gone"),
        undelivered(8, Reason::PeerGone),
        again(8),
        What::File { name: "a.txt".to_owned(), size: 999 },
        What::File { name: "b\x1b.txt".to_owned(), size: 5_000 },
        What::FileSaved { message: 12, path: "/home/alice/b.txt".to_owned(), size: 5_000 },
        of_file("c.txt"),
        What::FileFailed { message: 14, why: "refused: larger than 1.0 MB".to_owned() },
        What::Error { text: "what?".to_owned() },
        queued("still on its way"),
        What::Closed { reason: Reason::PeerQuit, text: Some("bye".to_owned()) },
    ];
    (1..).zip(what).map(|(id, what)| event(id, what)).collect()
}

#[test]
fn without_any_conversation_it_says_what_to_do() {
    assert_snapshot!("home_empty", Screen::new(nothing(), 80, 12).shown());
}

#[test]
fn a_request_is_a_banner_with_its_keys_and_both_keys_work() {
    let mut snapshot = nothing();
    snapshot.chats.0.push(chat(1, peer("bob", 2), State::Open));
    snapshot.chats.0.push(ChatInfo { secure: secure(false), ..chat(2, peer("carol", 3), State::Invited) });
    snapshot.chats.0.push(ChatInfo { secure: None, ..chat(3, peer("", 4), State::Inviting) });
    snapshot.peers.0.push(info("dave", 5, None));
    let (text, at_ms) = ("later".to_owned(), 7);
    let (peer, expires_ms, tries, reason, next_ms) = (peer("erin", 6), None, 0, None, None);
    snapshot.outbox.0.push(OutboxMessage {
        message: 9,
        peer,
        host: None,
        lookup: None,
        text,
        at_ms,
        expires_ms,
        tries,
        reason,
        next_ms,
    });
    let mut screen = Screen::new(snapshot, 80, 16);
    assert_snapshot!("home_full", screen.shown());
    screen.alt('y');
    let address = "10.0.0.3:7777".to_owned();
    assert_eq!(screen.asks(), [Job::Accept { address: address.clone() }]);
    assert_snapshot!("request", screen.shown());
    // As terminals without Alt have it.
    screen.press(KeyCode::Esc, KeyModifiers::NONE);
    screen.types("n");
    assert_eq!(screen.asks(), [Job::Decline { address }]);
    screen.types("hi\n");
    assert_eq!(screen.asks(), []);
    assert!(screen.shown().contains("carol waits for your answer: Alt-Y accepts, Alt-N declines"));
}

#[test]
fn who_has_the_name_of_somebody_else_is_told_apart_before_and_after() {
    let mut screen = Screen::new(with_bob(Vec::new()), 110, 12);
    let other = peer("bob", 3);
    screen.app.model.hear(Event { chat: 9, ..of(other.clone(), event(9, What::Request)) });
    let asked = screen.app.model.jobs.take().pop().unwrap();
    assert_eq!(asked.job, Job::Note { chat: 9 });
    let note = Some("another key is known for bob".to_owned());
    let chats = vec![ChatInfo { note, secure: secure(false), ..chat(9, other.clone(), State::Invited) }];
    screen.app.model.answer(Answered { asked, outcome: Ok(Reply::Chats { chats, more: false }) });
    screen.draw();
    let shown = screen.shown();
    let banner = "bob invites you (secure, key known) another key is known for bob!";
    assert!(
        shown.contains(banner) && shown.contains("bob 10.0.0.3") && shown.contains("bob 10.0.0.2"),
        "{shown}"
    );
    screen.app.model.hear(Event {
        chat: 9,
        ..of(other, event(10, What::Closed { reason: Reason::Withdrawn, text: None }))
    });
    screen.draw();
    assert!(!screen.shown().contains("another key"), "{}", screen.shown());
}

fn info(user: &str, host: u8, read: Option<u64>) -> PeerInfo {
    let (dialect, notes, seen_ms, pinned) = ("plain".to_owned(), Vec::new(), Some(1), false);
    PeerInfo { peer: peer(user, host), dialect, notes, seen_ms, pinned, read }
}

#[test]
fn every_line_says_what_has_become_of_it() {
    let mut screen = Screen::bob(everything(), 80, 30);
    let shown = screen.shown();
    assert_snapshot!("talk", &shown);
    // The same as it happened, and not as it is read backwards.
    let mut live = Screen::bob(Vec::new(), 80, 30);
    everything().into_iter().for_each(|event| live.app.model.hear(event));
    let lines = |shown: &str| shown.lines().skip(2).take(26).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines(&live.shown()), lines(&shown));
}

#[test]
fn a_narrow_screen_has_the_conversation_alone_and_a_tiny_one_what_fits() {
    let mut narrow = Screen::bob(everything(), 36, 14);
    assert_snapshot!("narrow", narrow.shown());
    narrow.alt('h');
    assert!(narrow.shown().contains("You are alice"));
    let mut snapshot = with_bob(everything());
    snapshot.chats.0.push(chat(20, peer("carol", 3), State::Invited));
    assert_snapshot!("narrow_home", Screen::new(snapshot.clone(), 40, 16).shown());
    for (width, height) in (0..40).flat_map(|width| (0..12).map(move |height| (width, height))) {
        let mut screen = Screen::new(snapshot.clone(), width, height);
        for keys in ["\u{65e5}\u{672c} x", "/open bob\n", "/help\n", "\n", "/search x\n"] {
            screen.types(keys);
            screen.draw();
        }
    }
}

#[test]
fn what_a_key_of_somebody_else_means_is_said() {
    let found = KeyId::new([9; 32]).to_string();
    let closed = What::Closed { reason: Reason::OtherKey, text: Some(found) };
    let mut screen = Screen::bob(vec![event(1, What::Inviting), event(2, closed)], 80, 10);
    assert_snapshot!("other_key", screen.shown());
}

#[test]
fn hostile_text_stays_in_its_place() {
    let eve = Peer { user: "you\x1b[2J".to_owned(), address: "10.0.0.9:7777".to_owned() };
    let texts = [
        "\x1b[1;1H\x07gone",
        "a\nyou: b",
        "\u{202e}right to left",
        "\u{65e5}\u{672c}\u{8a9e}",
        "e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}x",
    ];
    let mut screen = Screen::bob(Vec::new(), 60, 14);
    for (id, text) in (10..).zip(texts) {
        screen.app.model.hear(of(eve.clone(), event(id, message(text))));
    }
    screen.types("/open 10.0.0.9\n");
    screen.draw();
    let asked = screen.app.model.jobs.take();
    let events = (10..).zip(texts).map(|(id, text)| of(eve.clone(), event(id, message(text)))).collect();
    screen.gives_page(asked, events);
    let shown = screen.shown();
    assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
    assert_snapshot!("hostile", shown);
}

#[test]
fn a_room_is_shown_as_one() {
    let lines = [
        "You are in lobby. Here: ann, carol. (HELP lists the commands.)",
        "topic: cats",
        "[ann] hello everybody",
        "* dave joined; carol left",
        "[ann -> you] psst",
        "* topic: cats and dogs",
    ];
    let events = (2..).zip(lines).map(|(id, text)| of(peer("lobby", 2), event(id, message(text)))).collect();
    let mut screen = Screen::bob(Vec::new(), 90, 12);
    let heard: Vec<Event> = events;
    heard.into_iter().for_each(|event| screen.app.model.hear(event));
    assert_snapshot!("room", screen.shown());
    screen.types("/who\n");
    let address = "10.0.0.2:7777".to_owned();
    assert_eq!(screen.asks().pop(), Some(Job::Send { address, way: Way::Chat(1), text: "WHO".to_owned() }));
}

#[test]
fn dialogs_lie_over_the_screen() {
    let mut screen = Screen::bob(everything(), 80, 26);
    screen.press(KeyCode::F(1), KeyModifiers::NONE);
    assert_snapshot!("help", screen.shown());
    screen.press(KeyCode::Esc, KeyModifiers::NONE);
    let mut narrow = Screen::bob(everything(), 40, 26);
    narrow.types("/help\n");
    assert_snapshot!("help_narrow", narrow.shown());
    (0..9).for_each(|_| _ = narrow.press(KeyCode::PageDown, KeyModifiers::NONE));
    let last = narrow.shown();
    assert_snapshot!("help_last", &last);
    narrow.press(KeyCode::Up, KeyModifiers::NONE);
    assert_ne!(narrow.shown(), last);
    screen.app.paste("one\rtwo\r\rthree\r");
    assert_snapshot!("paste", screen.shown());
    screen.press(KeyCode::Esc, KeyModifiers::NONE);
    assert_eq!(screen.asks(), []);
    screen.types("/search hello\n");
    let asked = screen.app.model.jobs.take().pop().unwrap();
    let events = vec![event(5, message("hello alice")), event(3, queued("hello bob"))];
    screen.app.model.answer(Answered { asked, outcome: Ok(Reply::History { events, older: Some(3) }) });
    // It goes on by itself.
    let asked = screen.app.model.jobs.take().pop().unwrap();
    assert!(matches!(asked.job, Job::Search { before: Some(3), .. }), "{asked:?}");
    let outcome = Ok(Reply::History { events: Vec::new(), older: None });
    screen.app.model.answer(Answered { asked, outcome });
    assert_snapshot!("found", screen.shown());
}

#[test]
fn simpd_away_is_said_and_what_is_typed_waits() {
    let mut screen = Screen::bob(Vec::new(), 80, 10);
    screen.app.model.contact = Contact::Away;
    screen.types("hello?\n");
    assert_snapshot!("away", screen.shown());
}

#[test]
fn more_that_is_new_than_is_counted_is_shown_as_more() {
    let mut snapshot = with_bob(Vec::new());
    snapshot.peers.0.push(info("bob", 2, Some(3)));
    (snapshot.status.first_id, snapshot.status.last_id) = (1, 40_000);
    let mut screen = Screen::new(snapshot, 80, 10);
    screen.app.model.hear(event(40_001, message("m")));
    screen.draw();
    let shown = screen.shown();
    assert!(shown.contains(" 1+│") && shown.contains("1+ unread messages: Alt-A shows them."), "{shown}");
}

#[test]
fn what_is_new_is_counted_called_for_and_read() {
    let mut snapshot = with_bob(Vec::new());
    snapshot.peers.0.push(info("bob", 2, Some(3)));
    snapshot.status.last_id = 6;
    let mut screen = Screen::new(snapshot, 80, 12);
    let unread = screen.app.model.jobs.take().pop().unwrap();
    assert_eq!(unread.job, Job::Unread { before: 7 });
    let events: Vec<Event> = (2..=6).rev().map(|id| event(id, message(&format!("m{id}")))).collect();
    let outcome = Ok(Reply::History { events: events.clone(), older: None });
    screen.app.model.answer(Answered { asked: unread, outcome });
    assert_eq!((screen.app.model.unread(), screen.app.model.take_alerts()), (3, 0));
    screen.app.model.hear(event(7, message("m7")));
    assert_eq!((screen.app.model.unread(), screen.app.model.take_alerts()), (4, 1));
    screen.alt('a');
    screen.draw();
    let asked = screen.app.model.jobs.take();
    let page = events.into_iter().rev().chain([event(7, message("m7"))]).collect();
    screen.gives_page(asked, page);
    assert_snapshot!("unread", screen.shown());
    assert_eq!(screen.app.model.unread(), 0);
    // Somebody who looks here need not be called, somebody who looks elsewhere has read nothing.
    screen.asks();
    screen.app.model.hear(event(8, message("m8")));
    screen.draw();
    let read = screen.app.model.jobs.take().pop().unwrap().job;
    assert_eq!(read, Job::Read { address: "10.0.0.2:7777".to_owned(), id: 8 });
    assert_eq!(screen.app.model.take_alerts(), 0);
    screen.app.model.gaze = Gaze::Elsewhere;
    screen.app.model.hear(event(9, message("m9")));
    screen.draw();
    assert_eq!((screen.app.model.take_alerts(), screen.app.model.jobs.take()), (1, vec![]));
}

#[test]
fn a_name_that_may_be_that_of_a_host_is_looked_up() {
    let mut snapshot = nothing();
    snapshot.peers.0.push(info("nas.example", 2, None));
    snapshot.peers.0.push(info("bob", 3, None));
    let mut screen = Screen::new(snapshot, 80, 12);
    for (typed, asked) in
        [("nas.example", "nas.example"), ("bob", "10.0.0.3:7777"), ("10.0.0.2", "10.0.0.2:7777")]
    {
        screen.types(&format!("/connect {typed}\n"));
        assert_eq!(screen.asks(), [Job::Connect { typed: asked.to_owned() }]);
    }
}

#[test]
fn the_screen_moves_through_the_lines_and_what_it_needs_is_asked_for() {
    let events: Vec<Event> =
        (1..=100).map(|id| event(id + 100, message(&format!("m{}", id + 100)))).collect();
    let mut screen = Screen::bob(Vec::new(), 80, 13);
    events.into_iter().for_each(|event| screen.app.model.hear(event));
    assert!(screen.shown().contains("m200"));
    for _ in 0..2 {
        screen.press(KeyCode::PageUp, KeyModifiers::NONE);
    }
    let shown = screen.shown();
    assert!(shown.contains("m182") && !shown.contains("m183"), "{shown}");
    // What happens does not move it, and is found.
    screen.app.model.hear(event(201, message("m201")));
    let lines = |shown: &str| shown.lines().skip(2).take(9).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines(&screen.shown()), lines(&shown));
    for _ in 0..50 {
        screen.press(KeyCode::PageUp, KeyModifiers::NONE);
    }
    let shown = screen.shown();
    assert!(shown.lines().nth(2).unwrap().contains("m101"), "{shown}");
    screen.alt('a');
    assert!(screen.shown().contains("m201"));
    screen.press(KeyCode::PageUp, KeyModifiers::NONE);
    screen.press(KeyCode::End, KeyModifiers::CONTROL);
    assert!(screen.shown().contains("m201"));
    screen.alt('a');
    assert!(screen.shown().contains("nothing is new"));
}

#[test]
fn without_colours_there_are_none() {
    let mut screen = Screen::bob(everything(), 80, 30);
    screen.app.palette = Palette::None;
    screen.draw();
    use ratatui_core::style::Color;
    let cells = screen.terminal.backend().buffer().content();
    assert!(cells.iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
}
