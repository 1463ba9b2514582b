//! Members with other programs: doubles of the crate `simp-doubles`, each on its own address, port 7777. What their users
//! see and what others see of them, to the letter.

use std::net::SocketAddr;

use nix::sys::signal::Signal;
use simp_doubles::{Double, DoubleState, OnFin, Row, Sends, Traits, rows};

use super::Lobby;
use super::guest::Guest;
use crate::harness::RunningDouble;

/// Nothing shows that the first number of the one is 1, and that the other has heard us, before their users write.
const WRITE_FIRST: [&str; 2] = ["D-kept", "I"];

/// Who uses another program.
struct Foreigner {
    row: Row,
    name: String,
    double: RunningDouble,
}

impl Foreigner {
    /// From address number `host`, in a chat with the room's simpd.
    fn comes(lobby: &Lobby, host: u8, row: Row) -> Self {
        let (own, name) = (format!("user{host}"), name_of(&row, host));
        let double = RunningDouble::start(row.traits.clone(), &own, &lobby.world.address(host));
        let room: SocketAddr = format!("{}:7777", lobby.to()).parse().unwrap();
        double.act(|double, now| double.invite(now, room));
        double.when("open", |double| double.state() == DoubleState::Open);
        Self { row, name, double }
    }

    /// Its user writes this, in turn.
    #[track_caller]
    fn says(&self, text: &str) {
        self.double.when("the turn to write", Double::may_say);
        assert!(self.double.act(|double, now| double.say(now, text)));
    }

    /// Its user is shown this.
    #[track_caller]
    fn sees(&self, line: &str) {
        self.double.when(line, |double| double.shown().iter().any(|shown| shown == line));
    }

    /// Its user is shown this, unless its program takes no message before it has sent one.
    #[track_caller]
    fn greeted_with(&self, greeting: &str) {
        if !WRITE_FIRST.contains(&self.row.name) {
            self.sees(greeting);
        }
    }

    /// Chooses a password. Gives what its user was shown.
    fn is_new(&self) -> Vec<String> {
        let greeting = format!("Welcome to lobby, {}. You are new here: choose a password.", self.name);
        self.greeted_with(&greeting);
        self.says("secret");
        self.sees("Please enter it once more.");
        self.says("secret");
        vec![greeting, "Please enter it once more.".to_owned()]
    }

    /// Gives the password of an account. Gives what its user was shown.
    fn is_known(&self) -> Vec<String> {
        let greeting = format!("Welcome to lobby, {}. Your password?", self.name);
        self.greeted_with(&greeting);
        self.says("secret");
        vec![greeting]
    }

    /// From the greeting to the goodbye, with ann in the room.
    fn visits(&self, ann: &mut Guest, at_the_door: Vec<String>) {
        let Self { name, .. } = self;
        self.sees("You are in lobby. Here: ann. (HELP lists the commands.)");
        ann.learns(name, "joined");
        self.says("hello");
        ann.hears(&[&format!("[{name}] hello")]);
        self.sees("sent to 1");
        ann.asks("hi", "sent to 1");
        self.sees("[ann] hi");
        self.says("PM WHO");
        ann.hears(&[&format!("[{name}] WHO")]);
        self.says("DM ann psst");
        ann.hears(&[&format!("[{name} -> you] psst")]);
        self.sees("sent to ann");
        ann.asks(&format!("DM {name} psst"), &format!("sent to {name}"));
        self.sees("[ann -> you] psst");
        self.says("who");
        self.sees("here: you, ann");
        self.says("ex");
        self.sees("goodbye");
        ann.learns(name, "left");
        if matches!(self.row.traits.on_fin, OnFin::Ack | OnFin::FinAck) {
            self.double.when("over", |double| double.state() == DoubleState::Idle);
        }
        let inside = [
            "You are in lobby. Here: ann. (HELP lists the commands.)",
            "sent to 1",
            "[ann] hi",
            "sent to 1",
            "sent to ann",
            "[ann -> you] psst",
            "here: you, ann",
            "goodbye",
        ];
        let shown = self.double.act(|double, _| double.shown().to_vec());
        let by_simpd = |line: &&str| *line != "lobby accepted.";
        let shown: Vec<_> = shown.iter().map(String::as_str).filter(by_simpd).collect();
        let expected = at_the_door.iter().map(String::as_str).chain(inside);
        assert_eq!(shown, expected.collect::<Vec<_>>(), "{}", self.row.name);
    }
}

