//! `simpctl probe`: simpd passes all of it, and a peer with a defect fails the clause that it breaks and no other.

use std::collections::BTreeMap;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::harness::{Ran, Running, World};

mod double;

use double::{Defect, Double};

/// Starts a probe from address number `host` of the peer at `peer`.
fn probe(world: &World, host: u8, peer: u8, args: &[&str]) -> Running {
    let mut command = world.command("simpctl");
    command.args(["probe", "--from", &world.address(host), &world.address(peer)]).args(args);
    Running::start(command)
}

/// The verdicts by clause, of what was printed as JSON.
fn verdicts(outcome: &Ran) -> BTreeMap<String, String> {
    let lines = outcome.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let clauses = lines.filter(|line| line["clause"].is_string());
    clauses.map(|line| (text(&line["clause"]), text(&line["verdict"]))).collect()
}

/// Those with this verdict.
fn those<'a>(verdicts: &'a BTreeMap<String, String>, verdict: &str) -> Vec<&'a str> {
    verdicts.iter().filter(|(_, is)| *is == verdict).map(|(clause, _)| clause.as_str()).collect()
}

#[test]
fn simpd_passes_every_clause_and_each_is_shown_by_datagrams() {
    let world = World::new();
    let _simpd = world.start(1, &["--user", "alice"]);
    let (peer, ours) = (world.address(1), world.address(2));
    let mut probe = probe(&world, 2, 1, &["--json"]);
    let limit = "the person there has 60 s each to";
    assert_eq!(probe.read_error_line(), format!("probing {peer}:7777 from {ours}:7777; {limit}"));
    let asked = [
        &format!("accept the invitation of simpctl-probe@{ours}:7777"),
        "send two different lines",
        "leave the chat",
        &format!("invite {ours}:7777"),
        &format!("decline the invitation of simpctl-probe@{ours}:7777"),
    ];
    for ask in asked {
        assert_eq!(probe.read_error_line(), format!("  {ask}"));
    }
    let person: [(&[&str], &str); 5] = [
        (&["accept"], ""),
        (&["send"], "one\ntwo\n"),
        (&["quit"], ""),
        (&["connect", &ours], ""),
        (&["decline"], ""),
    ];
    for (ask, (does, input)) in asked.into_iter().zip(person) {
        assert_eq!(probe.read_error_line(), format!("now: {ask}"));
        world.ctl_with(1, does, input).ok();
    }
    let outcome = probe.wait();
    let lines = outcome.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut lines: Vec<Value> = lines.collect();
    let what = format!("secure chats: QUIC is at {peer}:7776");
    assert_eq!(lines.pop(), Some(json!({"secure": true, "what": what})));
    for line in &lines {
        assert_eq!(line["verdict"], "pass", "{line}");
        assert!(line["why"].is_null() && line["what"].is_string(), "{line}");
        let evidence = line["evidence"].as_array().unwrap();
        assert!(!evidence.is_empty(), "{line}");
        for seen in evidence {
            let hex = seen["hex"].as_str().unwrap();
            assert!(hex.len() % 2 == 0 && seen["at"].is_u64() && seen["shown"].is_string(), "{seen}");
            assert!([&seen["from"], &seen["to"]].contains(&&Value::from(format!("{peer}:7777"))), "{seen}");
        }
    }
    assert_eq!((outcome.status, lines.len()), (Some(0), 36), "{outcome:?}");
}

/// The clauses that take no real time.
const QUICK: &str = "1,2.1,2.2,3.1,3.2,5.1,5.4,5.5,5.6,7";

#[test]
fn a_peer_fails_the_clause_that_it_breaks_and_no_other() {
    let world = World::new();
    let cases: [(Defect, &str, &[&str], &[&str]); 16] = [
        (Defect::None, QUICK, &[], &[]),
        (Defect::SpacePadding, QUICK, &["1.4"], &[]),
        (Defect::NoLength, QUICK, &["1.1"], &[]),
        (Defect::ErrAndFinInOne, QUICK, &["1.2"], &[]),
        (Defect::OtherPort, QUICK, &["2.1"], &[]),
        (Defect::AckOfWrongBit, QUICK, &["3.1"], &[]),
        (Defect::IgnoresDuplicates, QUICK, &["3.2"], &[]),
        (Defect::NoFinAfterErr, QUICK, &["5.1", "5.6"], &[]),
        (Defect::AcceptsEverybody, QUICK, &[], &["5.1"]),
        (Defect::DiesOfUnknownOperation, QUICK, &["7.3"], &["7.4", "7.5", "7.6", "7.7"]),
        (Defect::BareAck, "2.2,2.3,3.1", &["2.2"], &["2.3"]),
        (Defect::None, "2.3,2.4", &["2.3"], &[]),
        (Defect::None, "3.3,3.4,3.5,4", &["4.1"], &["4.3", "4.4"]),
        (Defect::BeginsWithOne, "3.3,3.4", &["3.3"], &[]),
        (Defect::SameBit, "3.3,3.4", &["3.4"], &[]),
        (Defect::DoesNotWait, "3.4,3.5", &["3.5"], &[]),
    ];
    let mut running = Vec::new();
    for (n, (defect, only, fails, misses)) in (0..).zip(cases) {
        let double = Double::start(&world.address(10 + n), defect);
        let probe = probe(&world, 100 + 3 * n, 10 + n, &["--json", "--timeout", "0.5", "--only", only]);
        running.push((double, probe, defect, fails, misses));
    }
    for (double, probe, defect, fails, misses) in running {
        let outcome = probe.wait();
        let verdicts = verdicts(&outcome);
        let found = (those(&verdicts, "fail"), those(&verdicts, "not observable"));
        assert_eq!(found, (fails.to_vec(), misses.to_vec()), "{defect:?}: {outcome:?}");
        assert_eq!(outcome.status, Some(i32::from(!fails.is_empty())), "{defect:?}");
        drop(double);
    }
}

