//! The dissector in contrib/wireshark, run by tshark on captures of real traffic: daemons that chat through a
//! relay, and bare peers that do everything that simp(7) calls a deviation.

mod conversations;
mod deviations;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use conversations::conversations;
use deviations::{ERR_FIN, deviations, of_2021};

use crate::capture::{Capture, tshark};
use crate::datagrams::{CHAT, SYN, wire};
use crate::harness::{Random, World, has_program, seed};
use crate::relay::Relay;

/// What is shown of each frame, in the form of the tables.
fn shown(world: &World, capture: &Capture) -> Vec<String> {
    let lines = capture.fields(world, &[], &["_ws.col.Info", "simp.ack_to"]);
    let mut shown = Vec::new();
    for (line, experts) in lines.iter().zip(capture.experts(world)) {
        let (info, answered) = line.rsplit_once('|').unwrap();
        let arrow = if answered.is_empty() { "" } else { " > " };
        let experts: String = experts.iter().map(|expert| format!(" ! {expert}")).collect();
        shown.push(format!("{info}{arrow}{answered}{experts}"));
    }
    shown
}

/// The same line where so many frames come before the conversation.
fn renumbered(line: &str, before: usize) -> String {
    let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    for i in 1..words.len() {
        if ["frame", "Frame", ">"].contains(&words[i - 1].as_str()) {
            words[i] = (words[i].parse::<usize>().unwrap() + before).to_string();
        }
    }
    words.join(" ")
}

/// Port 7777 of an address of the world.
fn address(world: &World, host: u8) -> SocketAddr {
    format!("{}:7777", world.address(host)).parse().unwrap()
}

/// The names that begin with `simp.` in a text.
fn names(text: &str) -> BTreeSet<&str> {
    let end = |c: char| !matches!(c, 'a'..='z' | '_' | '.');
    text.split("simp.").skip(1).map(|rest| rest.split(end).next().unwrap().trim_end_matches('.')).collect()
}

#[test]
fn a_chat_of_two_daemons_is_shown_as_it_was() {
    if !has_program("a_chat_of_two_daemons_is_shown_as_it_was", "tshark") {
        return;
    }
    let world = World::new();
    let (_alice, _bob) = world.alice_and_bob();
    let daemons = [address(&world, 1), address(&world, 2)];
    let passed = Arc::new(Mutex::new(Vec::new()));
    let keep = passed.clone();
    let relay = Relay::start(daemons, [address(&world, 3), address(&world, 4)], 0, move |from, bytes| {
        keep.lock().unwrap().push((from, bytes.to_vec()));
    });
    world.ctl(1, &["connect", &world.address(3)]).ok();
    world.ctl(1, &["send", "hi"]).ok();
    world.ctl(2, &["send", "Hello Alice"]).ok();
    world.ctl(1, &["send", "a \\ and a \"quote\""]).ok();
    world.ctl(2, &["quit"]).ok();
    drop(relay);

    let mut capture = Capture::new();
    for (from, bytes) in passed.lock().unwrap().iter() {
        capture.add(daemons[*from], daemons[1 - *from], bytes);
    }
    let columns = [
        "_ws.col.Protocol",
        "_ws.col.Info",
        "simp.operation.name",
        "simp.sequence",
        "simp.user",
        "simp.length",
        "simp.payload",
        "simp.text",
        "simp.ack_to",
        "simp.ack_in",
        "simp.ack_time",
    ];
    let expected = [
        r#"SIMP|SYN seq=0 user=alice|SYN|0|alice|0||||2|"#,
        r#"SIMP|SYN+ACK seq=0 user=bob|SYN+ACK|0|bob|0|||1|3|0.001000000"#,
        r#"SIMP|ACK seq=0 user=alice|ACK|0|alice|0|||2||0.001000000"#,
        r#"SIMP|CHAT seq=0 "hi"|CHAT|0|alice|2|6869|hi||5|"#,
        r#"SIMP|ACK seq=0 user=bob|ACK|0|bob|0|||4||0.001000000"#,
        r#"SIMP|CHAT seq=0 "Hello Alice"|CHAT|0|bob|11|48656c6c6f20416c696365|Hello Alice||7|"#,
        r#"SIMP|ACK seq=0 user=alice|ACK|0|alice|0|||6||0.001000000"#,
        concat!(
            r#"SIMP|CHAT seq=1 "a \\ and a "quote""|CHAT|1|alice|17|"#,
            r#"61205c20616e642061202271756f746522|a \\ and a "quote"||9|"#
        ),
        r#"SIMP|ACK seq=1 user=bob|ACK|1|bob|0|||8||0.001000000"#,
        r#"SIMP|FIN seq=1 user=bob|FIN|1|bob|0||||11|"#,
        r#"SIMP|ACK seq=1 user=alice|ACK|1|alice|0|||10||0.001000000"#,
    ];
    assert_eq!(capture.fields(&world, &[], &columns), expected);
    assert_eq!(capture.experts(&world).concat(), Vec::<String>::new());
}

