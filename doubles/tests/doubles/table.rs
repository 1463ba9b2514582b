//! The rows of the table.

use super::*;

fn seqs(datagrams: &[Vec<u8>]) -> Vec<u8> {
    datagrams.iter().map(|bytes| bytes[2]).collect()
}

#[test]
fn plain_opens_talks_and_closes_as_specified() {
    let mut bob = Bob::of("plain");
    bob.hears(SYN, 0, "");
    assert_eq!(bob.says(), Vec::<Vec<u8>>::new(), "nothing before its user has decided");
    bob.double.accept(0);
    assert_eq!(bob.says(), [plain(SYN_ACK, 0, "bob", "")]);
    assert_eq!(bob.waits(5_000), [plain(SYN_ACK, 0, "bob", "")]);
    assert_eq!(bob.answers(ACK, 0, ""), Vec::<Vec<u8>>::new());
    assert_eq!(bob.answers(CHAT, 0, "hi"), [plain(ACK, 0, "bob", "")]);
    assert_eq!(bob.answers(CHAT, 0, "hi"), [plain(ACK, 0, "bob", "")]);
    assert_eq!(bob.double.shown(), ["hi"]);
    assert_eq!(bob.writes("one"), [plain(CHAT, 0, "bob", "one")]);
    assert_eq!(bob.writes("two"), Vec::<Vec<u8>>::new(), "one at a time");
    assert_eq!(bob.waits(5_000), [plain(CHAT, 0, "bob", "one")]);
    assert_eq!(bob.answers(ACK, 1, ""), Vec::<Vec<u8>>::new(), "not its number");
    assert_eq!(bob.answers(ACK, 0, ""), [plain(CHAT, 1, "bob", "two")]);
    bob.hears(ACK, 1, "");
    assert_eq!(bob.answers(FIN, 0, ""), [plain(ACK, 0, "bob", "")]);
    assert_eq!(bob.double.state(), DoubleState::Idle);
}

#[test]
fn plain_is_gone_after_its_repeats() {
    let mut bob = Bob::invited("plain");
    bob.writes("one");
    assert_eq!(bob.waits(25_000).len(), 5);
    assert_eq!(bob.waits(5_000).len(), 0);
    assert_eq!(bob.double.state(), DoubleState::Idle);
}

#[test]
fn a_fills_with_spaces_and_ignores_duplicates() {
    let spaces = |head, seq, payload: &str| padded(head, seq, b"bob", b' ', payload.as_bytes());
    let mut bob = Bob::of("A-alone");
    assert_eq!(bob.answers(SYN, 0, ""), [spaces(SYN_ACK, 0, "")]);
    bob.hears(ACK, 0, "");
    assert_eq!(bob.answers(CHAT, 0, "hi"), [spaces(ACK, 0, "")]);
    assert_eq!(bob.answers(CHAT, 0, "hi"), Vec::<Vec<u8>>::new());
    assert_eq!(bob.answers(CHAT, 1, "ho"), [spaces(ACK, 1, "")]);
    assert_eq!(bob.double.shown(), ["hi", "ho"]);
    assert_eq!(bob.writes("one"), [spaces(CHAT, 0, "one")]);
    assert_eq!(bob.writes("two"), [spaces(CHAT, 1, "two")]);
    assert_eq!(bob.waits(60_000), Vec::<Vec<u8>>::new(), "it never repeats");
    let third = SocketAddr::from(([127, 0, 0, 3], 7777));
    bob.double.handle(bob.now, &plain(SYN, 0, "eve", ""), third, Port::Main);
    assert_eq!(bob.says(), [spaces(ERR, 0, "User is busy in another chat"), spaces(FIN, 0, "")]);
    assert_eq!(bob.answers(FIN, 0, ""), [spaces(ACK, 0, "")]);
}

#[test]
fn b_numbers_its_answers_1_and_its_chats_0() {
    let mut bob = Bob::of("B");
    bob.hears(SYN, 0, "");
    bob.double.accept(0);
    assert_eq!(bob.says(), [plain(SYN_ACK, 1, "bob", "")]);
    bob.hears(ACK, 1, "");
    for _ in 0..2 {
        assert_eq!(bob.answers(CHAT, 0, "hi"), [plain(ACK, 1, "bob", "")]);
    }
    assert_eq!(bob.double.shown(), ["hi", "hi"], "it knows no duplicates");
    assert_eq!(bob.writes("one"), [plain(CHAT, 0, "bob", "one")]);
    bob.now += 1;
    bob.hears(ACK, 0, "");
    assert_eq!(bob.waits(4_999), [plain(CHAT, 0, "bob", "one")], "the ACK was too fast");
    bob.now += 30;
    bob.hears(ACK, 0, "");
    assert_eq!(bob.waits(60_000), Vec::<Vec<u8>>::new());
    bob.writes("two");
    assert_eq!(bob.waits(100_000).len(), 20, "for ever");
    bob.hears(ACK, 7, "");
    assert!(bob.double.is_deaf());
}

