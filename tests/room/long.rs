//! Texts that are as long as they can be, odd, or empty.

use super::Lobby;
use super::guest::Guest;

/// What these lines say after what is before each, joined with `between`.
#[track_caller]
fn joined(lines: &[String], before: &str, between: &str) -> String {
    let texts = lines.iter().map(|line| {
        assert!(line.len() <= 985, "{}", line.len());
        line.strip_prefix(before).unwrap_or_else(|| panic!("{line}"))
    });
    texts.collect::<Vec<_>>().join(between)
}

#[test]
fn the_longest_text_comes_in_two_lines_with_nothing_lost() {
    let lobby = Lobby::start(&["--open", "--history", "2"]);
    let mut ann = Guest::enters(&lobby, 2, "ann");
    let mut bob = Guest::enters(&lobby, 3, "bob");
    let solid: String = ('a'..='z').cycle().take(985).collect();
    let words = "some words ".repeat(90)[..985].to_owned();
    for (text, between) in [(&solid, ""), (&words, " ")] {
        ann.asks(text, "sent to 1");
        let lines = [bob.next_line(), bob.next_line()];
        assert_eq!(joined(&lines, "[ann] ", between), *text);
        let direct = format!("DM bob {}", &text[..978]);
        ann.asks(&direct, "sent to bob");
        let lines = [bob.next_line(), bob.next_line()];
        assert_eq!(joined(&lines, "[ann -> you] ", between), text[..978]);
    }
    // The history is of lines: those are the two of the last text.
    let mut carl = Guest::comes(&lobby, 4, "carl");
    let lines = [carl.next_line(), carl.next_line()];
    assert_eq!(joined(&lines, "[ann] ", " "), words);
}

#[test]
fn what_a_terminal_would_obey_arrives_as_an_escape() {
    let lobby = Lobby::start(&["--open"]);
    let mut ann = Guest::enters(&lobby, 2, "ann");
    let mut bob = Guest::enters(&lobby, 3, "bob");
    for (said, heard) in [
        (&b"\x1b[2Jhi\x07"[..], "[ann] \\x1b[2Jhi\\x07"),
        (b"PM a\nb\r\tc\x00d", "[ann] a\\nb\\r\\tc\\x00d"),
        (b"DM bob \x1b]0;x\x07", "[ann -> you] \\x1b]0;x\\x07"),
        (b"PM one\n[carl] two", "[ann] one\\n[carl] two"),
    ] {
        ann.says(said);
        assert!(ann.next_line().starts_with("sent to "));
        bob.hears(&[heard]);
    }
    // Each byte becomes four: nothing is lost of that either.
    ann.asks(&"\x1b".repeat(985), "sent to 1");
    let lines: Vec<_> = (0..5).map(|_| bob.next_line()).collect();
    assert_eq!(joined(&lines, "[ann] ", ""), "\\x1b".repeat(985));
}

#[test]
fn a_line_with_nothing_in_it_is_not_sent() {
    let lobby = Lobby::start(&["--open"]);
    let mut ann = Guest::enters(&lobby, 2, "ann");
    let mut bob = Guest::enters(&lobby, 3, "bob");
    for nothing in ["", " ", "   "] {
        ann.asks(nothing, "nothing to send (HELP lists the commands)");
    }
    ann.asks("something", "sent to 1");
    bob.hears(&["[ann] something"]);
}

#[test]
fn what_is_longer_than_a_text_goes_to_nobody_and_costs_one_answer() {
    let lobby = Lobby::start(&["--open"]);
    let mut ann = Guest::enters(&lobby, 2, "ann");
    let mut others: Vec<_> = (0..6).map(|n| Guest::enters(&lobby, 3 + n, &format!("member{n}"))).collect();
    lobby.does(&["say", "begin"]).ok();
    for guest in others.iter_mut().chain([&mut ann]) {
        while guest.next_line() != "[lobby] begin" {}
    }
    let before = lobby.simpd().client().status().last_id;
    for text in [vec![0xff; 65_000], vec![b'x'; 986], [&b"DM member1 "[..], &[b'x'; 65_000]].concat()] {
        ann.says(text);
        ann.hears(&["too long, not sent: a line has at most 985 bytes"]);
    }
    let mut client = lobby.simpd().client();
    let entries: Vec<_> = client.log().into_iter().filter(|entry| entry.id > before).collect();
    let queued = entries.iter().filter(|entry| matches!(entry.what, simp_control::What::Queued { .. }));
    // The last confirmations of the line before may be among them, and news of the last who came.
    let texts = queued.filter_map(|entry| entry.what.text()).filter(|text| !text.starts_with("* "));
    assert_eq!(texts.collect::<Vec<_>>(), ["too long, not sent: a line has at most 985 bytes"; 3]);
    ann.asks("hi", "sent to 6");
    others.iter_mut().for_each(|other| other.hears(&["[ann] hi"]));
}

#[test]
fn what_is_longer_than_a_text_is_no_password_and_nobody_waits_for_it() {
    let lobby = Lobby::start(&[]);
    let mut eve = Guest::comes(&lobby, 2, "eve");
    eve.hears(&["Welcome to lobby, eve. You are new here: choose a password."]);
    for n in 0..20 {
        eve.says(vec![b'a' + n; 65_000]);
        eve.hears(&["too long, not sent: a line has at most 985 bytes"]);
    }
    let mut vic = Guest::comes(&lobby, 3, "vic");
    vic.hears(&["Welcome to lobby, vic. You are new here: choose a password."]);
    vic.asks("open sesame", "Please enter it once more.");
    eve.asks("a password", "Please enter it once more.");
}
