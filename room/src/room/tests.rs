//! The tables of a member's states, and what a room makes of each line.

mod elsewhere;

use super::{Action, Computed, Newcomer, Room, RoomSettings, Stored, Task};
use crate::member::{MemberState, Rate};
use crate::now::Now;

/// Time at which everything happens unless said otherwise.
const NOW: u64 = 1_000_000;

/// A room, and what it has told whom.
struct World {
    room: Room,
    told: Vec<(u64, String)>,
    /// Passwords that wait to be computed: chat, event, password, what for.
    jobs: Vec<(u64, u64, String, Task)>,
    /// What else it wants done.
    deeds: Vec<Action>,
    event: u64,
    /// There is an account of each name.
    is_taken: bool,
    /// Accounts that were made.
    registered: Vec<(String, String)>,
    /// What the operator was told.
    answers: Vec<(u64, usize)>,
}

fn settings() -> RoomSettings {
    RoomSettings {
        name: "lobby".to_owned(),
        is_open: false,
        history: 2,
        motd: vec!["be kind".to_owned()],
        max_members: 4,
        max_accounts: 9,
        rate: Rate { messages: 20 },
        door: None,
    }
}

impl World {
    fn new(settings: RoomSettings) -> Self {
        let room = Room::new(settings, Stored::default());
        Self {
            room,
            told: Vec::new(),
            jobs: Vec::new(),
            deeds: Vec::new(),
            event: 0,
            is_taken: false,
            registered: Vec::new(),
            answers: Vec::new(),
        }
    }

    fn open() -> Self {
        Self::new(RoomSettings { is_open: true, motd: Vec::new(), ..settings() })
    }

    fn comes(&mut self, chat: u64, name: &str, newcomer: &Newcomer) -> Vec<String> {
        let address = format!("10.0.0.{chat}:7777");
        self.room.opened(NOW, chat, name, &address, newcomer);
        self.collect();
        self.told(chat)
    }

    /// Comes into a room without passwords. What all were told of it is not looked at.
    fn enters(&mut self, chat: u64, name: &str) {
        self.comes(chat, name, &Newcomer::default());
        self.room.due(Now::at(NOW + 10_000));
        self.collect();
        self.told.clear();
    }

    fn says(&mut self, chat: u64, text: &str) -> Vec<String> {
        self.event += 1;
        self.room.said(NOW, chat, self.event, text, 0);
        self.collect();
        self.told(chat)
    }

    /// Computes the passwords that wait: the hash of one is its text after a `#`.
    fn computes(&mut self, account: &str) {
        for (chat, event, password, task) in std::mem::take(&mut self.jobs) {
            let computed = match task {
                Task::Hash => Computed::Hash(format!("#{password}")),
                Task::MatchAccount(_) => Computed::Matches(password == account),
                Task::MatchHash(hash) => Computed::Matches(hash == format!("#{password}")),
                Task::Register { name, hash } => {
                    self.registered.extend((!self.is_taken).then_some((name, hash)));
                    Computed::Registered(!self.is_taken)
                }
            };
            self.room.computed(NOW, chat, (event, password), computed);
            self.collect();
        }
        // What was computed can lead to an account.
        if !self.jobs.is_empty() {
            self.computes(account);
        }
    }

    /// Gives the right password of an account, and comes in.
    fn gives(&mut self, name: &str, chat: u64) -> Vec<String> {
        self.says(chat, name);
        let (its, others) = std::mem::take(&mut self.jobs).into_iter().partition(|(of, ..)| *of == chat);
        self.jobs = its;
        self.computes(name);
        self.jobs = others;
        self.told(chat)
    }