#[test]
fn b_answers_to_port_7777_whatever_port_asked() {
    let mut bob = Bob::of("B");
    let from = SocketAddr::from(([127, 0, 0, 1], 40_000));
    bob.double.handle(0, &plain(SYN, 0, "ann", ""), from, Port::Main);
    bob.double.accept(0);
    assert_eq!(bob.double.poll_transmit().unwrap().to, us());
}

#[test]
fn b_declines_with_a_text_and_is_spoiled_by_a_second_syn() {
    let mut bob = Bob::of("B");
    bob.hears(SYN, 0, "");
    bob.double.decline(0);
    assert_eq!(bob.says(), [plain(FIN, 1, "bob", "Connection rejected")]);
    bob.hears(SYN, 0, "");
    bob.hears(SYN, 0, "");
    bob.double.accept(0);
    bob.says();
    assert_eq!(bob.writes("swallowed"), Vec::<Vec<u8>>::new());
    assert_eq!(bob.writes("sent"), [plain(CHAT, 0, "bob", "sent")]);
}

#[test]
fn c_rings_and_counts_both_directions_together() {
    let mut bob = Bob::of("C");
    assert_eq!(bob.answers(SYN, 0, ""), [plain(SYN_ACK, 0, "Daemon", "")]);
    bob.hears(ACK, 0, "");
    assert_eq!(bob.double.state(), DoubleState::Asked);
    bob.double.accept(0);
    assert_eq!(bob.says(), [plain(CHAT, 0, "bob", "bob accepted.")]);
    assert!(!bob.double.say(0, "too early"), "it is our turn");
    assert_eq!(bob.answers(CHAT, 0, "wrong"), Vec::<Vec<u8>>::new());
    assert_eq!(bob.answers(CHAT, 1, "hi"), [plain(ACK, 1, "bob", "")]);
    assert_eq!(bob.writes("one"), [plain(CHAT, 0, "bob", "one")]);
    assert_eq!(bob.answers(CHAT, 1, "ho"), [plain(ACK, 1, "bob", "")]);
    assert_eq!(bob.double.shown(), ["hi", "ho"]);
}

#[test]
fn c_waits_for_the_first_chat_when_it_invites() {
    let mut bob = Bob::of("C");
    bob.double.invite(0, us());
    assert_eq!(bob.says(), [plain(SYN, 0, "Daemon", "")]);
    assert_eq!(bob.answers(SYN_ACK, 0, ""), [plain(ACK, 0, "bob", "")]);
    assert_eq!(bob.double.state(), DoubleState::Ringing);
    assert_eq!(bob.waits(60_000), Vec::<Vec<u8>>::new());
    assert_eq!(bob.answers(CHAT, 0, "ann accepted."), [plain(ACK, 0, "bob", "")]);
    assert_eq!(bob.writes("one"), [plain(CHAT, 1, "bob", "one")]);
    let mut bob = Bob::of("C");
    bob.double.invite(0, us());
    bob.waits(5_000);
    assert_eq!(bob.double.state(), DoubleState::Idle);
}

#[test]
fn d_counts_from_1_and_ends_with_err_fin() {
    let mut bob = Bob::invited("D-kept");
    assert_eq!(bob.answers(CHAT, 0, "wrong"), Vec::<Vec<u8>>::new());
    assert_eq!(bob.answers(CHAT, 1, "hi"), [plain(ACK, 1, "bob", "")]);
    assert_eq!(bob.answers(CHAT, 1, "hi"), Vec::<Vec<u8>>::new(), "a duplicate is ignored");
    assert_eq!(bob.writes("one"), [plain(CHAT, 0, "bob", "one")]);
    bob.hears(ACK, 0, "");
    assert_eq!(bob.answers(FIN, 0, ""), Vec::<Vec<u8>>::new());
    assert_eq!(bob.answers(FIN, 1, ""), [plain(ACK, 1, "bob", "")]);

    let mut bob = Bob::invited("D-kept");
    bob.writes("one");
    let repeated = bob.waits(20_000);
    let one = plain(CHAT, 1, "bob", "one");
    assert_eq!(repeated, [one.clone(), one.clone(), one, plain(ERR_FIN, 0, "bob", "Timeout")]);
    assert_eq!(bob.waits(5_000), [plain(ERR_FIN, 0, "bob", "Timeout")]);
    bob.hears(ACK, 0, "");
    assert_eq!(bob.double.state(), DoubleState::Idle);
}

