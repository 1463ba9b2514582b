//! What is told: the end of a build, and an alarm to whoever is there.

use nix::sys::signal::Signal;

use super::document::Recipe;
use super::{Machine, two_machines};
use crate::harness::{Ran, World, run};

/// Runs the line of the CI as its runner does.
fn job(web1: &Machine<'_>, recipe: &Recipe, id: &str) -> Ran {
    let (_, lines) = recipe.shown("yaml").split_once("after_script:\n").unwrap();
    let mut shell = web1.shell(lines.trim().strip_prefix("- ").unwrap());
    shell.envs([("CI_JOB_ID", id), ("CI_JOB_STATUS", "failed"), ("CI_JOB_NAME", "test")]);
    shell.envs([("CI_PROJECT_PATH", "a/b"), ("CI_COMMIT_REF_NAME", "gr\u{fc}n")]);
    shell.env("CI_JOB_URL", "https://ci.example/$(id)");
    run(shell, "")
}

#[test]
fn the_end_of_a_build_is_told_once_and_fails_nothing() {
    let (world, recipe) = (World::new(), Recipe::of("The end of a build"));
    let (web1, ops) = two_machines(&world);
    web1.install(&recipe);
    let mut shown = ops.background(&recipe.typed("ops", "listen").replace("--new", "--since 0"));
    // It listens, and waits for simpd from now on.
    assert_eq!(shown.read_line(), "web1: hello from web1");
    ops.kill();
    for id in ["1", "1", "2"] {
        job(&web1, &recipe, id).ok();
    }
    web1.kill();
    let lost = job(&web1, &recipe, "3");
    assert_eq!(lost.status, Some(0));
    assert!(lost.stderr.ends_with("\nnobody is told of this job\n"), "{}", lost.stderr);
    for machine in [&web1, &ops] {
        machine.types("simpctl start").ok();
    }
    job(&web1, &recipe, "1").ok();
    job(&web1, &recipe, "4").ok();
    for _ in ["1", "2", "4"] {
        let told = "web1: a/b gr\u{fc}n: test failed, https://ci.example/$(id)";
        assert_eq!(shown.read_line(), told);
    }
    assert_eq!(ops.types("simpctl history --from 192.0.2.7").ok().lines().count(), 4);
}

/// Runs the alarm, in `seconds` for each of them.
fn alarm(web1: &Machine<'_>, seconds: f32, text: &str) -> Ran {
    web1.types(&format!("~/bin/alarm {seconds} {text}"))
}

/// What this one was told.
fn told(machine: &Machine<'_>) -> String {
    machine.types("simpctl history --since 0 --format '{text}'").ok()
}

#[test]
fn an_alarm_goes_to_the_first_that_is_there_and_never_to_two() {
    let (world, recipe) = (World::new(), Recipe::of("Whoever is there"));
    let (web1, ops) = two_machines(&world);
    web1.install(&recipe);
    let ops2 = Machine::new(&world, "ops2");
    ops2.types(recipe.typed("ops2", "start")).ok();
    let has_it = |machine: &Machine<'_>| format!("{} has it\n", machine.address());
    assert_eq!(alarm(&web1, 5.0, "-x one").ok(), has_it(&ops));

    ops.kill();
    let two = alarm(&web1, 5.0, "two");
    assert_eq!((two.status, &two.stdout), (Some(0), &has_it(&ops2)));
    assert!(two.stderr.contains("nobody listens") && two.stderr.lines().count() == 1, "{}", two.stderr);
    // One that hangs.
    ops.types("simpctl start").ok();
    ops.signal(Signal::SIGSTOP);
    let three = alarm(&web1, 1.5, "three");
    assert_eq!((three.status, &three.stdout), (Some(0), &has_it(&ops2)));
    // Neither of them.
    ops2.kill();
    let four = alarm(&web1, 1.5, "four");
    assert_eq!((four.status, four.stdout.as_str()), (Some(1), ""));
    assert!(four.stderr.ends_with("\nnobody has it\n"), "{}", four.stderr);

    ops.signal(Signal::SIGCONT);
    ops2.types("simpctl start").ok();
    web1.types("simpctl connect 192.0.2.8").ok();
    ops.signal(Signal::SIGSTOP);
    let five = alarm(&web1, 1.5, "five");
    assert_eq!((five.status, five.stdout.as_str()), (Some(6), ""));
    assert!(five.stderr.ends_with(&format!("\n{} may have it\n", ops.address())), "{}", five.stderr);
    ops.signal(Signal::SIGCONT);
    assert_eq!(
        ops.types("simpctl listen --text --since 0 -n 3 --timeout 20").ok(),
        "hello from web1\n-x one\nfive\n"
    );
    assert_eq!(told(&ops2), "two\nthree\n");
}
