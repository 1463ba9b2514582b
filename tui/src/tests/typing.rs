//! What is typed: where it stays, and what of it is seen.

use super::*;

#[test]
fn what_is_begun_stays_in_its_conversation() {
    let mut snapshot = with_bob(Vec::new());
    snapshot.chats.0.push(chat(2, peer("carol", 3), State::Open));
    let mut screen = Screen::new(snapshot, 80, 10);
    screen.types("/open bob\nfor bob");
    screen.press(KeyCode::Char('n'), KeyModifiers::CONTROL);
    screen.types("for carol");
    let typed = |screen: &mut Screen| screen.shown().lines().last().unwrap().to_owned();
    assert_eq!(typed(&mut screen), "> for carol");
    screen.press(KeyCode::Char('p'), KeyModifiers::CONTROL);
    assert_eq!(typed(&mut screen), "> for bob");
    // Without a conversation there is a line of its own.
    screen.alt('h');
    assert_eq!(typed(&mut screen), ">");
    screen.types("/open carol\n\n");
    let [Job::Send { address, text, .. }] = &screen.asks()[..] else { panic!("not sent") };
    assert_eq!((address.as_str(), text.as_str()), ("10.0.0.3:7777", "for carol"));
    screen.types("/open bob\n");
    assert_eq!(typed(&mut screen), "> for bob");
    // Nor does a name that is being completed, or a line of before, go with the user.
    screen.app.editor.take();
    screen.types("bo");
    screen.press(KeyCode::Tab, KeyModifiers::NONE);
    screen.app.model.go_to("10.0.0.3:7777");
    screen.press(KeyCode::Tab, KeyModifiers::NONE);
    assert_eq!(typed(&mut screen), ">");
}

#[test]
fn a_text_of_several_lines_is_one_message() {
    let mut screen = Screen::bob(Vec::new(), 80, 10);
    screen.types("one");
    screen.press(KeyCode::Enter, KeyModifiers::ALT);
    screen.types("two");
    screen.press(KeyCode::Char('j'), KeyModifiers::CONTROL);
    screen.press(KeyCode::Esc, KeyModifiers::NONE);
    screen.press(KeyCode::Enter, KeyModifiers::NONE);
    screen.types("three");
    assert_eq!(screen.shown().lines().last(), Some("> one\u{21b5}two\u{21b5}\u{21b5}three"));
    screen.types("\n");
    let address = "10.0.0.2:7777".to_owned();
    let text = "one\ntwo\n\nthree".to_owned();
    assert_eq!(screen.asks(), [Job::Send { address, way: Way::Chat(1), text }]);
}

/// What a peer that is a room says, and the end of the chat with it.
fn in_lobby_and_out() -> Vec<Event> {
    let texts = ["Your password?", "You are in lobby. Here: nobody. (HELP lists the commands.)"];
    let said = texts.map(message).into_iter().chain([What::Closed { reason: Reason::Quit, text: None }]);
    (2..).zip(said).map(|(id, what)| of(peer("lobby", 2), event(id, what))).collect()
}

