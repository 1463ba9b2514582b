//! A room with several doors, as one of them: what the others post is heard.

use super::{NOW, World, known, settings};
use crate::member::MemberState;
use crate::room::{By, Newcomer, Post, Room, RoomSettings, Seat, Stored};

fn north() -> World {
    let settings = RoomSettings { door: Some("north".to_owned()), motd: Vec::new(), ..settings() };
    World { room: Room::new(settings.clone(), Stored::default()), ..World::new(settings) }
}

fn seat(name: &str, chat: u64) -> Seat {
    let address = format!("10.0.1.{chat}:7777");
    Seat { name: name.to_owned(), door: String::new(), chat, address, since_ms: NOW }
}

impl World {
    /// What is posted here is in the stream, and heard.
    fn stream(&mut self) {
        for action in std::mem::take(&mut self.deeds) {
            if let super::Action::Post(post) = action {
                self.hears("north", post);
            }
        }
    }

    fn hears(&mut self, door: &str, post: Post) {
        self.room.heard_post(NOW, door, post);
        self.collect();
    }
}

#[test]
fn whoever_comes_in_from_another_door_is_none_of_the_others_and_leaves_there() {
    let mut world = north();
    for (name, chat) in [("ann", 1), ("bob", 2)] {
        world.hears("south", Post::Entered { seat: seat(name, chat), is_proved: true });
    }
    world.comes(7, "ann", &known());
    let told = world.gives("ann", 7);
    assert_eq!(told.last().unwrap(), "You are in lobby. Here: bob. (HELP lists the commands.)");
    world.stream();
    assert_eq!(world.says(7, "WHO"), ["here: you, bob"]);
    assert_eq!(world.room.seat("ann").map(|seat| seat.door.as_str()), Some("north"));
    // And then goes back.
    world.hears("south", Post::Entered { seat: seat("ann", 3), is_proved: true });
    assert_eq!(world.told(7), ["you came in from elsewhere: goodbye", "(quit)"]);
    assert_eq!(world.state(7), Some(&MemberState::Leaving));
    world.stream();
    assert_eq!(world.room.seat("ann").map(|seat| seat.door.as_str()), Some("south"), "it has not left");
}

#[test]
fn a_line_is_confirmed_when_it_is_heard_to_as_many_as_are_inside_by_then() {
    let mut world = north();
    world.comes(7, "ann", &known());
    world.gives("ann", 7);
    world.stream();
    assert_eq!(world.says(7, "PM hello"), [""; 0]);
    world.hears("south", Post::Entered { seat: seat("bob", 1), is_proved: true });
    world.told.clear();
    world.stream();
    assert_eq!(world.told(7), ["sent to 1"]);
    world.says(7, "DM bob psst");
    world.stream();
    assert_eq!(world.told(7), ["sent to bob"]);
    world.says(7, "DM bob are you there?");
    world.hears("south", Post::Left { name: "bob".to_owned(), chat: 1 });
    world.told.clear();
    world.stream();
    assert_eq!(world.told(7), ["not sent: bob has just left"]);
}

#[test]
fn a_door_that_was_taken_for_gone_says_who_is_inside() {
    let mut world = north();
    world.comes(7, "ann", &known());
    world.gives("ann", 7);
    world.stream();
    world.told.clear();
    world.hears("south", Post::Gone { door: "north".to_owned() });
    world.stream();
    assert_eq!(world.told(7), [""; 0], "nobody has left");
    assert_eq!(world.room.seat("ann").map(|seat| seat.chat), Some(7));
    // Somebody has used the time.
    world.hears("south", Post::Gone { door: "north".to_owned() });
    world.hears("south", Post::Entered { seat: seat("ann", 3), is_proved: false });
    world.told.clear();
    world.stream();
    assert_eq!(world.told(7), ["somebody came in with your name elsewhere: goodbye", "(quit)"]);
}

#[test]
fn while_the_other_doors_are_away_members_are_told_once_and_too_much_is_refused() {
    let mut world = north();
    world.comes(7, "ann", &known());
    world.gives("ann", 7);
    world.stream();
    world.told.clear();
    let away = "* the other doors cannot be reached: what you say waits, and is confirmed when it is out";
    (0..3).for_each(|_| world.room.reaches(false));
    world.collect();
    assert_eq!(world.told(7), [away]);
    world.comes(8, "bob", &known());
    assert!(world.gives("bob", 8).contains(&away.to_owned()));
    let refused =
        "no new accounts can be made right now, as the other doors cannot be reached: come again later";
    assert_eq!(world.comes(9, "carol", &Newcomer::default()), [refused, "(quit)"]);
    world.room.waits(4 << 20);
    let refused = "not sent: too much waits already until the other doors can be reached";
    assert_eq!(world.says(7, "hello"), [refused]);
    assert_eq!(world.says(7, "DM bob hello"), [refused]);
    world.room.reaches(true);
    world.collect();
    assert_eq!(world.told(7), ["* the other doors are there again"]);
}

#[test]
fn what_no_door_posts_is_not_heard() {
    let mut world = north();
    world.comes(7, "ann", &known());
    world.gives("ann", 7);
    world.stream();
    world.told.clear();
    for name in ["", "you", "a] b", "\x1b[2J", "127.0.0.1"] {
        let by = || By::Member { name: name.to_owned(), chat: 1 };
        world.hears("south", Post::Public { by: by(), text: "x".to_owned() });
        world.hears("south", Post::Direct { by: by(), to: "ann".to_owned(), text: "x".to_owned() });
        world.hears("south", Post::Entered { seat: seat(name, 1), is_proved: true });
        world.hears(
            "south",
            Post::Here { seats: vec![seat(name, 1)], from: String::new(), until: None, asks: false },
        );
    }
    assert_eq!(world.told(7), [""; 0]);
    assert_eq!(world.says(7, "WHO"), ["here: only you"]);
}
