//! The subcommands, one file each; those that list chats share one. Those whose arguments can be wrong in themselves check
//! them before they reach for a simpd. All print through `show` alone.

mod accept;
mod ask;
mod backup;
mod chat;
mod chats;
mod completions;
mod connect;
mod consumers;
mod decline;
mod health;
mod history;
mod keys;
mod listen;
mod outbox;
pub(crate) mod overview;
mod peers;
mod probe;
mod queueing;
mod quit;
mod resend;
mod send;
mod start;
mod status;
mod stop;
mod unread;

use simp_control::error::Outcome;

use crate::args::Command;
use crate::reach;
use crate::show::Output;

/// Carries out a command, with the simpd of this name.
pub(crate) fn run(command: &Command, named: Option<String>, output: &mut Output) -> Outcome {
    // Called by those that need one, after they have looked at their arguments.
    let simpd = || reach::simpd(named.clone());
    match command {
        Command::Start(args) => start::run(output, named, args),
        Command::Chat(args) => simp_tui::check().and_then(|()| chat::run(simpd()?, output, args)),
        Command::Connect(args) => {
            connect::check(args).and_then(|secure| connect::run(&mut simpd()?, output, args, secure))
        }
        Command::Accept(args) => accept::run(&mut simpd()?, output, args),
        Command::Decline(args) => decline::run(&mut simpd()?, output, args),
        Command::Requests(_) => chats::requests(&mut simpd()?, output),
        Command::Chats(_) => chats::run(&mut simpd()?, output),
        Command::Send(args) => {
            send::check(args).and_then(|source| send::run(&mut simpd()?, output, args, source))
        }
        Command::Ask(args) => {
            ask::check(args).and_then(|question| ask::run(&mut simpd()?, output, args, question))
        }
        Command::Outbox(args) => {
            outbox::check(args).and_then(|wanted| outbox::run(&mut simpd()?, output, &wanted))
        }
        Command::Resend(args) => resend::run(&mut simpd()?, output, args),
        Command::Listen(args) => {
            listen::check(args, output.is_json()).and_then(|()| listen::run(&mut simpd()?, output, args))
        }
        Command::Quit(args) => quit::run(&mut simpd()?, output, args),
        Command::Status(args) => {
            let named = named.clone();
            status::wanted(args, output.is_json())
                .and_then(|wanted| status::run(simpd, named, output, wanted))
        }
        Command::History(args) => {
            history::check(args, output.is_json()).and_then(|()| history::run(&mut simpd()?, output, args))
        }
        Command::Consumers(args) => consumers::run(&mut simpd()?, output, args),
        Command::Peers(args) => peers::check(args).and_then(|()| peers::run(&mut simpd()?, output, args)),
        Command::Key(_) => keys::ours(&mut simpd()?, output),
        Command::Keys(args) => {
            keys::check(args).and_then(|trusted| keys::run(&mut simpd()?, output, args, trusted))
        }
        Command::Backup(args) => {
            backup::check(args, output.is_json()).and_then(|()| backup::run(&mut simpd()?, output, args))
        }
        Command::Stop(_) => stop::run(&mut simpd()?, output),
        // These two need no simpd of ours.
        Command::Probe(args) => probe::run(output, args),
        Command::Completions(args) => completions::run(output, args),
    }
}
