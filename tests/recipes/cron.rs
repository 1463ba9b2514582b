//! What cron starts: with next to no environment, and no terminal.

use super::document::Recipe;
use super::{Machine, two_machines};
use crate::harness::{World, run};

/// The command of the line of this crontab that has `part` in it.
pub fn job<'a>(crontab: &'a str, part: &str) -> &'a str {
    let line = crontab.lines().find(|line| line.contains(part)).unwrap();
    line.strip_prefix("@reboot ").or_else(|| Some(line.split_once("  ")?.1)).unwrap()
}

/// What cron would mail, and the status that nobody sees.
fn mailed(machine: &Machine<'_>, job: &str) -> (Option<i32>, String) {
    let ran = run(machine.cron(job), "");
    (ran.status, ran.stdout + &ran.stderr)
}

/// It is said that simpd does not run.
#[track_caller]
fn does_not_run(machine: &Machine<'_>, status: Option<i32>, mailed: (Option<i32>, String)) {
    let remedy = format!("simpd is not running (start it with: simpctl start {})\n", machine.address());
    assert!(mailed.0 == status && mailed.1.ends_with(&remedy) && mailed.1.lines().count() == 1, "{mailed:?}");
}

#[test]
fn a_report_arrives_however_its_job_went_and_whoever_is_off() {
    let (world, recipe) = (World::new(), Recipe::of("A report from cron"));
    let (web1, ops) = two_machines(&world);
    web1.install(&recipe);
    let report = job(recipe.typed("web1", "backup"), "backup");
    web1.write(
        "~/bin/backup",
        "#!/bin/sh\nprintf '12 GiB \\377 gr\\303\\274n\\n\\0\\033[2Jall\\n'\nexit 3\n",
    );
    let read = recipe.typed("ops", "listen");
    let mut reader = ops.background(read);
    assert_eq!(mailed(&web1, report), (Some(3), String::new()));
    let mut line = || reader.read_line();
    assert!(line().starts_with("== web1, 20"));
    assert_eq!(line(), "hello from web1");
    assert!(line().starts_with("== web1, 20"));
    assert!(line().starts_with(&format!("{}/bin/backup on ", web1.home().display())));
    assert_eq!([line(), line()], ["12 GiB  grM-CM-<n", "^[[2Jall"]);

    // Nobody is there.
    ops.kill();
    web1.write("~/bin/backup", "#!/bin/sh\necho done\n");
    assert_eq!(mailed(&web1, report), (Some(0), String::new()));
    assert!(web1.types("simpctl outbox").ok().contains("in a chat"));
    web1.kill();
    does_not_run(&web1, Some(3), mailed(&web1, report));
    let machines = Recipe::of("Two machines");
    let reboot = job(machines.typed("web1", "@reboot"), "@reboot");
    for machine in [&web1, &ops] {
        let ready = format!("simpd: ready on {}:7777 as {}\n", machine.address(), machine.name);
        assert_eq!(machine.types(reboot).ok(), ready);
    }
    let mut line = || reader.read_line();
    assert!(line().starts_with("== web1, 20"));
    assert!(line().ends_with(" ended with 0"));
    assert_eq!(line(), "done");
}

#[test]
fn what_is_wrong_with_simpd_is_mailed_and_shown_to_prometheus() {
    let (world, recipe) = (World::new(), Recipe::of("Cron and health"));
    let (web1, ops) = two_machines(&world);
    let check = job(recipe.typed("web1", "--check"), "--check");
    let metrics = job(recipe.typed("web1", "--prometheus"), "--prometheus");
    std::fs::create_dir(web1.home().join("textfile")).unwrap();
    assert_eq!(mailed(&web1, check), (Some(0), String::new()));
    assert_eq!(mailed(&web1, metrics), (Some(0), String::new()));
    assert!(web1.read("textfile/simp.prom").contains("\nsimp_up{"));

    ops.kill();
    web1.types("simpctl send --queue -t 192.0.2.8 hello").ok();
    let (status, line) = mailed(&web1, &check.replace("1h", "0.001"));
    assert!(status == Some(1) && line.contains("waits") && line.contains(ops.address()), "{line}");

    web1.kill();
    does_not_run(&web1, Some(3), mailed(&web1, check));
    does_not_run(&web1, Some(0), mailed(&web1, metrics));
    let down = format!("\nsimp_up{{daemon=\"{}\"}} 0\n", web1.address());
    assert!(web1.read("textfile/simp.prom").ends_with(&down));
}