    fn collect(&mut self) {
        let mut reached = 0;
        for action in self.room.take_actions() {
            match action {
                Action::Send { to, text, part_of } => {
                    reached += usize::from(part_of.is_some());
                    self.told.push((to.id, text.to_string()));
                }
                Action::Confirm { to, whom, elsewhere, .. } => {
                    let count = reached + elsewhere;
                    let told = match whom {
                        Some(whom) if count == 0 => format!("not sent: {whom} has just left"),
                        Some(whom) => format!("sent to {whom}"),
                        None => format!("sent to {count}"),
                    };
                    self.told.push((to.id, told));
                }
                Action::Quit(chat) => self.told.push((chat.id, "(quit)".to_owned())),
                Action::Compute { chat, event, password, task } => {
                    self.jobs.push((chat, event, password, task));
                }
                Action::Answer { order, count } => self.answers.push((order, count)),
                deed => self.deeds.push(deed),
            }
        }
    }

    /// What this one was told since the last time.
    fn told(&mut self, chat: u64) -> Vec<String> {
        let all = std::mem::take(&mut self.told);
        let (its, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|(to, _)| *to == chat);
        self.told = others;
        its.into_iter().map(|(_, text)| text).collect()
    }

    fn state(&self, chat: u64) -> Option<&MemberState> {
        self.room.member(chat).map(|member| &member.state)
    }
}

fn known() -> Newcomer {
    Newcomer { is_known: true, ..Newcomer::default() }
}

#[test]
fn somebody_new_chooses_a_password_twice_and_is_in_the_room() {
    let mut world = World::new(settings());
    let greeting = world.comes(1, "ann", &Newcomer::default());
    assert_eq!(greeting, ["Welcome to lobby, ann. You are new here: choose a password."]);
    assert_eq!(world.says(1, "WHO"), ["first choose a password, please (EX leaves)"]);
    assert_eq!(world.says(1, "abc"), ["too short: choose a password of 4 characters or more"]);
    assert_eq!(world.says(1, "secret"), [""; 0]);
    world.computes("");
    assert_eq!(world.told(1), ["Please enter it once more."]);
    assert_eq!(world.says(1, "PM hi"), ["first the same password once more, please (EX leaves)"]);
    world.says(1, "other");
    world.computes("");
    assert_eq!(world.told(1), ["The passwords differ: choose a password."]);
    for _ in 0..2 {
        world.says(1, "secret");
        world.computes("");
    }
    let inside = "You are in lobby. Here: nobody. (HELP lists the commands.)";
    assert_eq!(world.told(1), ["be kind", inside]);
    let forgive = Action::Forgive { name: "ann".to_owned(), host: "10.0.0.1".to_owned(), wrong: 0 };
    assert_eq!(world.registered, [("ann".to_owned(), "#secret".to_owned())]);
    assert_eq!(world.deeds, [forgive]);
    assert_eq!(world.state(1), Some(&MemberState::Inside(None)));
}

#[test]
fn what_is_said_while_a_password_is_computed_waits_for_it() {
    let mut world = World::new(settings());
    world.comes(1, "ann", &Newcomer::default());
    for line in ["secret", "secret", "PM hello"] {
        world.says(1, line);
    }
    world.computes("");
    world.computes("");
    let told = world.told(1);
    assert_eq!(told.last().map(String::as_str), Some("sent to 0"), "{told:?}");
    world.comes(2, "bob", &Newcomer::default());
    let told: Vec<_> = (0..10).flat_map(|n| world.says(2, &format!("line {n}"))).collect();
    assert_eq!(told, ["too much at once, not read: wait until your password is checked"]);
}