#[test]
fn d_declines_until_it_is_acknowledged_and_drops_a_fifth() {
    let mut bob = Bob::of("D-kept");
    bob.hears(SYN, 0, "");
    bob.double.decline(0);
    let refusal = plain(ERR_FIN, 0, "bob", "Connection rejected");
    assert_eq!(bob.says(), std::slice::from_ref(&refusal));
    assert_eq!(bob.waits(5_000), [refusal]);
    bob.hears(ACK, 0, "");
    assert_eq!(bob.waits(60_000), Vec::<Vec<u8>>::new());

    let mut bob = Bob::with(Traits { busy: traits("A").busy, drops: 20, ..traits("plain") });
    bob.double.occupy(0, SocketAddr::from(([127, 0, 0, 9], 7777)));
    let answered = (0..1_000).map(|_| bob.answers(SYN, 0, "").len()).sum::<usize>();
    assert!((1_500..1_700).contains(&answered), "{answered} of 2,000");
}

#[test]
fn e_has_no_length_in_control_and_texts_after_a_nul() {
    let mut bob = Bob::of("E");
    bob.hears(SYN, 0, "");
    assert_eq!(bob.double.state(), DoubleState::Idle, "its user looks at the menu");
    bob.double.wait(0);
    bob.double.accept(0);
    assert_eq!(bob.says(), [short(SYN_ACK, 0, b"bob", 0)]);
    bob.hears_raw(&short(ACK, 0, b"ann", 0));
    assert_eq!(bob.answers(CHAT, 0, "hi"), [short(ACK, 0, b"bob", 0)]);
    assert_eq!(bob.answers(CHAT, 1, "\0hi"), [short(ACK, 1, b"bob", 0)]);
    assert_eq!(bob.double.shown(), ["i", "hi"]);
    assert_eq!(bob.writes("one"), [plain(CHAT, 0, "bob", "\0one")]);
    assert_eq!(bob.waits(25_000).len(), 3);
    bob.double.quit(bob.now);
    assert_eq!(bob.says(), [short(FIN, 0, b"bob", 0)]);
    bob.hears(ACK, 0, "");
    assert_eq!(bob.double.state(), DoubleState::Ending);
    bob.hears_raw(&short(FIN_ACK, 0, b"ann", 0));
    assert_eq!(bob.double.state(), DoubleState::Idle);
}

#[test]
fn e_answers_fin_with_fin_ack_and_a_third_party_with_nonsense() {
    let mut bob = Bob::of("E");
    bob.double.wait(0);
    bob.hears(SYN, 0, "");
    bob.double.accept(0);
    bob.says();
    let third = SocketAddr::from(([127, 0, 0, 3], 7777));
    bob.double.handle(0, &plain(SYN, 0, "eve", ""), third, Port::Main);
    assert_eq!(bob.says()[0].len(), 33);
    assert_eq!(bob.answers(FIN, 0, ""), [short(FIN_ACK, 0, b"bob", 0)]);
    assert_eq!(bob.double.state(), DoubleState::Idle);
}

#[test]
fn f_counts_up_and_drops_what_has_the_last_number() {
    let mut bob = Bob::invited("F");
    assert!(!bob.double.say(0, "not your turn"));
    let mut sent = Vec::new();
    for n in 0..3 {
        assert_eq!(bob.answers(CHAT, n, "hi"), [plain(ACK, n, "bob", "")]);
        sent.extend(bob.writes("one"));
    }
    assert_eq!(seqs(&sent), [1, 2, 3]);
    assert_eq!(bob.answers(CHAT, 2, "dropped"), [plain(ACK, 2, "bob", "")]);
    assert_eq!(bob.double.shown(), ["hi"; 3]);
    bob.hears(CHAT, 1, &"x".repeat(1_000));
    assert_eq!(bob.double.shown()[3].len(), 985);
    let mut bob = Bob::of("F");
    bob.hears(SYN, 0, "");
    bob.double.decline(0);
    assert_eq!(bob.says(), [plain(FIN, 0, "bob", "")]);
}

