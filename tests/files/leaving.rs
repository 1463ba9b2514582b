//! A chat that a user leaves while files are under way in it, or wait in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use simp_control::{
    ChatInfo, FailureKind, Filter, Kind, Piece, Reason, Reply, Request, State, Transfer, TransferState, What,
};

use super::{file, folder, names, text};
use crate::harness::{DEADLINE, Daemon, TestClient, World, seed};
use crate::secure::relay::{Network, Relay};

/// No more than is on its way at once passes in twice this: a large file takes seconds.
const SLOW: Network = Network { delay: Duration::from_millis(100), ..Network::GOOD };

/// A large file.
const SIZE: u64 = (12 << 20) + 7;

/// Where alice sees bob, and where bob sees alice.
const DOORS: [u8; 2] = [3, 4];

/// Alice and bob in a chat, each of whom takes a door of the relay for the other.
struct Pair {
    alice: Daemon,
    bob: Daemon,
    relay: Relay,
    /// Where bob saves files.
    saved: PathBuf,
    world: World,
}

impl Pair {
    fn start(alice: &[&str]) -> Self {
        let world = World::new();
        let relay = Relay::start(&world, [1, 2], DOORS, seed());
        let alice = world.start(1, &[&["--user", "alice"], alice].concat());
        let bob = world.start(2, &["--user", "bob", "--accept", "all"]);
        let saved = folder(&world, "saved");
        let pair = Self { alice, bob, relay, saved, world };
        pair.world.ctl(1, &["connect", &pair.world.address(DOORS[0])]).ok();
        pair
    }

    /// A user offers a file.
    fn offers(&self, path: &Path) {
        self.world.ctl(1, &["send", "--no-wait", "--file", text(path)]).ok();
    }

    /// The file with this name, once it stands so for this side. Which side that is, is the number of its address.
    fn file_that(&self, side: u8, name: &str, is_so: impl Fn(&Transfer) -> bool) -> u64 {
        let mut client = if side == 1 { self.alice.client() } else { self.bob.client() };
        until(|| {
            let files = transfers(&mut client);
            files.into_iter().find(|file| file.name == name && is_so(file)).map(|file| file.message)
        })
    }

    /// Bob takes this file of alice's.
    fn takes(&self, name: &str) {
        let message = self.file_that(2, name, |file| file.state == TransferState::Offered);
        let folder = text(&self.saved).to_owned();
        assert_eq!(self.bob.client().reply(&Request::TakeFile { message, folder }), Reply::Done);
    }

    /// Some of a large file has passed, and nothing passes any more; a small one is to follow. Their numbers at alice's side.
    fn in_the_middle(&self) -> [u64; 2] {
        self.relay.set(SLOW);
        let given = [file(&self.world, "large.bin", SIZE), file(&self.world, "small.bin", 11)];
        given.iter().for_each(|given| self.offers(given));
        for name in ["large.bin", "small.bin"] {
            self.takes(name);
        }
        let large = self.file_that(1, "large.bin", |file| file.done > 0);
        let small = self.file_that(1, "small.bin", |file| file.state == TransferState::Sending);
        self.relay.set(Network::CUT);
        assert!(!self.saved.join("large.bin").exists(), "it went faster than it could");
        [large, small]
    }

    /// Both files are there, whole.
    fn all_is_saved(&self) {
        for name in ["large.bin", "small.bin"] {
            assert!(fs::read(self.saved.join(name)).unwrap() == fs::read(self.world.path(name)).unwrap());
        }
        assert_eq!(names(&self.saved), ["large.bin", "small.bin"]);
    }

    /// The last entries of either, once the chat is over for both.
    fn outcome(&self) -> [Vec<What>; 2] {
        [&self.alice, &self.bob].map(|daemon| {
            let mut client = daemon.client();
            until(|| chat(&mut client).is_none().then_some(()));
            let filter = Filter { kinds: Kind::ALL.to_vec(), ..Filter::default() };
            let mut log = client.0.history(Piece { most: 3, ..Piece::ALL }, &filter).unwrap();
            log.reverse();
            log.into_iter().map(|event| event.what).collect()
        })
    }
}

/// Tries until there is something.
#[track_caller]
fn until<T>(mut there: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(there) = there() {
            return there;
        }
        assert!(Instant::now() < deadline, "it did not come to that");
        std::thread::yield_now();
    }
}

fn transfers(client: &mut TestClient) -> Vec<Transfer> {
    match client.reply(&Request::Transfers { after: 0 }) {
        Reply::Transfers { transfers, .. } => transfers,
        other => panic!("{other:?}"),
    }
}

