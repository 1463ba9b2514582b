//! Two machines with a firewall each, in networks of their own.

use super::Machine;
use super::cron::job;
use super::document::Recipe;
use crate::harness::{Running, World, has_program, is_root, run, skipped};

/// The two machines, each in a network of its own, with a wire between them; `None`, and `test` is skipped, if this machine
/// cannot have that.
fn machines<'a>(world: &'a World, test: &str) -> Option<(Machine<'a>, Machine<'a>)> {
    let programs = ["unshare", "nsenter", "ip", "nft"];
    if !is_root(test) || !programs.iter().all(|program| has_program(test, program)) {
        return None;
    }
    let network = || {
        let mut command = world.command("unshare");
        command.args(["-n", "sh", "-c", "ip link set lo up && nft list ruleset && echo ready && exec cat"]);
        let mut holder = Running::start(command);
        (holder.read_line() == "ready").then_some(holder)
    };
    let Some((one, other)) = network().zip(network()) else {
        skipped(test, "no network of our own can be made here");
        return None;
    };
    let web1 = Machine::in_network(world, "web1", one);
    let ops = Machine::in_network(world, "ops", other);
    web1.types(&format!("ip link add wire type veth peer name wire netns {}", ops.network())).ok();
    for machine in [&web1, &ops] {
        let address = machine.address();
        machine.types(&format!("ip address add {address}/24 dev wire && ip link set wire up")).ok();
    }
    Some((web1, ops))
}

/// On `from`, an ssh that goes to the other machine.
fn log_in(from: &Machine<'_>, to: &Machine<'_>) {
    let variables = format!("HOME='{0}' XDG_RUNTIME_DIR='{0}/run' PATH=\"$PATH\"", to.home().display());
    let there = format!("nsenter -t {} -n env -i {variables} sh -c \"$*\"", to.network());
    from.write("~/bin/ssh", &format!("#!/bin/sh\nshift\nexec {there}\n"));
}

#[test]
fn whoever_can_only_dial_out_is_told_all_and_closed_ports_are_named() {
    let (test, world) = ("whoever_can_only_dial_out_is_told_all_and_closed_ports_are_named", World::new());
    let recipe = Recipe::of("Behind a firewall");
    let Some((web1, ops)) = machines(&world, test) else { return };
    web1.install(&recipe);
    ops.install(&recipe);
    log_in(&web1, &ops);
    let open = "udp dport { 7776, 7777 } accept";
    let firewall = |machine: &Machine<'_>, rule: &str| {
        machine
            .types(&format!("nft flush ruleset && sed 's/{open}/{rule}/' etc/nftables.conf | nft -f -"))
            .ok();
    };
    firewall(&web1, open);
    let (start, connect) = recipe.typed("web1", "ssh").trim_end().rsplit_once('\n').unwrap();
    web1.types(start).ok();
    let soon = connect.replace("30", "0.5");
    let no_answer = format!(
        "simpctl: {}:7777: no answer (nobody has accepted, or a firewall closes its port or the one below)",
        ops.address()
    );
    for rule in ["", "udp dport 7777 accept"] {
        firewall(&ops, rule);
        web1.types(&soon).fails(6, &no_answer);
    }
    let nobody = format!(
        "simpctl: {}:7777: nobody listens for secure chats there (is simpd running on that host, and not with secure = \"off\"?)",
        ops.address()
    );
    firewall(&ops, "udp dport { 7776, 7777 } reject");
    web1.types(connect).fails(1, &nobody);

    firewall(&ops, open);
    let dials_in = ops.types("simpctl connect --timeout 0.5 192.0.2.7");
    assert_eq!(
        (dials_in.status, dials_in.stderr),
        (Some(6), no_answer.replace(ops.address(), web1.address()) + "\n")
    );
    let for_web1 = recipe.typed("ops", "for web1");
    ops.types(for_web1).ok();
    let connected = format!("connected to ops@{}:7777 (secure)\n", ops.address());
    assert_eq!(web1.types(connect).ok(), connected);
    ops.types(for_web1).ok();
    let heard = web1.types("simpctl listen -n 2 --text --timeout 20").ok();
    assert_eq!(heard, "for web1\nfor web1\n");
    // It is let in for its key, not only because something waits for it.
    web1.types("simpctl quit").ok();
    assert_eq!(web1.types(connect).ok(), connected);
    assert_eq!(run(web1.cron(job(recipe.typed("web1", "* * *"), "*")), "").ok(), "");
    assert_eq!(ops.types("simpctl listen -n 1 --timeout 20").ok(), "web1: web1 is there\n");
}