#[test]
fn whoever_is_known_gives_its_password_and_has_three_tries() {
    let mut world = World::new(settings());
    assert_eq!(world.comes(1, "ann", &known()), ["Welcome to lobby, ann. Your password?"]);
    assert_eq!(world.says(1, "DM bob hi"), ["first your password, please (EX leaves)"]);
    for told in [&["Wrong. Your password?"][..], &["Wrong. Your password?"]] {
        world.says(1, "guess");
        world.computes("secret");
        assert_eq!(world.told(1), told);
    }
    world.says(1, "guess");
    world.computes("secret");
    assert_eq!(world.told(1), ["wrong for the third time: goodbye", "(quit)"]);
    let strike = Action::Strike { name: "ann".to_owned(), host: "10.0.0.1".to_owned() };
    assert_eq!(std::mem::take(&mut world.deeds), [strike.clone(), strike.clone(), strike], "each counts");
    assert_eq!(world.says(1, "secret"), [""; 0], "it is leaving");
    world.room.closed(NOW, 1);
    let paused = Newcomer { pause_ms: 14_001, ..known() };
    assert_eq!(world.comes(2, "ann", &paused), ["too many wrong passwords: try again in 15 s", "(quit)"]);
    world.comes(3, "ann", &known());
    world.room.said(NOW, 3, 99, "secret", 2_000);
    world.collect();
    assert_eq!(world.told(3), ["too many wrong passwords: wait 2 s"]);
    world.says(3, "secret");
    world.computes("secret");
    assert_eq!(world.told(3).last().unwrap(), "You are in lobby. Here: nobody. (HELP lists the commands.)");
    assert_eq!(
        world.deeds,
        [Action::Forgive { name: "ann".to_owned(), host: "10.0.0.3".to_owned(), wrong: 0 }]
    );
}

#[test]
fn a_password_that_is_said_once_more_is_no_line_for_all() {
    let mut world = World::new(settings());
    world.comes(1, "ann", &known());
    for line in ["secret\n", "WHO", "secret\n"] {
        world.says(1, line);
    }
    world.computes("secret");
    assert_eq!(world.told(1).last().unwrap(), "that is your password: not sent");
    assert_eq!(world.says(1, "secret"), ["sent to 0"], "later it is a line like any other");
}

#[test]
fn a_name_that_was_given_away_while_it_was_chosen_lets_nobody_in() {
    let mut world = World::new(settings());
    world.comes(1, "boss", &Newcomer::default());
    world.says(1, "secret");
    world.computes("");
    world.is_taken = true;
    world.told.clear();
    world.says(1, "secret");
    world.computes("");
    assert_eq!(world.told(1), ["that name has been taken in the meantime: goodbye", "(quit)"]);
    assert_eq!(world.deeds, []);
}

#[test]
fn who_does_not_come_in_is_told_why() {
    let mut world = World::new(settings());
    world.comes(1, "ann", &known());
    world.gives("ann", 1);
    let unusable = "cannot be used here: choose another (letters, digits, spaces and _ - . @ + ' ?)";
    let reserved = "cannot be used here: it is a word of the room, choose another";
    let banned = Newcomer { banned: Some("spam".to_owned()), ..Newcomer::default() };
    let many = Newcomer { accounts: 9, ..Newcomer::default() };
    for (chat, (name, newcomer, told)) in (2..).zip([
        ("Ann", Newcomer::default(), "that name is in use: choose another, or wait until Ann leaves"),
        ("you", Newcomer::default(), &format!("the name \"you\" {reserved}")),
        ("YOU", Newcomer::default(), &format!("the name YOU {reserved}")),
        ("a] b", Newcomer::default(), &format!("the name \"a] b\" {unusable}")),
        ("", Newcomer::default(), &format!("the name \"\" {unusable}")),
        ("Nobody", Newcomer::default(), &format!("the name Nobody {reserved}")),
        (
            "127.0.0.1",
            Newcomer::default(),
            "the name 127.0.0.1 cannot be used here: it is an address, choose another",
        ),
        (
            "Lobby",
            Newcomer::default(),
            "the name Lobby cannot be used here: it is that of the room, choose another",
        ),
        ("eve", banned, "you are banned from lobby: spam"),
        ("eve", many, "lobby accepts no new accounts (there are 9 accounts)"),
    ]) {
        assert_eq!(world.comes(chat, name, &newcomer), [told, "(quit)"], "{name}");
        world.room.closed(NOW, chat);
    }
    for (chat, name) in [(12, "b"), (13, "c"), (14, "d"), (15, "e")] {
        world.comes(chat, name, &known());
    }
    for (chat, name) in [(12, "b"), (13, "c"), (14, "d")] {
        world.gives(name, chat);
    }
    let full = ["lobby is full (4 are here): come again later", "(quit)"];
    assert_eq!(world.comes(16, "f", &Newcomer::default()), full);
    world.told.clear();
    assert_eq!(world.gives("e", 15), full, "who stood at the door already");
    world.comes(17, "d", &known());
    assert_eq!(
        world.gives("d", 17).last().unwrap(),
        "You are in lobby. Here: ann, b, c. (HELP lists the commands.)"
    );
}

