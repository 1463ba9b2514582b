//! simp-room: many people in one room, over SIMP, which knows only chats of two.
//!
//! The room is a client of simpd's control API like simpctl, and for everybody else a SIMP user with whom they chat in
//! plain text. simpd knows nothing of rooms.
//!
//! - `room` and what is below it: the machine, without sockets, files and clock. `member`, `lines`, `now`: its words.
//! - `run`: the program. `host`: its turns. `hashing`: passwords. `trouble`: what it waits for.
//! - `batch`, `leftover`, `simpd`: what a turn asks of simpd, once. `store`: what is kept, `files`: where.
//! - `args`: the commands. `control`, `reception`, `operator`, `running_room`: how the operator talks to a room. `whom`: whom they mean.
//! - `users`: the `accounts`, `import`: those of other chats, `exported`: those of other rooms. `moving`: a room gets several doors.
//! - A room with several doors: `cluster`: what a door and the server between them tell each other. `link`: what it has posted and heard
//!   there. `doors`: what it knows of the others. `nats`: that server. `random`: what tells doors apart.
//! - `output`: what people read on standard output and standard error.

mod accounts;
mod args;
mod batch;
mod cluster;
mod control;
mod doors;
mod exported;
mod files;
mod hashing;
mod host;
mod import;
mod leftover;
mod lines;
mod link;
mod member;
mod moving;
mod nats;
mod now;
mod operator;
mod output;
mod random;
mod reception;
mod room;
mod run;
mod running_room;
mod simpd;
mod store;
mod trouble;
mod users;
mod whom;

use std::process::ExitCode;

use simp_control::FailureKind;
use simp_control::error::{Outcome, fail, system};
use simp_control::escape;
use simp_control::homes;
use simp_control::typed;
use simp_service::arguments::{self, Early};
use simp_service::ending::{self, Ending};
use simp_service::{background, plain_file};

use args::{Args, Command, DoorsCommand, RunArgs};
use files::RoomFiles;
use lines::lines;
use member::Rate;
use nats::NatsOptions;
use output::{print, say};
use room::{Order, RoomSettings};

/// Runs the program with the process's arguments and gives its exit status.
pub fn main() -> ExitCode {
    let ending = ending::by_signals();
    let outcome = match arguments::read::<Args>("simp-room") {
        Ok(args) => carry_out(args, ending),
        Err(Early::Help(help)) => print(help.trim_end()).map(|()| ExitCode::SUCCESS),
        Err(Early::Usage(line)) => Err(fail(FailureKind::Usage, line)),
    };
    outcome.unwrap_or_else(|error| {
        let Some(failure) = error.failure() else { return ExitCode::SUCCESS };
        say(&failure.line);
        ExitCode::from(failure.kind.exit_status())
    })
}

