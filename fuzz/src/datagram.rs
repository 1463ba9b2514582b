//! What comes in one UDP packet: it is read or refused, reads the same when it is written again, and never reaches a
//! terminal as it came.

use simp_control::{Address, Who, escape, read_payload};
use simp_proto::{Datagram, Deviations, Dialect, Operation, Text, UserName};

/// Reads these bytes, as a datagram and as whatever else somebody else may have written.
pub fn run(bytes: &[u8]) {
    if let Ok(datagram) = Datagram::decode(bytes) {
        crate::trace(&datagram);
        check(&datagram, bytes);
        is_harmless(datagram.user.as_str());
        is_harmless(&read_payload(&datagram.payload));
    }
    let text = read_payload(bytes);
    is_harmless(&text);
    check_values(&text);
}

fn check(datagram: &Datagram, bytes: &[u8]) {
    assert!(datagram.payload.len() <= bytes.len());
    assert!(datagram.user.as_str().bytes().all(|byte| matches!(byte, b' '..=b'~')), "{datagram:?}");
    let mut written = Vec::new();
    datagram.encode(&mut written);
    let read = Datagram::decode(&written);
    // What is odd about how it was written is gone; what it says is the same.
    let of_meaning = [
        Deviations::COMBINED,
        Deviations::SEQUENCE,
        Deviations::PAYLOAD,
        Deviations::NON_ASCII,
        Deviations::NUL,
    ];
    let deviations = of_meaning
        .into_iter()
        .fold(Deviations::default(), |left, one| left.with(one, datagram.deviations.has(one)));
    assert_eq!(read, Ok(Datagram { deviations, ..datagram.clone() }), "written again as {written:x?}");
}

/// A terminal would obey nothing of it, and programs get it exactly.
fn is_harmless(text: &str) {
    for shown in [escape::shown(text), escape::name(text)] {
        assert!(!shown.contains(obeyed), "{shown:?}");
    }
    assert!(escape::ascii(text).bytes().all(|byte| matches!(byte, b' '..=b'~')), "{text:?}");
    let json = serde_json::to_string(text).unwrap();
    let json = escape::json(&json);
    assert!(!json.contains(obeyed), "{json:?}");
    assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
}

/// Whether a terminal, or a reader's eye, would take it for something else.
fn obeyed(c: char) -> bool {
    let turns_around = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}');
    c.is_control() || turns_around || matches!(c, '\u{2028}' | '\u{2029}' | '\u{2066}'..='\u{2069}')
}

/// What is read from a text is one that reads back.
fn check_values(text: &str) {
    if let Ok(sent) = Text::new(text) {
        let datagram = Datagram::new(Operation::Chat, 0, UserName::default(), sent.as_str().into());
        check(&datagram, &[0; 2_000]);
    }
    if let Ok(user) = UserName::new(text) {
        assert_eq!(UserName::new(user.as_str()), Ok(user));
        check(&Datagram::new(Operation::Syn, 0, user, Vec::new()), &[]);
    }
    if let Ok(dialect) = text.parse::<Dialect>() {
        assert_eq!(dialect.to_string().parse(), Ok(dialect));
        assert_eq!(Dialect::from_kept(&dialect.to_string()), dialect);
    }
    if let Ok(address) = Address::parse(text) {
        assert_eq!(Address::parse(&address.to_string()), Ok(address));
        let at = address.socket_address();
        assert_eq!(Who::parse(&at.to_string()), Who::Address(at));
    }
    if let Ok(who) = Who::read(text) {
        assert_eq!(Who::read(&who.to_string()), Ok(who));
    }
}
