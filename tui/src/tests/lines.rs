//! The lines of a conversation: what becomes of them, and how many are held.

use super::*;

#[test]
fn what_is_typed_is_a_line_until_the_log_has_it_and_never_two() {
    let mut screen = Screen::bob(Vec::new(), 80, 10);
    screen.types("one\ntwo\n");
    let mut asked = screen.app.model.jobs.take();
    asked.retain(|asked| matches!(asked.job, Job::Send { .. }));
    let [one, two] = <[Asked; 2]>::try_from(asked).unwrap();
    assert!(screen.shown().contains("you: two (sending)"));
    let queued_as = |message| Ok(Reply::Queued { message, chat: 1 });
    // An answer before its entry, with another entry in between; and an entry before its answer.
    screen.app.model.answer(Answered { asked: one, outcome: queued_as(5) });
    screen.app.model.hear(event(4, message("between")));
    screen.app.model.hear(event(5, queued("one")));
    screen.app.model.hear(event(6, queued("two")));
    assert_eq!(screen.shown().matches("you: two").count(), 1);
    screen.app.model.answer(Answered { asked: two, outcome: queued_as(6) });
    screen.app.model.hear(event(7, What::Delivered { message: 5 }));
    let shown = screen.shown();
    assert_eq!((shown.matches("you: one").count(), shown.matches("you: two").count()), (1, 1), "{shown}");
    assert!(shown.contains("you: one \u{2713}") && shown.contains("you: two (queued)"), "{shown}");
    assert!(screen.app.model.jobs.unsaid.is_empty());
}

#[test]
fn what_simpd_refuses_stays_in_the_conversation_with_the_reason() {
    let mut screen = Screen::bob(Vec::new(), 80, 10);
    screen.types("gr\u{fc}n\n");
    let asked = screen.app.model.jobs.take().into_iter().find(|asked| !asked.job.is_reading()).unwrap();
    let refused = Failure::new(FailureKind::Usage, "a text must be ASCII");
    screen.app.model.answer(Answered { asked, outcome: Err(refused) });
    assert!(screen.shown().contains("you: gr\u{fc}n (not sent: a text must be ASCII)"));
}

#[test]
fn a_long_conversation_is_held_in_part() {
    let mut screen = Screen::bob(Vec::new(), 80, 13);
    let long = "x".repeat(2_000);
    for id in 1..6_000 {
        screen.app.model.hear(event(id, message(&long)));
    }
    let lines = screen.app.model.held.get("10.0.0.2:7777").unwrap().lines().count();
    assert!((1_000..=4_000).contains(&lines), "{lines}");
    screen.draw();
    for n in 0..10_100 {
        let peer = Peer { user: String::new(), address: format!("[2001:db8::{n:x}]:7777") };
        screen.app.model.list.row(&peer);
        screen.app.model.list.raise(&peer.address);
    }
    assert_eq!(screen.app.model.list.len(), 10_000);
    screen.draw();
}

#[test]
fn what_was_not_done_is_no_line_of_the_peer() {
    let mut screen = Screen::bob(Vec::new(), 80, 10);
    screen.types("/connect carol\n");
    let asked = screen.app.model.jobs.take().into_iter().find(|asked| !asked.job.is_reading()).unwrap();
    let refused = Failure::new(FailureKind::Usage, "carol: neither a known peer nor a known host");
    screen.app.model.answer(Answered { asked, outcome: Err(refused) });
    assert!(screen.shown().contains(" * carol: neither a known peer nor a known host"));
    // What is to be done is said in commands of the screen.
    screen.types("/connect carol\n");
    let asked = screen.app.model.jobs.take().into_iter().find(|asked| !asked.job.is_reading()).unwrap();
    let busy = Failure::new(FailureKind::Failed, "already in a chat with bob (end it: simpctl quit)");
    screen.app.model.answer(Answered { asked, outcome: Err(busy) });
    assert!(screen.shown().contains(" * already in a chat with bob (end it: /quit there)"));
}