#[test]
fn a_peer_of_another_form_is_spoken_to_in_it_and_told_which_it_is() {
    let world = World::new();
    let only = "1,2.2,3.1,3.2,3.3,3.4,5.1,5.4,5.5";
    let cases = [
        (Defect::OneByteLength, &["1.1"][..], "a Length of one byte (one-byte-length in simp(7))"),
        (Defect::AcksNext, &["1.1", "3.1"], "a Length of one byte (one-byte-length in simp(7))"),
        (Defect::TwoByteLength, &["1.1"], "a Length of two bytes (two-byte-length in simp(7))"),
        (Defect::Of2021, &["1.1", "1.2", "1.3", "1.4", "3.3"], "the form of 2021/22 (form-2021 in simp(7))"),
    ];
    let mut running = Vec::new();
    for (n, (defect, fails, form)) in (0..).zip(cases) {
        let double = Double::start(&world.address(10 + n), defect);
        let probe = probe(&world, 100 + 3 * n, 10 + n, &["--timeout", "0.5", "--only", only]);
        running.push((double, probe, world.address(10 + n), fails, form));
    }
    for (double, probe, peer, fails, form) in running {
        let outcome = probe.wait();
        let of = |verdict: &str| {
            let lines = outcome.stdout.lines().filter(|line| line.contains(&format!("  {verdict}  ")));
            lines.filter_map(|line| line.split(' ').next()).collect::<Vec<_>>()
        };
        assert_eq!((of("fail          "), of("not observable")), (fails.to_vec(), vec![]), "{outcome:?}");
        let mut last = outcome.stdout.lines().rev();
        assert_eq!(last.next(), Some(&*format!("{peer}:7777 has {form}")));
        assert_eq!(last.next(), Some(&*format!("no secure chats: nobody listens at {peer}:7776")));
        assert!(last.next().unwrap().starts_with("14 clauses: "), "{outcome:?}");
        drop(double);
    }
}

#[test]
fn what_fails_is_shown_with_its_datagrams_and_said_on_standard_error() {
    let world = World::new();
    let _double = Double::start(&world.address(1), Defect::NoFinAfterErr);
    let outcome = probe(&world, 5, 1, &["--only", "5.5,5.6"]).wait();
    let (peer, ours) = (world.address(1), world.address(5));
    assert_eq!(
        outcome.stderr,
        format!(
            "probing {peer}:7777 from {ours}:7777; nobody there needs to act\nsimpctl: {peer}:7777: clause 5.6 fails\n"
        )
    );
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert_eq!(lines[0], "5.5  pass            FIN outside any chat is answered with ACK");
    assert_eq!(
        lines[1],
        "5.6  fail            a message outside any chat is answered with ERR and FIN (an ERR, and no FIN)"
    );
    let sent = format!("{ours}:7777 -> {peer}:7777  chat seq=0 user=simpctl-probe text=Is anybody there?");
    assert!(lines[2].ends_with(&sent), "{}", lines[2]);
    let err = format!("{peer}:7777 -> {ours}:7777  ERR seq=0 user=bob text=\\x1b[2Jno");
    assert!(lines[4].ends_with(&err), "{}", lines[4]);
    assert_eq!(lines[5], format!("       010100626f62{}000000061b5b324a6e6f", "00".repeat(29)));
    let secure = format!("no secure chats: nobody listens at {peer}:7776");
    assert_eq!(lines[6..], ["2 clauses: 1 pass, 1 fail, 0 not observable", &secure]);
}