#[test]
fn nobody_at_the_door_holds_a_name_or_a_place() {
    let mut world = World::new(RoomSettings { max_members: 1, ..settings() });
    let asked = "Welcome to lobby, ann. Your password?";
    assert_eq!(world.comes(1, "ann", &known()), [asked]);
    world.says(1, "a guess");
    assert_eq!(world.comes(2, "Ann", &known()), ["Welcome to lobby, Ann. Your password?"]);
    let inside = "You are in lobby. Here: nobody. (HELP lists the commands.)";
    assert_eq!(world.gives("Ann", 2).last().unwrap(), inside);
    world.told.clear();
    // A chat of hers that may be dead: whoever has her password comes in, in its place.
    assert_eq!(world.comes(3, "ann", &known()), [asked]);
    assert_eq!(world.gives("ann", 3).last().unwrap(), inside);
    assert_eq!(world.told(2), ["you came in from elsewhere: goodbye", "(quit)"]);
    world.room.closed(NOW, 2);
    assert_eq!(world.room.inside("ann"), Some(3));
}

#[test]
fn whoever_chooses_a_password_first_has_the_name() {
    let mut world = World::new(settings());
    for chat in [1, 2] {
        let greeting = world.comes(chat, "bob", &Newcomer::default());
        assert_eq!(greeting, ["Welcome to lobby, bob. You are new here: choose a password."]);
        world.says(chat, "secret");
        world.computes("");
    }
    world.says(2, "secret");
    world.computes("");
    assert_eq!(world.room.inside("bob"), Some(2));
    world.told.clear();
    world.says(1, "secret");
    world.computes("");
    assert_eq!(world.told(1), ["that name has been taken in the meantime: goodbye", "(quit)"]);
    let told = world.comes(3, "bob", &Newcomer::default());
    assert_eq!(
        told[0], "that name is in use: choose another, or wait until bob leaves",
        "its account is gone"
    );
}

#[test]
fn what_is_said_to_all_goes_to_all_others_and_is_confirmed() {
    let mut world = World::open();
    for (chat, name) in [(1, "ann"), (2, "bob"), (3, "carol")] {
        world.enters(chat, name);
    }
    assert_eq!(world.says(1, "PM hello \x1b[2J"), ["sent to 2"]);
    assert_eq!(world.says(1, "plain"), ["sent to 2"]);
    assert_eq!(world.told(2), ["[ann] hello \\x1b[2J", "[ann] plain"]);
    assert_eq!(world.told(3), ["[ann] hello \\x1b[2J", "[ann] plain"]);
    assert_eq!(world.says(1, "PM"), ["what do you want to say to everybody?"]);
    assert_eq!(world.says(1, "this"), ["sent to 2"]);
    assert_eq!(world.told(2), ["[ann] this"]);
    assert_eq!(world.says(1, "  "), ["nothing to send (HELP lists the commands)"]);
    let told = world.comes(4, "dave", &Newcomer::default());
    assert_eq!(told[..2], ["[ann] plain", "[ann] this"], "the last two lines");
    assert_eq!(told[2], "You are in lobby. Here: ann, bob, carol. (HELP lists the commands.)");
}