fn carry_out(args: Args, ending: Ending) -> Outcome<ExitCode> {
    if args.version {
        print(concat!("simp-room ", env!("CARGO_PKG_VERSION")))?;
        return Ok(ExitCode::SUCCESS);
    }
    let Some(command) = args.command else {
        return Err(fail(FailureKind::Usage, "no command given (see simp-room --help)"));
    };
    // The folder of somebody else may be meant. One in the background has said so already.
    if !background::is_entered() {
        homes::ignored_places().for_each(|ignored| say(&ignored.to_string()));
    }
    match command {
        Command::Run(args) => return open(args, ending),
        Command::Users(args) => users::run(args),
        Command::Move(args) => {
            let files = (args.nats_creds.as_deref(), args.nats_ca.as_deref());
            let options = NatsOptions::new(&args.nats, files, args.replicas, None);
            moving::run(&args.name, &options.map_err(|line| fail(FailureKind::Usage, line))?)
        }
        Command::Status(args) => operator::order(args.name, args.json, Order::Status { all: args.all }),
        Command::Doors(args) => match args.what {
            None => operator::order(args.name, args.json, Order::Doors),
            Some(DoorsCommand::Remove(remove)) => {
                operator::order(args.name.or(remove.name), false, Order::RemoveDoor { door: remove.door })
            }
        },
        Command::Who(args) => operator::order(args.name, args.json, Order::Who),
        Command::Say(args) => operator::order(args.name, false, Order::Say { text: text(&args.text)? }),
        Command::Kick(args) => {
            operator::order(args.name, false, Order::Kick { who: args.who, why: text(&args.why)? })
        }
        Command::Ban(args) => {
            operator::order(args.name, false, Order::Ban { who: args.who, why: text(&args.why)? })
        }
        Command::Bans(args) => operator::order(args.name, args.json, Order::Bans),
        Command::Unban(args) => operator::order(args.name, false, Order::Unban { who: args.who }),
        Command::Stop(args) => operator::order(args.name, false, Order::Stop),
        Command::Topic(args) => operator::order(args.name, false, Order::Topic { text: text(&args.text)? }),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// What an operator wants members to read; nothing is for the room to judge.
fn text(words: &[String]) -> Outcome<String> {
    let text = words.join(" ");
    if text.is_empty() { Ok(text) } else { typed::text(&text).map(|text| text.as_str().to_owned()) }
}

/// Runs a room here, or in the background.
fn open(args: RunArgs, ending: Ending) -> Outcome<ExitCode> {
    let (daemon, background) = (args.daemon.clone(), args.background);
    // What is wrong with the arguments is found before anything is started.
    let doors = doors(&args)?;
    let settings = RoomSettings { door: doors.as_ref().map(|doors| doors.door.clone()), ..settings(args)? };
    if background {
        let files = RoomFiles::of(&settings.name)?;
        // What the room has put something into by then stays.
        let _new = files.make_folder()?;
        let entered = background::enter("simp-room", &files.messages);
        if let Some(status) = entered.map_err(|error| fail(FailureKind::Failed, error.to_string()))? {
            return Ok(status);
        }
    }
    run::run(daemon, settings, doors, ending)?;
    Ok(ExitCode::SUCCESS)
}

/// Most bytes of the file for `--motd`: far more than anybody reads.
const MOTD_MAX: u64 = 1 << 20;

/// The lines that somebody new is shown, or the number of one that cannot be sent, and why.
fn message_of_the_day(text: &[u8]) -> Result<Vec<String>, (usize, String)> {
    let mut shown = Vec::new();
    for (line, number) in text.split(|byte| *byte == b'\n').zip(1..) {
        let text = typed::line(line).map_err(|why| (number, why))?;
        // What a terminal would obey is an escape, which may be longer.
        let text = text.filter(|text| !text.as_str().trim().is_empty());
        shown.extend(text.iter().flat_map(|text| lines("", &escape::ascii(text.as_str()))));
    }
    Ok(shown)
}

/// Where this room meets its other doors; `None` if it has none.
fn doors(args: &RunArgs) -> Outcome<Option<NatsOptions>> {
    let usage = |line: String| fail(FailureKind::Usage, line);
    let Some(servers) = &args.nats else {
        let given = [
            ("--nats-creds", args.nats_creds.is_some()),
            ("--nats-ca", args.nats_ca.is_some()),
            ("--replicas", args.replicas.is_some()),
            ("--door", args.door.is_some()),
        ];
        return match given.into_iter().find(|(_, is_given)| *is_given) {
            Some((option, _)) => Err(usage(format!("{option} is of use only with --nats URL"))),
            None => Ok(None),
        };
    };
    let files = (args.nats_creds.as_deref(), args.nats_ca.as_deref());
    NatsOptions::new(servers, files, args.replicas, args.door.clone()).map(Some).map_err(usage)
}

fn settings(args: RunArgs) -> Outcome<RoomSettings> {
    let motd = match &args.motd {
        None => Vec::new(),
        Some(file) => {
            let text = plain_file::read(file.as_ref(), MOTD_MAX).map_err(|error| {
                fail(FailureKind::Failed, format!("{file}: {} (the file for --motd)", system(&error)))
            })?;
            message_of_the_day(&text).map_err(|(line, why)| {
                fail(FailureKind::Usage, format!("{file}: line {line}: {why} (the file for --motd)"))
            })?
        }
    };
    Ok(RoomSettings {
        name: args.name,
        is_open: args.open,
        history: args.history,
        motd,
        max_members: args.max_members as usize,
        max_accounts: args.max_accounts as usize,
        rate: Rate { messages: args.rate },
        door: None,
    })
}