/// The only chat.
fn chat(client: &mut TestClient) -> Option<ChatInfo> {
    match client.reply(&Request::Chats { after: 0 }) {
        Reply::Chats { mut chats, .. } => chats.pop(),
        other => panic!("{other:?}"),
    }
}

fn is_closing(client: &mut TestClient) -> Option<()> {
    (chat(client)?.state == State::Closing).then_some(())
}

/// Bytes of the large file, in words.
const WORDS: &str = " of 12.5 MB)";

#[test]
fn whoever_sends_files_leaves_once_they_are_there() {
    let pair = Pair::start(&[]);
    let [large, small] = pair.in_the_middle();
    let peer = format!("bob@{}:7777", pair.world.address(DOORS[0]));
    let mut quitting = pair.world.spawn_ctl(1, &["quit"]);
    until(|| is_closing(&mut pair.alice.client()));
    // What is said of it meanwhile.
    let shown = pair.world.ctl(1, &["chats"]).ok();
    let (before, after) = shown.trim_end().split_once("; sending large.bin (").unwrap();
    assert!(before.starts_with(&format!("1  closing  {peer}  0  ")), "{shown}");
    assert!(after.ends_with(&format!("{WORDS}; sending small.bin (0 bytes of 11 bytes)")), "{shown}");
    let json = pair.world.ctl(1, &["chats", "--json"]).ok();
    let small_file =
        format!(r#"{{"done":0,"message":{small},"name":"small.bin","size":11,"state":"sending"}}"#);
    assert!(json.ends_with(&format!("\"size\":{SIZE},\"state\":\"sending\"}},{small_file}]}}\n")), "{json}");
    let line = quitting.read_error_line();
    assert!(line.starts_with(&format!("simpctl: waiting for {peer} to take large.bin (")), "{line}");
    assert!(line.ends_with(&format!("{WORDS}, and for 1 more file")), "{line}");
    let refused = pair.world.ctl(1, &["send", "too late"]);
    assert_eq!(refused.status, Some(7), "{}", refused.stderr);
    pair.relay.set(Network::GOOD);
    assert_eq!(quitting.wait().ok(), "");
    pair.all_is_saved();
    let [alice, bob] = pair.outcome();
    let end = |reason| What::Closed { reason, text: None };
    let delivered = |message| What::Delivered { message };
    assert_eq!(alice, [delivered(large), delivered(small), end(Reason::Quit)]);
    assert_eq!(bob.last(), Some(&end(Reason::PeerQuit)));
    assert!(bob[..2].iter().all(|what| what.kind() == Kind::FileSaved), "{bob:?}");
}

#[test]
fn whoever_fetches_files_leaves_once_they_are_there_and_takes_no_further_ones() {
    let pair = Pair::start(&[]);
    pair.offers(&file(&pair.world, "other.bin", 5));
    let other = pair.file_that(2, "other.bin", |file| file.state == TransferState::Offered);
    pair.in_the_middle();
    let peer = format!("alice@{}:7777", pair.world.address(DOORS[1]));
    let mut quitting = pair.world.spawn_ctl(2, &["quit"]);
    let mut client = pair.bob.client();
    until(|| is_closing(&mut client));
    let shown = pair.world.ctl(2, &["chats"]).ok();
    assert!(shown.contains("; offers other.bin (5 bytes); receiving large.bin ("), "{shown}");
    let folder = text(&pair.saved).to_owned();
    let line = format!("message {other}: the chat is closing, and takes no further file");
    client.fails(&Request::TakeFile { message: other, folder }, FailureKind::Failed, &line);
    let line = quitting.read_error_line();
    assert!(line.starts_with("simpctl: waiting for large.bin of "), "{line}");
    assert!(line.ends_with(&format!("{WORDS}, and for 1 more file")) && line.contains(&peer), "{line}");
    pair.relay.set(Network::GOOD);
    let quit = quitting.wait();
    let not_saved = format!("simpctl: not saved: file {other} (other.bin): the chat is over\n");
    assert_eq!((quit.status, quit.stdout.as_str(), quit.stderr), (Some(0), "", not_saved));
    pair.all_is_saved();
    let [alice, _] = pair.outcome();
    let [What::Delivered { .. }, undelivered, What::Closed { .. }] = &alice[..] else { panic!("{alice:?}") };
    assert!(matches!(undelivered, What::Undelivered { reason: Reason::PeerQuit, .. }), "{alice:?}");
}

/// A chat that was left goes on with its files after a restart of both.
fn goes_on_after(signal: Signal) {
    let mut pair = Pair::start(&[]);
    let [large, small] = pair.in_the_middle();
    let peer = format!("{}:7777", pair.world.address(DOORS[0]));
    pair.world
        .ctl(1, &["quit", "--timeout", "0.001"])
        .fails(6, &format!("simpctl: {peer} has not confirmed the end yet (simpd keeps trying)"));
    for daemon in [&pair.alice, &pair.bob] {
        daemon.signal(signal);
        daemon.wait();
    }
    pair.relay.set(Network::GOOD);
    (pair.alice, pair.bob) = pair.world.alice_and_bob();
    let [alice, _] = pair.outcome();
    pair.all_is_saved();
    let delivered = |message| What::Delivered { message };
    assert_eq!(
        alice,
        [delivered(large), delivered(small), What::Closed { reason: Reason::Quit, text: None }]
    );
}

#[test]
fn a_chat_that_was_left_goes_on_with_its_files_after_a_kill_of_both() {
    goes_on_after(Signal::SIGKILL);
}

#[test]
fn a_chat_that_was_left_goes_on_with_its_files_after_both_were_stopped() {
    goes_on_after(Signal::SIGTERM);
}

#[test]
fn a_peer_that_is_gone_holds_up_no_chat_that_was_left() {
    let world = World::new();
    let config = world.path("hasty.toml");
    fs::write(&config, "attempts = 1").unwrap();
    let pair = Pair::start(&["--config", text(&config)]);
    let [large, small] = pair.in_the_middle();
    let quit = pair.world.ctl(1, &["quit"]);
    // That it waits is said after as many seconds as the peer has.
    let said: Vec<_> =
        quit.stderr.lines().filter(|line| !line.starts_with("simpctl: waiting for ")).collect();
    let again = "(send it again: simpctl send --file)";
    assert_eq!(
        said,
        [
            format!("simpctl: not delivered: file {large} (large.bin): peer gone {again}"),
            format!("simpctl: not delivered: file {small} (small.bin): peer gone {again}"),
        ]
    );
    assert_eq!((quit.status, quit.stdout.as_str()), (Some(8), ""));
}

#[test]
fn whoever_leaves_now_is_told_which_files_that_cuts_off() {
    let pair = Pair::start(&[]);
    let [large, small] = pair.in_the_middle();
    let received = pair.file_that(2, "large.bin", |file| file.state == TransferState::Receiving);
    let quitting = [1, 2].map(|host| pair.world.spawn_ctl(host, &["quit", "--now"]));
    for daemon in [&pair.alice, &pair.bob] {
        until(|| is_closing(&mut daemon.client()));
    }
    pair.relay.set(Network::GOOD);
    let [alice, bob] = quitting.map(crate::harness::Running::wait);
    let again = "(send it again: simpctl send --file)";
    assert_eq!(
        (alice.status, alice.stderr),
        (
            Some(8),
            format!(
                "simpctl: not delivered: file {large} (large.bin): quit {again}\n\
                 simpctl: not delivered: file {small} (small.bin): quit {again}\n"
            )
        )
    );
    let not_saved = format!("simpctl: not saved: file {received} (large.bin): the chat is over\n");
    assert!(bob.status == Some(0) && bob.stderr.starts_with(&not_saved), "{}", bob.stderr);
    assert_eq!(names(&pair.saved), [""; 0]);
}

#[test]
fn an_offer_that_nobody_has_taken_holds_up_no_chat_that_is_left() {
    let world = World::new();
    let _daemons = super::in_a_chat(&world);
    let given = file(&world, "x.bin", 11);
    let told = world.ctl(1, &["send", "--no-wait", "--json", "--file", text(&given)]).ok();
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let id = &told["id"];
    assert!(world.ctl(2, &["listen", "-n", "1"]).ok().contains("x.bin"));
    let shown = world.ctl(1, &["chats"]).ok();
    assert!(shown.ends_with("; has not taken x.bin (11 bytes)\n"), "{shown}");
    let again = "(send it again: simpctl send --file)";
    world
        .ctl(1, &["quit"])
        .fails(8, &format!("simpctl: not delivered: file {id} (x.bin): nobody has taken it {again}"));
    let told = world.ctl(1, &["history", "--all"]).ok();
    assert!(told.contains(&format!("* file {id} came to nothing with bob@")), "{told}");
    // So it is for whoever waits for it.
    world.ctl(1, &["connect", &world.address(2)]).ok();
    let sending = world.spawn_ctl(1, &["send", "--file", text(&given)]);
    assert!(world.ctl(2, &["listen", "-n", "1"]).ok().contains("x.bin"));
    assert_eq!(world.ctl(1, &["quit"]).status, Some(8));
    sending.wait().fails(8, "simpctl: x.bin: not delivered: nobody has taken it");
}