#[test]
fn what_is_said_to_one_goes_to_that_one_and_what_is_missing_is_asked_for() {
    let mut world = World::open();
    for (chat, name) in [(1, "ann"), (2, "bob"), (3, "bob lee")] {
        world.enters(chat, name);
    }
    assert_eq!(world.says(1, "DM bob hi"), ["sent to bob"]);
    assert_eq!(world.says(1, "dm BOB LEE hi"), ["sent to bob lee"]);
    assert_eq!(
        (world.told(2), world.told(3)),
        (vec!["[ann -> you] hi".to_owned()], vec!["[ann -> you] hi".to_owned()])
    );
    assert_eq!(world.says(1, "DM bbo hi"), ["no such user: bbo; here: bob, bob lee"]);
    assert_eq!(world.says(1, "DM ann hi"), ["you cannot message yourself"]);
    assert_eq!(world.says(1, "DM"), ["to whom? here: bob, bob lee"]);
    assert_eq!(world.says(1, "bob"), ["what do you want to say to bob?"]);
    assert_eq!(world.says(1, "WHO"), ["here: you, bob, bob lee"]);
    assert_eq!(world.says(1, "psst"), ["sent to bob"]);
    assert_eq!(world.says(1, "DM bob"), ["what do you want to say to bob?"]);
    assert_eq!(world.says(1, "DM bob lee x"), ["sent to bob lee"], "the question is over");
    assert_eq!(world.told(2), ["[ann -> you] psst"]);
    world.says(1, "DM bob");
    world.room.closed(NOW, 2);
    assert_eq!(world.says(1, "gone?"), ["no such user: bob; here: bob lee"]);
}

#[test]
fn who_comes_and_leaves_is_told_to_the_others_once_a_second_at_most() {
    let mut world = World::open();
    world.enters(1, "ann");
    world.room.due(Now::at(NOW));
    world.comes(2, "bob", &Newcomer::default());
    world.comes(3, "carol", &Newcomer::default());
    assert_eq!(world.says(3, "EX"), ["goodbye", "(quit)"]);
    assert_eq!(world.told(1), [""; 0]);
    assert_eq!(world.room.wait_ms(Now::at(NOW)), Some(1_000));
    let due = NOW + 1_000;
    world.room.due(Now::at(due));
    world.collect();
    assert_eq!(world.told(1), ["* bob, carol joined; carol left"]);
    world.room.closed(due, 3);
    world.room.due(Now::at(due + 9_000));
    world.room.closed(due + 9_000, 2);
    world.collect();
    assert_eq!(world.told(1), ["* bob left"], "its chat has ended");
    assert_eq!(world.room.wait_ms(Now::at(due + 9_000)), None, "nothing is to be done");
}

#[test]
fn who_says_too_much_is_refused_and_at_last_sent_away() {
    let mut world = World::open();
    world.enters(1, "ann");
    world.enters(2, "eve");
    let told: Vec<_> = (0..300).flat_map(|_| world.says(2, "x")).collect();
    let count = |text: &str| told.iter().filter(|told| *told == text).count();
    assert_eq!(count("sent to 1"), 20);
    assert_eq!(count("too fast, not sent: at most 20 messages in 10 s"), 200);
    assert_eq!(told[220..], ["too many messages: goodbye", "(quit)"]);
    let shown = world.told(1);
    assert_eq!(shown.iter().filter(|line| *line == "[eve] x").count(), 20);
}

#[test]
fn who_gives_no_password_is_sent_away_in_the_end() {
    let mut world = World::new(settings());
    world.comes(1, "ann", &known());
    world.room.due(Now::at(NOW));
    assert_eq!(world.room.wait_ms(Now::at(NOW)), Some(300_000));
    let due = NOW + 300_000;
    world.room.due(Now::at(due - 1));
    world.collect();
    assert_eq!(world.state(1), Some(&MemberState::Asked(crate::member::Password::Known)));
    world.told.clear();
    world.room.due(Now::at(due));
    world.collect();
    assert_eq!(world.told(1), ["no password given: goodbye", "(quit)"]);
}