#[test]
fn g_marks_repeats_and_takes_the_next_chat_for_the_answer() {
    let mut bob = Bob::invited("G");
    assert_eq!(bob.answers(CHAT, 0, "hi"), Vec::<Vec<u8>>::new());
    assert_eq!(bob.writes("one"), [plain(CHAT, 2, "bob", "one")]);
    bob.hears(ACK, 2, "");
    assert_eq!(bob.double.notices().iter().filter(|notice| *notice == "opened").count(), 2, "misread");
    assert_eq!(bob.waits(5_000), [plain(CHAT, 1, "bob", "one")]);
    assert!(!bob.double.say(bob.now, "not my turn"));
    bob.hears(CHAT, 1, "ho");
    assert_eq!(bob.waits(60_000), Vec::<Vec<u8>>::new());
    assert_eq!(bob.double.shown(), ["hi", "ho"]);
    bob.hears(FIN, 0, "");
    assert!(bob.double.is_gone());
}

#[test]
fn h_has_operation_0_and_never_acknowledges() {
    let spaces = |head, seq, user: &[u8], payload: &str| padded(head, seq, user, b' ', payload.as_bytes());
    let mut bob = Bob::of("H");
    bob.hears(SYN, 0, "");
    bob.double.accept(0);
    assert_eq!(bob.says(), [spaces(SYN_ACK, 0, b"daemon", "")]);
    bob.hears(ACK, 0, "");
    assert_eq!(bob.answers(CHAT, 0, "hi"), Vec::<Vec<u8>>::new());
    assert_eq!(bob.double.shown(), ["hi"]);
    assert_eq!(bob.writes("one"), [spaces([2, 0], 0, b"bob", "one")]);
    let third = SocketAddr::from(([127, 0, 0, 3], 7777));
    bob.double.handle(0, &plain(SYN, 0, "eve", ""), third, Port::Main);
    assert_eq!(bob.says(), [spaces(ACK, 0, b"bob", "Connection rejected")]);
    assert_eq!(bob.answers(FIN, 0, ""), Vec::<Vec<u8>>::new());
    assert_eq!(bob.double.state(), DoubleState::Open);
}

#[test]
fn i_accepts_with_an_ack_and_sends_each_line_twice() {
    let mut bob = Bob::of("I");
    bob.hears(SYN, 0, "");
    bob.double.accept(0);
    assert_eq!(bob.says(), [plain(ACK, 0, "bob", "")]);
    assert_eq!(bob.writes("one"), [plain(SYN, 0, "bob", "one"), plain(CHAT, 0, "bob", "bob: one")]);
    assert_eq!(bob.answers(CHAT, 0, "hi"), Vec::<Vec<u8>>::new());
    assert_eq!(bob.answers(SYN, 0, "ho"), [plain(ACK, 0, "bob", "")]);
    assert_eq!(bob.double.shown(), ["hi", "ho"]);
    let mut bob = Bob::of("I");
    bob.double.invite(0, us());
    assert_eq!(bob.says(), [plain(SYN, 0, "bob", "Let us chat")]);
    assert_eq!(bob.answers(SYN_ACK, 0, ""), Vec::<Vec<u8>>::new());
    assert_eq!(bob.double.state(), DoubleState::Inviting);
    bob.hears(ACK, 0, "");
    assert_eq!(bob.double.state(), DoubleState::Open);
}

#[test]
fn k_demands_a_checksum_and_sends_chats_back() {
    let with_sum = |mut bytes: Vec<u8>| {
        // The ones' complement sum of all of it must be all ones.
        bytes.resize(bytes.len() + 2, 0);
        let even = bytes.len() - 2;
        for sum in 0..=u16::MAX {
            bytes[even..].copy_from_slice(&sum.to_be_bytes());
            let words = |bytes: &[u8]| {
                bytes
                    .chunks(2)
                    .map(|w| u32::from(w[0]) << 8 | u32::from(*w.get(1).unwrap_or(&0)))
                    .sum::<u32>()
            };
            let mut total = words(&bytes[..even]) + words(&bytes[even..]);
            while total > 0xffff {
                total = (total & 0xffff) + (total >> 16);
            }
            if total == 0xffff {
                return bytes;
            }
        }
        unreachable!("some sum fits")
    };
    let mut bob = Bob::of("K");
    assert_eq!(bob.answers(SYN, 0, ""), Vec::<Vec<u8>>::new());
    bob.hears_raw(&with_sum(plain(SYN, 0, "ann", "")));
    assert_eq!(bob.says(), [with_sum(plain(SYN_ACK, 1, "bob", ""))]);
    bob.hears_raw(&with_sum(plain(CHAT, 0, "ann", "hi")));
    let echoed = [with_sum(plain(ACK, 0, "bob", "")), with_sum(plain(CHAT, 0, "bob", "hi"))];
    assert_eq!(bob.says(), echoed);
    assert_eq!(bob.double.shown().len(), 0);
}
