use simp_control::{Peer, What};

use super::*;

fn event(id: u64, what: What) -> Event {
    let peer = Peer { user: "bob".to_owned(), address: "127.0.0.2:7777".to_owned() };
    Event { id, at_ms: 0, chat: 1, peer, secure: None, answers: None, what }
}

fn queued(id: u64, text: &str) -> Event {
    event(id, What::Queued { text: text.to_owned(), again: None, size: None })
}

fn heard(id: u64, text: &str) -> Event {
    event(id, What::Message { text: text.to_owned() })
}

fn typed(job: u64, text: &str) -> Line {
    Line {
        id: None,
        at_ms: 0,
        said: Said::Ours { text: text.to_owned(), size: None, fate: Fate::Asked(job) },
    }
}

fn texts(window: &Window) -> Vec<(String, Option<u64>)> {
    let text = |line: &Line| match &line.said {
        Said::Theirs { text, .. } | Said::Ours { text, .. } => text.clone(),
        other => panic!("{other:?}"),
    };
    window.lines().map(|(_, line)| (text(line), line.id)).collect()
}

fn expected<const N: usize>(lines: [(&str, u64); N]) -> [(String, Option<u64>); N] {
    lines.map(|(text, id)| (text.to_owned(), Some(id)))
}

/// simpd was away, and others were faster when it came back.
fn while_away() -> Window {
    let mut window = Window::new();
    window.push(heard(1, "hi"));
    window.add(typed(1, "one"));
    window.add(typed(2, "two"));
    window
}

#[test]
fn what_was_typed_while_simpd_was_away_stands_where_the_log_has_it() {
    let logged = expected([("hi", 1), ("other", 2), ("one", 3), ("hm", 4), ("two", 5)]);
    let entries = [queued(2, "other"), queued(3, "one"), heard(4, "hm"), queued(5, "two")];
    // Entries first, answers first, and one of each.
    let mut window = while_away();
    entries.iter().for_each(|entry| window.push(entry.clone()));
    window.answered(1, Ok(3));
    window.answered(2, Ok(5));
    assert_eq!(texts(&window), logged);
    let mut window = while_away();
    window.answered(1, Ok(3));
    window.answered(2, Ok(5));
    entries.iter().for_each(|entry| window.push(entry.clone()));
    assert_eq!(texts(&window), logged);
    let mut window = while_away();
    window.answered(1, Ok(3));
    entries.iter().for_each(|entry| window.push(entry.clone()));
    window.answered(2, Ok(5));
    assert_eq!(texts(&window), logged);
}

#[test]
fn what_a_reader_further_back_sees_stays_when_lines_move() {
    let mut window = while_away();
    window.push(heard(9, "nine"));
    let nine = window.lines().last().unwrap().0;
    window.bottom = Bottom::At { number: nine, hidden: 0 };
    let shown = |window: &Window| match window.bottom {
        Bottom::At { number, .. } => window.line(number).unwrap().id,
        Bottom::End => None,
    };
    window.push(queued(5, "one"));
    assert_eq!(shown(&window), Some(9));
    window.answered(2, Ok(12));
    assert_eq!(shown(&window), Some(9));
    assert_eq!(texts(&window), expected([("hi", 1), ("one", 5), ("nine", 9), ("two", 12)]));
}