#[test]
fn a_secure_chat_is_shown_as_what_it_is_and_nothing_of_what_it_says() {
    if !has_program("a_secure_chat_is_shown_as_what_it_is_and_nothing_of_what_it_says", "tshark") {
        return;
    }
    let world = World::new();
    let (_alice, _bob) = world.alice_and_bob();
    let beside = |host| SocketAddr::new(address(&world, host).ip(), 7776);
    let daemons = [beside(1), beside(2)];
    let passed = Arc::new(Mutex::new(Vec::new()));
    let keep = passed.clone();
    let relay = Relay::start(daemons, [beside(3), beside(4)], 0, move |from, bytes| {
        keep.lock().unwrap().push((from, bytes.to_vec()));
    });
    world.ctl(1, &["connect", &world.address(3)]).ok();
    world.ctl(1, &["send", "open sesame"]).ok();
    drop(relay);

    let passed = passed.lock().unwrap();
    let secrets = ["open sesame", "alice", "bob"].map(str::as_bytes);
    for (_, bytes) in passed.iter() {
        assert!(secrets.iter().all(|secret| !bytes.windows(secret.len()).any(|part| part == *secret)));
    }
    // All of it, and what there is after the handshake alone.
    let part = |after: usize| {
        let mut capture = Capture::new();
        for (from, bytes) in &passed[after..] {
            capture.add(daemons[*from], daemons[1 - *from], bytes);
        }
        capture
    };
    let column = |capture: &Capture, args: &[&str]| capture.fields(&world, args, &["_ws.col.Protocol"]);
    let links = column(&part(0), &["-Y", "tls.handshake.extensions_alpn_str == \"simp-secure/1\""]);
    assert_eq!(links, ["QUIC"]);
    for after in [0, passed.len() - 2] {
        assert_eq!(column(&part(after), &[]), vec!["QUIC"; passed.len() - after]);
    }
}

#[test]
fn a_datagram_is_shown_field_by_field() {
    if !has_program("a_datagram_is_shown_field_by_field", "tshark") {
        return;
    }
    let world = World::new();
    let mut capture = Capture::new();
    capture.add(address(&world, 1), address(&world, 2), &wire(ERR_FIN, 0, "test", b"Hello World"));
    let text = capture.tshark(&world, &["-O", "simp"]);
    let tree: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("Simple")).collect();
    assert_eq!(
        tree,
        [
            r#"Simple IMC Messaging Protocol, ERR|FIN seq=0 user=test "Hello World""#,
            "    Type: control (0x01)",
            "    Operation: 0x09 (ERR|FIN)",
            "        .... ...1 = ERR: True",
            "        .... ..0. = SYN: False",
            "        .... .0.. = ACK: False",
            "        .... 1... = FIN: True",
            "        [Name: ERR|FIN]",
            "        [Expert Info (Note/Protocol): ERR and FIN in one datagram]",
            "            [ERR and FIN in one datagram]",
            "            [Severity level: Note]",
            "            [Group: Protocol]",
            "    Sequence: 0",
            "    User: test",
            "    Length: 11",
            "    Payload: 48656c6c6f20576f726c64",
            "        Text: Hello World",
            "",
        ]
    );
}

