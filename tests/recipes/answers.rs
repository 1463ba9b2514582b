//! What is asked and answered: a responder, and the checks of a monitoring that ask it.

use super::document::Recipe;
use super::machine::Service;
use super::{Machine, two_machines};
use crate::harness::{Ran, World};

/// Installs the responder and starts it.
fn responder(web1: &Machine<'_>, recipe: &Recipe) -> Service {
    web1.install(recipe);
    let service = web1.service("~/.config/systemd/user/answer.service");
    // From then on it hears what is asked.
    while !web1.types("simpctl consumers").ok().contains("answer") {}
    service
}

fn is_a_load(text: &str) -> bool {
    text.split_once('.').is_some_and(|(whole, part)| whole.parse::<u32>().is_ok() && part.len() == 2)
}

#[test]
fn a_responder_answers_what_it_knows_and_whoever_asks_learns_if_it_is_off() {
    let (world, recipe) = (World::new(), Recipe::of("A responder"));
    let (web1, ops) = two_machines(&world);
    let service = responder(&web1, &recipe);
    ops.types(recipe.typed("ops", "connect")).ok();
    let ask = recipe.typed("ops", "ask");
    let load = ops.types(ask).ok();
    assert!(is_a_load(load.strip_prefix("load ").unwrap().trim_end()), "{load}");
    let disk = ops.types(&ask.replace("load", "disk")).ok();
    assert!(disk.starts_with("disk ") && disk.ends_with("%\n"), "{disk}");
    // What it does not know is no command, either.
    let other = ask.replace("10 load", "2 '$(touch ~/touched)'");
    ops.types(&other).fails(6, "simpctl: no answer within 2 s");
    assert!(!web1.home().join("touched").exists() && !ops.home().join("touched").exists());

    // Killed, it answers once it is back.
    service.kill();
    let asking = ops.background(ask);
    let service = responder(&web1, &recipe);
    let answer = asking.wait();
    assert!(answer.ok().starts_with("load "));

    web1.kill();
    let late = ops.types(&ask.replace("10 load", "0.5 disk"));
    assert_eq!(late.status, Some(6));
    assert!(late.stderr.starts_with("simpctl: no answer within 0.5 s: message "), "{}", late.stderr);
    web1.types("simpctl start").ok();
    drop(service);
}

#[test]
fn a_check_of_a_host_has_the_states_of_its_monitoring() {
    let (world, recipe) = (World::new(), Recipe::of("A check for Nagios and Icinga"));
    let (web1, _ops) = two_machines(&world);
    let _service = responder(&web1, &Recipe::of("A responder"));
    let nagios = Machine::new(&world, "nagios");
    nagios.install(&recipe);
    let check = |limits: &str| nagios.types(&format!("~/bin/check_simp_load 192.0.2.7 {limits}"));
    let state = |ran: Ran| {
        assert_eq!(ran.stderr, "");
        (ran.status.unwrap(), ran.stdout)
    };
    let down = |ran: Ran, status: i32, word: &str| {
        let (state, said) = state(ran);
        assert!(state == status && said.starts_with(word) && said.contains("simpd is not running"), "{said}");
    };
    down(check("4 8"), 3, "UNKNOWN: ");
    down(nagios.types("~/bin/check_simpd"), 2, "CRITICAL: ");
    nagios.types(recipe.typed("nagios", "start")).ok();
    assert_eq!(state(nagios.types("~/bin/check_simpd")), (0, "OK: simpd is well\n".to_owned()));
    for (limits, status, word) in [("9998 9999", 0, "OK"), ("0 9999", 1, "WARNING"), ("0 0", 2, "CRITICAL")] {
        let (state, said) = state(check(limits));
        let load = said.strip_prefix(&format!("{word}: load ")).unwrap().split_once('|').unwrap().0;
        assert!(state == status && is_a_load(load), "{said}");
        assert_eq!(said, format!("{word}: load {load}|load={load};{}\n", limits.replace(' ', ";")));
    }
    nagios.types("simpctl quit").ok();
    web1.kill();
    let (state, said) = state(check("4 8"));
    let nobody = format!("CRITICAL: simpctl: {}:7777: nobody listens for secure chats there", web1.address());
    assert!(state == 2 && said.starts_with(&nobody) && said.lines().count() == 1, "{said}");
}
