//! What scripts do all day, while both daemons are killed at any moment: reports from cron, a log that is forwarded, questions
//! to a responder, notifications. What arrives is what was said, in its order, each once.
//!
//! `SIMP_SEED=n` takes the same dice again, `SIMP_LINES=n` sets how many lines each job has, `SIMP_ROUNDS=n` how many kills,
//! and `SIMP_LOG=FILE` takes the lines from a log.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::harness::{Daemon, Random, World, seed};

/// Kills of each job.
const KILLS: usize = 8;

/// The longest that a job may stand still.
const STANDSTILL: Duration = Duration::from_secs(60);

fn setting(name: &str, usual: usize) -> usize {
    std::env::var(name).map_or(usual, |number| number.parse().unwrap())
}

/// Lines as logs have them: words of many languages, ends of lines of another system, empty ones, and some that nobody
/// can send.
fn lines(usual: usize, random: &mut Random) -> Vec<Vec<u8>> {
    let most = setting("SIMP_LINES", usual);
    if let Ok(log) = std::env::var("SIMP_LOG") {
        let log = fs::read(log).unwrap();
        return log.split(|byte| *byte == b'\n').take(most).map(<[u8]>::to_vec).collect();
    }
    let line = |number: usize, random: &mut Random| match random.index(40) {
        0 => Vec::new(),
        1 => {
            format!("{number} kernel: caf\u{e9} \u{1f4a5} \u{65e5}\u{672c}\u{8a9e} \u{1b}[31mred\u{1b}[0m\r")
                .into_bytes()
        }
        2 => [number.to_string().as_bytes(), b" not \xff text"].concat(),
        3 => format!("{number} a\0b").into_bytes(),
        4 => format!("{number} {}", "x".repeat(random.index(5_000))).into_bytes(),
        _ => format!("Nov 29 18:02:{:02} host sshd[{number}]: Accepted publickey for b\u{f6}b", number % 60)
            .into_bytes(),
    };
    (0..most).map(|number| line(number, random)).collect()
}

/// What of them can be sent.
fn texts(lines: &[Vec<u8>]) -> Vec<String> {
    let text = |line: &Vec<u8>| {
        let line = String::from_utf8(line.clone()).ok()?;
        let text = line.strip_suffix('\r').unwrap_or(&line);
        (!text.is_empty() && !text.contains('\0')).then(|| text.to_owned())
    };
    lines.iter().filter_map(text).collect()
}

/// A program whose lines are read as they come; killed when the test ends.
struct Lines {
    child: Child,
    said: Receiver<String>,
}

impl Lines {
    fn of(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let (sender, said) = mpsc::channel();
        let out: ChildStdout = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines() {
                // Nobody listens any more where the test has failed.
                let _ = sender.send(line.unwrap());
            }
        });
        Self { child, said }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Two daemons in a chat, of which now one and then the other is killed and started again.
struct Pair<'a> {
    world: &'a World,
    daemons: [Option<Daemon>; 2],
    random: Random,
    /// A kill comes about once in so many steps.
    every: usize,
    kills: usize,
}

impl<'a> Pair<'a> {
    fn open(world: &'a World, random: Random, steps: usize) -> Self {
        let kills = setting("SIMP_ROUNDS", KILLS);
        let mut pair = Self { world, daemons: [None, None], random, every: (steps / kills).max(1), kills: 0 };
        (0..2).for_each(|side| pair.start(side));
        world.ctl(1, &["connect", &world.address(2)]).ok();
        pair
    }

    fn start(&mut self, side: usize) {
        let (host, user) = [(1, "alice"), (2, "bob")][side];
        self.daemons[side] =
            Some(self.world.start(host, &["--user", user, "--accept", "all", "--log", "warn"]));
    }

    /// Something has happened: now and then one of them is killed. Says whether.
    fn step(&mut self) -> bool {
        if self.random.index(self.every) > 0 {
            return false;
        }
        let side = self.random.index(2);
        let daemon = self.daemons[side].take().unwrap();
        daemon.signal(Signal::SIGKILL);
        daemon.wait();
        drop(daemon);
        self.start(side);
        self.kills += 1;
        true
    }
}

fn simpctl(world: &World, host: u8, args: &[&str]) -> Command {
    let mut command = world.command("simpctl");
    command.arg("-d").arg(world.address(host)).args(args);
    command
}