#[test]
fn the_form_of_a_datagram_is_shown_if_it_is_another() {
    if !has_program("the_form_of_a_datagram_is_shown_if_it_is_another", "tshark") {
        return;
    }
    let world = World::new();
    let mut capture = Capture::new();
    capture.add(address(&world, 1), address(&world, 2), &of_2021([1, 1], 100, "test", b"hi"));
    let text = capture.tshark(&world, &["-O", "simp"]);
    let tree: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("Simple")).collect();
    assert_eq!(
        tree,
        [
            r#"Simple IMC Messaging Protocol, CHAT seq=100 "hi""#,
            "    [Form: form-2021]",
            "        [Expert Info (Note/Protocol): The form of 2021/22]",
            "            [The form of 2021/22]",
            "            [Severity level: Note]",
            "            [Group: Protocol]",
            "    Type: chat (0x01)",
            "    Operation: 0x01 (CHAT)",
            "        [Name: CHAT]",
            "    Sequence: 100",
            "    User: test",
            "    Length: 2",
            "    Payload: 6869",
            "        Text: hi",
            "",
        ]
    );
    capture.add(address(&world, 1), address(&world, 2), &wire(CHAT, 0, "test", b"hi"));
    assert_eq!(capture.fields(&world, &[], &["simp.form", "simp.type"]), ["form-2021|0x01", "|0x02"]);
}

#[test]
fn every_deviation_of_one_datagram_has_its_expert_item() {
    if !has_program("every_deviation_of_one_datagram_has_its_expert_item", "tshark") {
        return;
    }
    let world = World::new();
    let alice = world.start(1, &["--user", "alice"]);
    let mut capture = Capture::new();
    let all = deviations();
    for (host, (_, bytes, _)) in (100..).zip(&all) {
        let stranger = world.peer(host, "bob");
        stranger.send_raw(&world.address(1), bytes);
        capture.add(stranger.address(), address(&world, 1), bytes);
    }
    alice.client().status_after(all.len() as u64);
    let shown = shown(&world, &capture);
    assert_eq!(shown.len(), all.len());
    for ((name, _, expected), shown) in all.iter().zip(shown) {
        assert_eq!(shown, *expected, "{name}");
    }
}

#[test]
fn a_conversation_shows_copies_and_what_acknowledges_what() {
    if !has_program("a_conversation_shows_copies_and_what_acknowledges_what", "tshark") {
        return;
    }
    let world = World::new();
    let mut capture = Capture::new();
    let mut expected = Vec::new();
    for (host, steps) in (1..).step_by(2).zip(conversations()) {
        let peers = [world.peer(host, "alice"), world.peer(host + 1, "bob")];
        let before = expected.len();
        for (side, seconds, bytes, line) in steps {
            let (from, to) = (&peers[side as usize], &peers[1 - side as usize]);
            from.send_to(to.address(), &bytes);
            capture.wait(Duration::from_secs(seconds));
            capture.add(from.address(), to.address(), &to.receive_raw());
            expected.push(renumbered(line, before));
        }
    }
    assert_eq!(shown(&world, &capture), expected);
}