#[test]
fn what_the_person_does_otherwise_is_not_held_against_the_peer() {
    let world = World::new();
    let _asks = world.start(1, &["--user", "alice"]);
    let _accepts = world.start(2, &["--user", "bob", "--accept", "all"]);
    let nobody = probe(&world, 11, 1, &["--only", "2.2,3.1", "--timeout", "0.6"]);
    let accepted = probe(&world, 21, 2, &["--only", "2.5", "--json"]);
    let outcome = nobody.wait();
    let why = "nobody there accepted within 0.6 s";
    assert_eq!(
        (outcome.status, outcome.stdout.as_str()),
        (
            Some(0),
            format!(
                "2.2  not observable  its user accepts: SYN is answered with SYN+ACK ({why})\n\
                 3.1  not observable  a message is answered with ACK of the same sequence ({why})\n\
                 2 clauses: 0 pass, 0 fail, 2 not observable\n\
                 secure chats: QUIC is at {}:7776\n",
                world.address(1)
            )
            .as_str()
        )
    );
    assert_eq!(world.ctl(1, &["requests"]).ok(), "", "the invitation was taken back");
    let outcome = accepted.wait();
    assert_eq!(those(&verdicts(&outcome), "not observable"), ["2.5"], "{outcome:?}");
    assert!(outcome.stdout.contains("the invitation was accepted"), "{outcome:?}");
    assert_eq!(world.ctl(2, &["chats"]).ok(), "", "the chat was left");

    let mut refused = probe(&world, 31, 1, &["--only", "2.2"]);
    while !refused.read_error_line().starts_with("now: accept") {}
    world.ctl(1, &["decline"]).ok();
    assert!(refused.wait().stdout.contains("(the invitation was refused)"));
}

#[test]
fn where_nobody_is_it_says_so_at_once() {
    let world = World::new();
    let (peer, ours) = (world.address(1), world.address(2));
    let outcome = probe(&world, 2, 1, &["--json"]).wait();
    let line = format!("{peer}:7777: nobody listens there (is its daemon running?)");
    assert_eq!(
        (outcome.status, outcome.stderr.lines().last()),
        (Some(1), Some(&*format!("simpctl: {line}")))
    );
    assert_eq!(outcome.stdout, "", "what comes of a probe is a stream, which holds no failure");
    // One that is there and says nothing at all is another thing.
    let _silent = world.peer(1, "silent");
    let outcome = probe(&world, 2, 1, &["--only", "7"]).wait();
    let line = "no answer at all (is a SIMP daemon there, and does a firewall let it through?)";
    assert_eq!(
        (outcome.status, outcome.stderr.lines().last()),
        (Some(6), Some(&*format!("simpctl: {peer}:7777: {line}"))),
        "{ours}"
    );
    assert_eq!(outcome.stdout, "");
}

#[test]
fn a_daemon_that_ends_meanwhile_is_not_taken_for_one_that_answers() {
    let world = World::new();
    let simpd = world.start(1, &["--user", "alice"]);
    let mut probe = probe(&world, 2, 1, &["--only", "2.2,5.5,7", "--json", "--timeout", "0.5"]);
    while !probe.read_error_line().starts_with("now: accept") {}
    simpd.signal(Signal::SIGKILL);
    simpd.wait();
    let verdicts = verdicts(&probe.wait());
    assert_eq!((those(&verdicts, "pass"), those(&verdicts, "fail")), (vec!["5.5"], vec![]));
}

#[test]
fn an_address_that_is_taken_or_makes_no_sense_is_refused_with_the_remedy() {
    let world = World::new();
    let _own = world.start(1, &["--user", "alice"]);
    let (own, peer) = (world.address(1), world.address(2));
    let probe = |args: &[&str]| {
        let mut command = world.command("simpctl");
        command.arg("probe").args(args);
        crate::harness::run(command, "")
    };
    for (args, status, line) in [
        (
            &["--from", &own, &peer][..],
            1,
            format!("{own}:7777: address in use (stop the simpd that is there, or use --from 127.0.0.9)"),
        ),
        (
            &["--from", &own, &own],
            1,
            format!("{own}:7777: cannot be probed from its own address (use --from 127.0.0.9)"),
        ),
        (&["--from", "192.0.2.1", &peer], 1, "192.0.2.1:7777: not an address of this host".to_owned()),
        (
            &["--from", "::1", &peer],
            2,
            format!("--from must be an address of this host that can reach {peer}:7777"),
        ),
        (
            &["--only", "3.9", &peer],
            2,
            "--only 3.9: no such clause (give a section, 1 to 5 or 7, or a clause such as 3.1)".to_owned(),
        ),
        (&["0.0.0.0"], 2, "0.0.0.0:7777: not the address of one host".to_owned()),
        (
            &["127.0.0.1:x"],
            2,
            "127.0.0.1:x: neither ADDR[:PORT] nor HOST[:PORT] (see simpctl connect --help)".to_owned(),
        ),
        (&["no-such-host.invalid"], 7, "no-such-host.invalid: unknown host".to_owned()),
    ] {
        probe(args).fails(status, &format!("simpctl: {line}"));
    }
    for args in [&[][..], &["--timeout", "0", &peer], &["--frobnicate", &peer]] {
        let outcome = probe(args);
        assert_eq!((outcome.status, outcome.stderr.lines().count()), (Some(2), 1), "{args:?}: {outcome:?}");
    }
}
