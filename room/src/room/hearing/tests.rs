//! What a door makes of what another has posted.

use crate::member::Rate;
use crate::room::{Action, By, Newcomer, Post, Room, RoomSettings, Seat, Stored};

const NOW: u64 = 1_000_000;

/// The door north of a room without passwords, with bob inside in the chat 1.
fn north() -> Room {
    let settings = RoomSettings {
        name: "lobby".to_owned(),
        is_open: true,
        history: 2,
        motd: Vec::new(),
        max_members: 3_000,
        max_accounts: 9,
        rate: Rate { messages: 20 },
        door: Some("north".to_owned()),
    };
    let mut room = Room::new(settings, Stored::default());
    room.opened(NOW, 1, "bob", "10.0.0.1:7777", &Newcomer::default());
    come_back(&mut room);
    room
}

/// The room hears what it has posted. Gives what else it wants done.
fn come_back(room: &mut Room) -> Vec<Action> {
    let mut others = Vec::new();
    loop {
        let actions = room.take_actions();
        if actions.is_empty() {
            return others;
        }
        for action in actions {
            match action {
                Action::Post(post) => room.heard_post(NOW, "north", post),
                other => others.push(other),
            }
        }
    }
}

/// What bob is told.
fn told(actions: Vec<Action>) -> Vec<String> {
    let told = actions.into_iter().filter_map(|action| match action {
        Action::Send { to, text, .. } if to.id == 1 => Some(text.to_string()),
        _ => None,
    });
    told.collect()
}

fn enters(room: &mut Room, door: &str, name: &str, chat: u64) {
    let seat = Seat {
        name: name.to_owned(),
        door: door.to_owned(),
        chat,
        address: "10.0.0.9:7777".to_owned(),
        since_ms: NOW,
    };
    room.heard_post(NOW, door, Post::Entered { seat, is_proved: false });
}

fn says(room: &mut Room, door: &str, (name, chat): (&str, u64), to: Option<&str>, text: &str) {
    let (by, text) = (By::Member { name: name.to_owned(), chat }, text.to_owned());
    let post = match to {
        Some(to) => Post::Direct { by, to: to.to_owned(), text },
        None => Post::Public { by, text },
    };
    room.heard_post(NOW, door, post);
}

#[test]
fn in_a_room_without_passwords_nobody_hears_those_whose_name_another_has() {
    let mut room = north();
    enters(&mut room, "east", "ann", 5);
    // South was cut off, let in somebody with the same name meanwhile, and says now what was said there.
    enters(&mut room, "south", "ann", 6);
    says(&mut room, "south", ("ann", 6), None, "give bob nothing");
    says(&mut room, "south", ("ann", 6), Some("bob"), "give me all");
    says(&mut room, "east", ("ann", 5), None, "hello");
    let told = told(come_back(&mut room));
    assert_eq!(told.last().map(String::as_str), Some("[ann] hello"));
    assert!(!told.iter().any(|line| line.contains("give")), "{told:?}");
}

#[test]
fn what_is_said_to_one_goes_to_whoever_has_that_very_name_then() {
    let mut room = north();
    enters(&mut room, "east", "Ann", 5);
    room.said(NOW, 1, 2, "DM Ann hi", 0);
    let posted = room.take_actions();
    room.heard_post(NOW, "east", Post::Left { name: "Ann".to_owned(), chat: 5 });
    enters(&mut room, "east", "ann", 6);
    let Some(Action::Post(post)) = posted.into_iter().find(|action| matches!(action, Action::Post(_))) else {
        panic!("nothing was posted")
    };
    room.heard_post(NOW, "north", post);
    let confirmed = come_back(&mut room).into_iter().find_map(|action| match action {
        Action::Confirm { whom, elsewhere, .. } => Some((whom, elsewhere)),
        _ => None,
    });
    assert_eq!(confirmed, Some((Some("Ann".to_owned()), 0)), "east sends it to nobody");
}

#[test]
fn nobody_comes_in_if_too_much_waits_for_the_other_doors() {
    let mut room = north();
    room.waits(4 << 20);
    room.opened(NOW, 2, "carol", "10.0.0.2:7777", &Newcomer::default());
    let told = come_back(&mut room).into_iter().find_map(|action| match action {
        Action::Send { to, text, .. } if to.id == 2 => Some(text.to_string()),
        _ => None,
    });
    let line = "the other doors cannot be reached, and too much waits for them: come again later";
    assert_eq!(told.as_deref(), Some(line));
}

#[test]
fn a_door_tells_of_many_members_in_several_posts() {
    let mut north = north();
    for chat in 2..2_400 {
        north.opened(NOW, chat, &format!("member {chat}"), "10.0.0.1:7777", &Newcomer::default());
    }
    drop(come_back(&mut north));
    north.post_here(NOW, true);
    let posts = north.take_actions().into_iter().filter_map(|action| match action {
        Action::Post(post) => Some(post),
        _ => None,
    });
    let posts: Vec<_> = posts.collect();
    assert_eq!(posts.len(), 3);
    let is_small = |post: &Post| serde_json::to_vec(post).unwrap().len() < 1 << 19;
    assert!(posts.iter().all(is_small));
    // One has heard of three who are not there any more.
    let mut east = self::north();
    for (name, chat) in [("alice", 9_001), ("member 2000a", 9_002), ("zoe", 9_003)] {
        enters(&mut east, "far", name, chat);
    }
    posts.into_iter().for_each(|post| east.heard_post(NOW, "far", post));
    assert_eq!(east.seen().iter().filter(|seen| seen.door.as_deref() == Some("far")).count(), 2_398);
    assert!(["alice", "member 2000a", "zoe"].iter().all(|name| east.seat(name).is_none()));
    let answers = east.take_actions().into_iter().filter(|action| matches!(action, Action::Post(_))).count();
    assert_eq!(answers, 1, "it is asked once who is inside there");
}