/// A script that is run by `sh`, and has the folder of the programs in its path.
fn script(world: &World, host: u8, script: &str, input: &Path) -> Command {
    let mut command = world.command("sh");
    let programs = Path::new(env!("CARGO_BIN_EXE_simpctl")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    command.args(["-c", script]).env("PATH", path).env("SIMP_DAEMON", world.address(host));
    command.stdin(fs::File::open(input).unwrap()).stderr(Stdio::null());
    command
}

fn write(world: &World, name: &str, lines: &[Vec<u8>]) -> std::path::PathBuf {
    let path = world.path(name);
    fs::write(&path, lines.join(&b'\n')).unwrap();
    path
}

/// Takes what comes, as long as it is expected, and kills in between. `tend` is called after each line, with whether there was
/// a kill, and while none comes.
fn receives(pair: &mut Pair<'_>, said: &Receiver<String>, expected: &[String], mut tend: impl FnMut(bool)) {
    for (number, expected) in expected.iter().enumerate() {
        let deadline = Instant::now() + STANDSTILL;
        let line = loop {
            match said.recv_timeout(Duration::from_millis(100)) {
                Ok(line) => break line,
                Err(_) => tend(false),
            }
            assert!(
                Instant::now() < deadline,
                "line {number} has not come: {expected:?}, after {} kills",
                pair.kills
            );
        };
        let said: Value = serde_json::from_str(&line).unwrap();
        let text = said["text"].as_str();
        assert_eq!(text, Some(expected.as_str()), "line {number}, after {} kills", pair.kills);
        tend(pair.step());
    }
}

#[test]
fn a_log_that_is_forwarded_arrives_whole_and_once_though_everything_is_killed() {
    let world = World::new();
    let mut random = Random(seed());
    let lines = lines(600, &mut random);
    let (texts, log) = (texts(&lines), write(&world, "log", &lines));
    let mut pair = Pair::open(&world, random, texts.len());
    let listener = Lines::of(simpctl(&world, 2, &["listen", "--json", "--consumer", "log"]));
    let send = || {
        let mut command = simpctl(&world, 1, &["send", "-t", "bob", "--token", "day", "--on-error", "skip"]);
        command.stdin(fs::File::open(&log).unwrap()).spawn().unwrap()
    };
    let (mut sender, mut turns) = (send(), 0);
    receives(&mut pair, &listener.said, &texts, |killed| {
        // It ends with the daemon if that is gone when it starts; and now and then it is killed itself.
        turns += usize::from(killed);
        if killed && turns % 2 == 0 {
            let _ = sender.kill();
        }
        if let Some(status) = sender.try_wait().unwrap() {
            println!("the sender has ended: {status}");
            sender = send();
        }
    });
    let status = sender.wait().unwrap().code();
    assert!(matches!(status, None | Some(0 | 1)), "{status:?}");
    // Once more: it is all there already.
    let status = send().wait().unwrap().code();
    assert_eq!(
        status,
        Some(i32::from(texts.len() < lines.iter().filter(|line| !matches!(&line[..], b"" | b"\r")).count()))
    );
    // What came twice would come before this.
    world.ctl(1, &["send", "-t", "bob", "the end"]).ok();
    let last: Value = serde_json::from_str(&listener.said.recv_timeout(STANDSTILL).unwrap()).unwrap();
    assert_eq!(last["text"], "the end");
    println!("forwarded {} of {} lines, {} kills", texts.len(), lines.len(), pair.kills);
}

/// Each line by a simpctl of its own, again until simpd has it.
const REPORTS: &str = r#"
    n=0
    while IFS= read -r line; do
        n=$((n + 1))
        until simpctl send --queue --token "report $n" -t bob -- "$line"; do
            [ $? = 3 ] || exit 1
        done
    done"#;

/// Each line as a question, whose answer is printed.
const QUESTIONS: &str = r#"
    while IFS= read -r line; do
        until simpctl ask --timeout 60 -t bob -- "$line"; do
            [ $? = 3 ] || exit 1
        done
    done"#;

/// What a shell reads as a line without loss.
fn plain_lines(usual: usize, random: &mut Random) -> (Vec<Vec<u8>>, Vec<String>) {
    let mut all = texts(&lines(usual, random));
    all.retain(|text| !text.ends_with('\r'));
    let mut lines: Vec<Vec<u8>> = all.iter().map(|text| text.clone().into_bytes()).collect();
    // `read` gives a line with an end.
    lines.push(Vec::new());
    (lines, all)
}

#[test]
fn reports_of_short_commands_arrive_in_order_and_once() {
    let world = World::new();
    let mut random = Random(seed());
    let (lines, texts) = plain_lines(120, &mut random);
    let log = write(&world, "log", &lines);
    let mut pair = Pair::open(&world, random, texts.len());
    let listener = Lines::of(simpctl(&world, 2, &["listen", "--json", "--consumer", "reports"]));
    let mut reporter = script(&world, 1, REPORTS, &log).spawn().unwrap();
    receives(&mut pair, &listener.said, &texts, drop);
    assert!(reporter.wait().unwrap().success());
    println!("{} reports, {} kills", texts.len(), pair.kills);
}

#[test]
fn a_command_runs_once_for_each_notification() {
    let world = World::new();
    let mut random = Random(seed());
    let (lines, texts) = plain_lines(120, &mut random);
    let log = write(&world, "log", &lines);
    let mut pair = Pair::open(&world, random, texts.len());
    let note = format!("cat >>'{0}/notes'; cat '{0}/notes' | tail -n 1", world.path("").display());
    let listener =
        Lines::of(simpctl(&world, 2, &["listen", "--consumer", "note", "--since", "0", "--exec", &note]));
    let mut sender = simpctl(&world, 1, &["send", "-t", "bob"]);
    let mut sender = sender.stdin(fs::File::open(&log).unwrap()).spawn().unwrap();
    for (number, text) in texts.iter().enumerate() {
        let noted = listener.said.recv_timeout(STANDSTILL).unwrap();
        assert_eq!(&noted, text, "note {number}, after {} kills", pair.kills);
        pair.step();
    }
    assert!(sender.wait().unwrap().success());
    assert_eq!(fs::read_to_string(world.path("notes")).unwrap(), texts.join("\n") + "\n");
    println!("{} notifications, {} kills", texts.len(), pair.kills);
}

#[test]
fn each_question_gets_its_answer() {
    let world = World::new();
    let mut random = Random(seed());
    let (lines, texts) = plain_lines(80, &mut random);
    let log = write(&world, "log", &lines);
    let mut pair = Pair::open(&world, random, texts.len());
    // Else it begins with what comes once it is there.
    let args = ["listen", "--consumer", "answers", "--since", "0", "--exec", "printf 're: '; cat", "--reply"];
    let _responder = Lines::of(simpctl(&world, 2, &args));
    let mut asker = Lines::of(script(&world, 1, QUESTIONS, &log));
    for (number, text) in texts.iter().enumerate() {
        let answer = asker.said.recv_timeout(STANDSTILL).unwrap();
        let answer = answer.replace("\\x1b", "\u{1b}");
        assert_eq!(answer, format!("re: {text}"), "question {number}, after {} kills", pair.kills);
        pair.step();
    }
    assert!(asker.child.wait().unwrap().success());
    println!("{} questions, {} kills", texts.len(), pair.kills);
}

#[test]
fn two_hundred_scripts_at_once_each_get_their_outcome() {
    let world = World::new();
    let _daemons = world.alice_and_bob();
    world.ctl(1, &["connect", &world.address(2)]).ok();
    let texts: Vec<String> = (0..200).map(|number| format!("of script {number}")).collect();
    let send = |text| world.spawn_ctl(1, &["send", "--json", "-t", "bob", "--", text]);
    let scripts: Vec<_> = texts.iter().map(|text| send(text)).collect();
    let mut messages: Vec<u64> = scripts
        .into_iter()
        .map(|script| {
            let delivered: Value = serde_json::from_str(&script.wait().ok()).unwrap();
            assert_eq!(delivered["event"], "delivered");
            delivered["message"].as_u64().unwrap()
        })
        .collect();
    messages.sort_unstable();
    messages.dedup();
    assert_eq!(messages.len(), 200, "an outcome is that of one message");
    let came = world.ctl(2, &["listen", "-n", "200", "--text"]).ok();
    let (mut came, mut sent): (Vec<&str>, Vec<&str>) =
        (came.lines().collect(), texts.iter().map(String::as_str).collect());
    came.sort_unstable();
    sent.sort_unstable();
    assert_eq!(came, sent);
}