#[test]
fn other_ports_are_recognised_and_icmp_is_no_conversation() {
    if !has_program("other_ports_are_recognised_and_icmp_is_no_conversation", "tshark") {
        return;
    }
    let world = World::new();
    let simp = address(&world, 1);
    let [one, two] = [8, 9].map(|port| SocketAddr::new(simp.ip(), world.port(port)));
    let mut capture = Capture::new();
    // SIMP to the byte shows that its conversation is SIMP, before and after it.
    capture.add(one, two, b"hi");
    capture.add(one, two, &wire(SYN, 0, "alice", b""));
    capture.add(two, one, b"hi");
    // The header says that SIMP is on this port, but not where its peer's answers go.
    capture.add(one, simp, &wire(SYN, 0, "alice", b""));
    capture.add_unreachable(one, simp, &wire(SYN, 0, "alice", b""));
    // What the capture has cut is no deviation.
    capture.add_cut(simp, one, &wire(CHAT, 0, "bob", b"Hello"), 41);
    capture.add_cut(simp, one, &wire(CHAT, 1, "bob", b"Hello"), 20);
    capture.add_cut(simp, one, &wire(CHAT, 0, "bob", b"Hello"), 0);
    let protocols = capture.fields(&world, &[], &["_ws.col.Protocol"]);
    assert_eq!(protocols, ["SIMP", "SIMP", "SIMP", "SIMP", "ICMP", "SIMP", "SIMP", "UDP"]);
    let port = format!("port: Source port {}, others answer to port 7777", world.port(8));
    let experts = capture.experts(&world);
    assert_eq!(experts[2], ["short: Ends after 2 bytes, the header has 39"]);
    assert_eq!(experts[3..], [vec![port], vec![], vec![], vec![], vec![]]);
    let simp = format!("udp.port=={},simp", world.port(8));
    let protocols = capture.fields(&world, &["-d", &simp], &["_ws.col.Protocol"]);
    assert_eq!(protocols[..3], ["SIMP", "SIMP", "SIMP"]);
}

#[test]
fn no_bytes_are_an_error_of_the_script() {
    if !has_program("no_bytes_are_an_error_of_the_script", "tshark") {
        return;
    }
    let world = World::new();
    let peers = [address(&world, 1), address(&world, 2)];
    let mut random = Random(seed());
    let mut capture = Capture::new();
    let plain: Vec<Vec<u8>> = deviations().into_iter().map(|(_, bytes, _)| bytes).collect();
    for _ in 0..3_000 {
        // A datagram that makes sense, with some bytes changed, cut off or added.
        let mut bytes = plain[random.index(plain.len())].clone();
        for _ in 0..random.below(4) {
            let at = random.index(bytes.len());
            bytes[at] = random.next() as u8;
        }
        bytes.resize(1 + random.index(60), random.next() as u8);
        let from = random.index(2);
        let most = if random.below(4) == 0 { 1 + random.index(60) } else { usize::MAX };
        capture.add_cut(peers[from], peers[1 - from], &bytes, most);
    }
    let text = capture.tshark(&world, &["-O", "simp"]);
    assert!(!text.contains("Lua"), "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with("Simple IMC")).count(), 3_000);
}

#[test]
fn every_expert_item_is_tried_and_every_filter_is_in_its_readme() {
    if !has_program("every_expert_item_is_tried_and_every_filter_is_in_its_readme", "tshark") {
        return;
    }
    let world = World::new();
    let fields = tshark(&world, &["-G", "fields"]);
    let ours: Vec<Vec<&str>> = fields.lines().map(|line| line.split('\t').collect()).collect();
    let ours = ours.iter().filter(|line| line[0] == "F" && line[2].starts_with("simp."));
    let (experts, fields): (Vec<_>, Vec<_>) = ours.partition(|line| line[3] == "FT_NONE");

    let tables = deviations().into_iter().map(|(_, _, shown)| shown);
    let tables = tables.chain(conversations().into_iter().flatten().map(|(_, _, _, shown)| shown));
    let mut tried: BTreeSet<String> = tables
        .flat_map(|shown| shown.split(" ! ").skip(1))
        .map(|expert| expert.split(": ").next().unwrap().to_owned())
        .collect();
    tried.insert("port".to_owned());
    let experts: BTreeSet<String> = experts.iter().map(|line| line[2].replacen("simp.", "", 1)).collect();
    assert_eq!(tried, experts);

    let all: BTreeSet<&str> =
        fields.iter().map(|line| &line[2][5..]).chain(experts.iter().map(String::as_str)).collect();
    let mut named = names(include_str!("../contrib/wireshark/README.md"));
    assert!(named.remove("lua"), "the name of the script is no filter");
    assert_eq!(named, all);
}
