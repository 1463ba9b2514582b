//! `chat`: the screen for people. All of it is simp-tui's.

use simp_control::Client;
use simp_control::error::Outcome;

use crate::args::ChatArgs;
use crate::show::Output;

/// Shows the screen until the user leaves it.
pub(super) fn run(client: Client, output: &mut Output, args: &ChatArgs) -> Outcome {
    match simp_tui::run(client, args.who.as_deref())?.open {
        0 => Ok(()),
        1 => output.raw("1 chat stays open (end it with: simpctl quit)\n"),
        open => output.raw(&format!("{open} chats stay open (end one with: simpctl quit WHO)\n")),
    }
}