/// The name that the room has for the user of a program at this address.
fn name_of(row: &Row, host: u8) -> String {
    row.traits.syn_name.map_or_else(|| format!("user{host}"), str::to_owned)
}

/// The rows with these names.
fn of_names(names: &[&str]) -> Vec<Row> {
    let rows: Vec<_> = rows().into_iter().filter(|row| names.contains(&row.name)).collect();
    assert_eq!(rows.len(), names.len());
    rows
}

/// Whether somebody has been in the room before.
#[derive(Clone, Copy, PartialEq)]
enum Account {
    Has,
    Chooses,
}

/// Each of them visits a room in which ann is.
fn visit(rows: Vec<Row>, account: Account) {
    let lobby = Lobby::start(&["--history", "0"]);
    let mut ann = Guest::comes(&lobby, 2, "ann");
    ann.next_line();
    ann.asks("secret", "Please enter it once more.");
    ann.asks("secret", "You are in lobby. Here: nobody. (HELP lists the commands.)");
    for (row, host) in rows.into_iter().zip(3..) {
        if account == Account::Has {
            lobby.does_with(&["users", "add", &name_of(&row, host)], "secret\n").ok();
        }
        let foreigner = Foreigner::comes(&lobby, host, row);
        let at_the_door = match account {
            Account::Has => foreigner.is_known(),
            Account::Chooses => foreigner.is_new(),
        };
        foreigner.visits(&mut ann, at_the_door);
    }
}

#[test]
fn those_whose_programs_number_messages_otherwise_are_members_like_any_other() {
    visit(of_names(&["A", "D-kept", "F", "ack-next", "ack-0"]), Account::Chooses);
}

#[test]
fn those_whose_programs_write_datagrams_otherwise_are_members_like_any_other() {
    visit(of_names(&["E", "leading-nul", "nul-filled", "line-feed", "ephemeral"]), Account::Chooses);
}

#[test]
fn those_whose_programs_never_acknowledge_are_members_and_are_not_given_up() {
    let mut rows = of_names(&["G", "H", "I"]);
    let h = rows.iter().find(|row| row.name == "H").cloned().unwrap();
    rows.push(Row {
        name: "H, always 0",
        traits: Traits { sends: Sends::Always(0), ..h.traits.clone() },
        ..h
    });
    visit(rows, Account::Has);
}

#[test]
fn those_whose_programs_give_the_same_number_again_come_in_with_their_password() {
    visit(of_names(&["C", "D-kept", "always-0"]), Account::Has);
}

#[test]
fn what_is_said_meanwhile_comes_in_one_message_to_one_who_reads_only_after_writing() {
    let lobby = Lobby::start(&["--open", "--history", "0"]);
    let peers = format!("[peers]\n\"{}\" = \"takes-turns,counts-up\"\n", lobby.world.address(3));
    std::fs::write(lobby.world.path("simpd.toml"), format!("durability = \"process\"\n{peers}")).unwrap();
    lobby.simpd().signal(Signal::SIGHUP);
    lobby.simpd().client().status_when(|_| lobby.simpd().log().contains("configuration reloaded"));
    let mut ann = Guest::enters(&lobby, 2, "ann");
    let bob = Foreigner::comes(&lobby, 3, of_names(&["F"]).remove(0));
    ann.learns("user3", "joined");
    bob.says("WHO");
    bob.sees("You are in lobby. Here: ann. (HELP lists the commands.)\nhere: you, ann");
    ann.asks("one", "sent to 1");
    ann.asks("two", "sent to 1");
    bob.says("DM ann hi");
    ann.hears(&["[user3 -> you] hi"]);
    bob.sees("[ann] one\n[ann] two\nsent to ann");
    bob.says("EX");
    bob.sees("goodbye");
    ann.learns("user3", "left");
}
