//! No command at all: says a person at a terminal what is there, and what to type next.

use std::io::{self, IsTerminal as _};

use simp_control::error::{Outcome, fail};
use simp_control::{Client, FailureKind, find, running};

use super::unread;
use crate::reach;
use crate::show::{Daemon, Output, View};

/// Shows it. A script that has forgotten the command gets an error.
pub(crate) fn run(output: &mut Output, named: Option<String>) -> Outcome {
    if output.is_json() || !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(fail(FailureKind::Usage, "no command given (see simpctl --help)"));
    }
    let is_named = named.is_some() || find::variable()?.is_some();
    let simpds = if is_named { vec![reach::simpd(named)?] } else { running::all()? };
    // With several, each command says which one it is for.
    let must_be_named = simpds.len() > 1 || (is_named && find::variable()?.is_none());
    let daemons = simpds.into_iter().map(look).collect::<Outcome<Vec<Daemon>>>()?;
    output.show(&View::Overview { daemons: &daemons, must_be_named })
}

/// How a daemon is.
fn look(mut client: Client) -> Outcome<Daemon> {
    let status = client.status()?;
    let unread = unread::count(&mut client, &status)?;
    Ok(Daemon { name: client.socket().name.clone(), chats: client.chats()?, unread, status })
}
