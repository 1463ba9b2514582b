//! Posts that are lost, come too early, or are none.

use super::*;
use crate::room::{By, Seat};

fn link() -> Link {
    let mut link = Link::new("north".to_owned(), "id".to_owned(), StoredLink::default());
    link.began(1, &Look { stream: "s".to_owned(), bucket: "b".to_owned(), first: 1, ..Look::default() });
    assert!(link.works());
    link
}

fn public(text: &str) -> Post {
    Post::Public { by: By::Operator { order: 1 }, text: text.to_owned() }
}

/// The bodies of what is to be published.
fn published(link: &mut Link) -> Vec<Vec<u8>> {
    let bodies = link.take_asks().into_iter().filter_map(|ask| match ask {
        Ask::Publish(post) => Some(post.body),
        _ => None,
    });
    bodies.collect()
}

#[test]
fn every_kind_of_post_is_heard_as_it_was_posted() {
    let seat = Seat {
        name: "ann".to_owned(),
        door: "north".to_owned(),
        chat: 7,
        address: "127.0.0.1:7777".to_owned(),
        since_ms: 1,
    };
    let by = || By::Member { name: "ann".to_owned(), chat: 7 };
    let kinds = [
        public("a \"text\""),
        Post::Direct { by: by(), to: "bob".to_owned(), text: "hi".to_owned() },
        Post::Entered { seat: seat.clone(), is_proved: true },
        Post::Left { name: "ann".to_owned(), chat: 7 },
        Post::Kick { order: 3, who: "ann".to_owned(), why: String::new() },
        Post::Here { seats: vec![seat], from: "a".to_owned(), until: None, asks: true },
        Post::Gone { door: "south".to_owned() },
        Post::Past { line: "[ann] hi".to_owned() },
    ];
    let mut link = link();
    for (post, place) in kinds.into_iter().zip(1..) {
        link.post(post.clone());
        let bodies = published(&mut link);
        assert_eq!(link.heard(place, &bodies[0]), Heard::Post("north".to_owned(), post));
    }
    assert_eq!(link.waiting(), 0);
    let later = br#"{"door":"x","id":"y","n":1,"through":0,"attempt":0,"post":{"kind":"poll","of":[1]}}"#;
    assert_eq!(link.heard(99, later), Heard::Post("x".to_owned(), Post::Unknown));
}

#[test]
fn what_no_door_has_written_is_nonsense() {
    let mut link = link();
    let numbered = |n: u64, through: u64| {
        format!(
            r#"{{"door":"x","id":"id","n":{n},"through":{through},"attempt":0,"post":{{"kind":"poll"}}}}"#
        )
    };
    for body in ["", "hello", "{}", "[]", &numbered(0, 0), &numbered(u64::MAX, 0), &numbered(1, u64::MAX)] {
        assert_eq!(link.heard(1, body.as_bytes()), Heard::Nonsense, "{body}");
    }
    link.post(public("x"));
    assert_eq!(published(&mut link).len(), 1, "it goes on");
}

#[test]
fn what_comes_too_early_is_published_again_and_heard_once() {
    let mut link = link();
    ["a", "b", "c"].into_iter().for_each(|text| link.post(public(text)));
    let bodies = published(&mut link);
    // The first was lost on its way.
    assert_eq!(link.heard(1, &bodies[1]), Heard::Nothing);
    let again = published(&mut link);
    assert_eq!((again.len(), link.heard(2, &bodies[2])), (3, Heard::Nothing));
    assert_eq!(published(&mut link).len(), 0, "once is enough");
    let heard: Vec<_> = again.iter().zip(3..).map(|(body, place)| link.heard(place, body)).collect();
    let expected = ["a", "b", "c"].map(|text| Heard::Post("north".to_owned(), public(text)));
    assert_eq!(heard, expected);
    assert_eq!(link.heard(6, &again[0]), Heard::Nothing, "it was heard");
}

#[test]
fn what_the_server_has_lost_is_noticed() {
    let mut north = link();
    (0..5).for_each(|n| north.post(public(&n.to_string())));
    let bodies = published(&mut north);
    bodies.iter().zip(1..).for_each(|(body, place)| drop(north.heard(place, body)));
    north.post(public("next"));
    let next = published(&mut north).remove(0);
    let mut south = Link::new("south".to_owned(), "id2".to_owned(), StoredLink::default());
    south.began(1, &Look { stream: "s".to_owned(), bucket: "b".to_owned(), ..Look::default() });
    assert!(matches!(south.heard(1, &bodies[0]), Heard::Post(..)));
    assert_eq!(south.heard(6, &next), Heard::AfterLoss("north".to_owned(), public("next")));
}

#[test]
fn a_new_door_hears_one_that_always_has_posts_on_their_way() {
    let mut north = link();
    (0..6).for_each(|n| north.post(public(&n.to_string())));
    let mut bodies = published(&mut north);
    for (body, place) in bodies.clone().iter().zip(1..=6) {
        north.heard(place, body);
        north.post(public(&(place + 5).to_string()));
        bodies.extend(published(&mut north));
    }
    let mut south = Link::new("south".to_owned(), "id2".to_owned(), StoredLink::default());
    let look = Look { stream: "s".to_owned(), bucket: "b".to_owned(), first: 8, last: 9, ..Look::default() };
    south.began(1, &look);
    for (place, body) in bodies.iter().enumerate().skip(7) {
        let heard = south.heard(place as u64 + 1, body);
        assert_eq!(heard, Heard::Post("north".to_owned(), public(&place.to_string())));
    }
}

#[test]
fn each_run_is_told_all_records_and_each_session_of_it_what_is_new() {
    let followed = |link: &mut Link| {
        let asked = link.take_asks().into_iter().find_map(|ask| match ask {
            Ask::Follow { revision, .. } => Some(revision),
            _ => None,
        });
        asked.unwrap()
    };
    let look = Look { stream: "s".to_owned(), bucket: "b".to_owned(), first: 1, ..Look::default() };
    let mut north = link();
    assert_eq!(followed(&mut north), 0);
    north.knows(7);
    north.is_away();
    north.began(2, &look);
    assert_eq!(followed(&mut north), 7);
    // The leases of doors that are gone for long are among them.
    let stored = StoredLink { mark: north.take_changes().unwrap().mark, ..StoredLink::default() };
    let mut again = Link::new("north".to_owned(), "id".to_owned(), stored);
    again.began(1, &look);
    assert_eq!(followed(&mut again), 0);
}

#[test]
fn what_is_long_in_coming_is_of_the_past_all_the_same() {
    let mut link = Link::new("north".to_owned(), "id".to_owned(), StoredLink::default());
    let look = Look { stream: "s".to_owned(), bucket: "b".to_owned(), first: 1, last: 1, ..Look::default() };
    link.began(1, &look);
    (0..3).for_each(|_| assert!(!link.looked_again(&look)));
    assert!(link.works() && !link.has_caught_up(), "it may have been heard by a run before this one");
    link.heard(1, b"");
    assert!(link.has_caught_up());
}