#[test]
fn a_clock_that_is_set_changes_nothing_for_those_at_the_door() {
    let mut world = World::new(settings());
    world.comes(1, "ann", &known());
    world.room.due(Now::at(NOW));
    for wall_ms in [NOW + 3_600_000, NOW - 900_000] {
        let now = Now { wall_ms, steady_ms: NOW + 299_999 };
        world.room.due(now);
        assert_eq!(world.state(1), Some(&MemberState::Asked(crate::member::Password::Known)));
        assert_eq!(world.room.wait_ms(now), Some(1));
    }
    world.room.due(Now { wall_ms: NOW - 900_000, steady_ms: NOW + 300_000 });
    world.collect();
    assert_eq!(world.told(1), ["no password given: goodbye", "(quit)"]);
}

#[test]
fn what_is_too_long_for_a_line_is_refused_and_counts_as_one() {
    let mut world = World::open();
    world.enters(1, "ann");
    world.enters(2, "bob");
    let refused = "too long, not sent: a line has at most 985 bytes";
    for text in ["\u{ff}".repeat(986), "x".repeat(4_000), format!("DM bob {}", "x".repeat(979))] {
        assert_eq!(world.says(1, &text), [refused]);
    }
    assert_eq!(world.told(2), [""; 0]);
    // 20 are allowed: three were refused, and each of these is five lines. (Here it is lines that are counted.)
    for _ in 0..3 {
        assert_eq!(world.says(1, &"\u{ff}".repeat(985)), ["sent to 5"]);
    }
    assert_eq!(world.says(1, &"\u{ff}".repeat(985)), ["too fast, not sent: at most 20 messages in 10 s"]);
    assert_eq!(world.told(2).len(), 15);
    assert_eq!(world.says(1, "that is all"), ["sent to 1"]);
}

#[test]
fn who_came_while_the_room_was_away_has_its_time_from_the_start_on() {
    let mut world = World::new(settings());
    world.room.opened(NOW - 600_000, 1, "ann", "10.0.0.1:7777", &known());
    world.says(1, "secret");
    world.room.due(Now::at(NOW));
    world.computes("secret");
    assert_eq!(world.state(1), Some(&MemberState::Inside(None)));
}

#[test]
fn the_operator_says_something_and_sends_people_away() {
    let mut world = World::open();
    for (chat, name) in [(1, "ann"), (2, "bob")] {
        world.enters(chat, name);
    }
    world.room.say(NOW, 7, "hi");
    world.room.set_topic("cats");
    world.room.kick(NOW + 9_000, 8, "Bob", "too loud");
    world.room.kick(NOW, 9, "bob", "");
    assert_eq!(world.room.banned(NOW, "10.0.0.1", ""), 1);
    world.collect();
    assert_eq!(world.answers, [(7, 2), (8, 1), (9, 0)]);
    assert_eq!(world.told(2), ["[lobby] hi", "* topic: cats", "you were sent away: too loud", "(quit)"]);
    assert_eq!(world.told(1), ["[lobby] hi", "* topic: cats", "* bob left", "you are banned", "(quit)"]);
    assert_eq!(world.comes(3, "carol", &Newcomer::default())[0], "topic: cats");
}

#[test]
fn who_need_not_know_that_it_is_asked_is_told_once_that_it_went_to_nobody() {
    let mut world = World::new(settings());
    world.room.found_open(NOW, 1, ("ann", "10.0.0.1:7777"), &known(), 5);
    world.collect();
    assert_eq!(world.told(1), ["Welcome to lobby, ann. Your password?"]);
    let early = "not sent, as lobby asks again who you are: first your password, please (EX leaves)";
    assert_eq!(world.says(1, "hello"), [early]);
    assert_eq!(world.says(1, "PM hello"), [""; 0]);
    assert_eq!((world.room.unaware_since(1), world.deeds.len()), (Some(5), 0));
    world.room.knows(1);
    assert_eq!(world.says(1, "WHO"), ["first your password, please (EX leaves)"]);
    assert_eq!(world.room.unaware_since(1), None);
    world.room.found_open(NOW, 1, ("ann", "10.0.0.1:7777"), &known(), 9);
    assert_eq!(world.room.unaware_since(1), None, "it was known");
}