#[test]
fn what_is_said_to_a_room_that_was_left_is_kept_for_no_password() {
    let mut live = Screen::bob(Vec::new(), 90, 12);
    in_lobby_and_out().into_iter().for_each(|event| live.app.model.hear(event));
    // The same after a start, when only the log tells.
    let mut snapshot = with_bob(in_lobby_and_out());
    snapshot.chats.0.clear();
    let mut read = Screen::new(snapshot, 90, 12);
    read.types("/open lobby\n");
    read.draw();
    let asked = read.app.model.jobs.take();
    read.gives_page(asked, in_lobby_and_out());
    let asked = read.app.model.jobs.take().into_iter().find(|asked| matches!(asked.job, Job::Members { .. }));
    let asked = asked.unwrap();
    assert_eq!(asked.job, Job::Members { address: "10.0.0.2:7777".to_owned(), chat: 1 });
    let events = in_lobby_and_out().into_iter().rev().skip(1).collect();
    read.app.model.answer(Answered { asked, outcome: Ok(Reply::History { events, older: None }) });
    for mut screen in [live, read] {
        let shown = screen.shown();
        assert!(shown.contains("you are not in lobby: Alt-C joins"), "{shown}");
        screen.types("hello\n");
        let shown = screen.shown();
        assert!(shown.contains("lobby is a room, to be joined first: Alt-C, or /connect lobby"), "{shown}");
        assert!(shown.ends_with("> hello"), "{shown}");
        assert_eq!(screen.asks(), []);
        screen.app.paste("one\rtwo\r");
        assert!(screen.shown().ends_with("> hello"));
        screen.alt('c');
        assert!(matches!(screen.asks()[..], [Job::Connect { .. }]));
    }
    // Whoever comes next to this address may be somebody else.
    let mut other = Screen::bob(Vec::new(), 90, 12);
    in_lobby_and_out().into_iter().for_each(|event| other.app.model.hear(event));
    let (opened, closed) = (What::Opened { note: None }, What::Closed { reason: Reason::Quit, text: None });
    (9..)
        .zip([opened, closed])
        .for_each(|(id, what)| other.app.model.hear(Event { chat: 2, ..event(id, what) }));
    other.types("hello\n");
    assert!(matches!(other.asks()[..], [Job::Send { way: Way::Outbox, .. }]));
}

#[test]
fn a_password_is_seen_nowhere() {
    let mut screen = Screen::bob(vec![event(1, What::Opened { note: None })], 80, 12);
    let asks = [
        "Nobody is called alice yet: choose a password.",
        "Please enter it once more.",
        "Wrong. Your password?",
    ];
    for (id, asks) in (1..).map(|n| n * 10).zip(asks) {
        screen.app.model.hear(event(id, message(asks)));
        screen.types("sesame");
        assert_eq!(screen.shown().lines().last(), Some("> \u{2022}\u{2022}\u{2022}\u{2022}\u{2022}\u{2022}"));
        screen.types("\n");
        let sent = screen
            .app
            .model
            .jobs
            .take()
            .into_iter()
            .find(|asked| matches!(asked.job, Job::Send { .. }))
            .unwrap();
        assert!(matches!(&sent.job, Job::Send { text, .. } if text == "sesame"), "{sent:?}");
        // What is told of it, if simpd is away when the user leaves.
        assert!(screen.app.model.jobs.unsaid.iter().all(|(_, told)| !told.contains("sesame")));
        let dots = "you: \u{2022}\u{2022}\u{2022}\u{2022}\u{2022}\u{2022}\u{2022}\u{2022} (";
        let shown = screen.shown();
        assert!(shown.contains(dots) && !shown.contains("sesame"), "{shown}");
        screen.app.model.hear(event(id + 1, queued("sesame")));
        screen
            .app
            .model
            .answer(Answered { asked: sent, outcome: Ok(Reply::Queued { message: id + 1, chat: 1 }) });
        let shown = screen.shown();
        assert!(shown.contains(dots) && !shown.contains("sesame"), "{shown}");
        // A command is none, and is kept; the password is not.
        screen.types("/who");
        assert_eq!(screen.shown().lines().last(), Some("> /who"));
        screen.types("\n");
        screen.press(KeyCode::Up, KeyModifiers::NONE);
        assert_eq!(screen.app.editor.take(), "/who");
    }
    screen.app.model.hear(event(50, message("You are in lobby. Here: nobody. (HELP lists the commands.)")));
    screen.types("hello");
    assert_eq!(screen.shown().lines().last(), Some("> hello"));
    // The same when the log is read.
    let events = [message("Your password?"), queued("sesame"), message("welcome"), queued("hi")];
    let shown = Screen::bob((1..).zip(events).map(|(id, what)| event(id, what)).collect(), 80, 12).shown();
    assert!(!shown.contains("sesame") && shown.contains("you: hi"), "{shown}");
}
