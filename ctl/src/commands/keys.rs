//! `key` and `keys`: what we are known by, and what peers are known by.

mod import;

use simp_control::error::{Outcome, fail, unexpected};
use simp_control::{Client, FailureKind, KeyOwner, Reply, Request, TrustedKey, names};

use crate::args::{KeysArgs, KeysCommand};
use crate::show::{Output, View};

/// Shows our key.
pub(super) fn ours(client: &mut Client, output: &mut Output) -> Outcome {
    match client.status()?.key {
        Some(key) => output.show(&View::Key(key)),
        None => {
            let line = format!(
                "simpd on {} has no key: its chats are plain (see secure in simpd.toml(5))",
                client.socket().name
            );
            Err(fail(FailureKind::Failed, line))
        }
    }
}

/// What is to be trusted, if that is what the command is for.
///
/// # Errors
/// `usage` with what makes no sense; `failed` if the file cannot be read.
pub(super) fn check(args: &KeysArgs) -> Outcome<Vec<TrustedKey>> {
    match &args.command {
        Some(KeysCommand::Trust(args)) => {
            let usage = |line: String| fail(FailureKind::Usage, line);
            let key = args.key.parse().map_err(|error| usage(format!("{}: {error}", args.key)))?;
            let owner = KeyOwner::read(&args.who).map_err(|error| usage(error.to_string()))?;
            Ok(vec![TrustedKey { who: owner.to_string(), key }])
        }
        Some(KeysCommand::Import(args)) => import::read(args),
        Some(KeysCommand::Forget(_) | KeysCommand::Export(_)) | None => Ok(Vec::new()),
    }
}

/// Lists the keys, trusts some, or forgets some.
pub(super) fn run(
    client: &mut Client,
    output: &mut Output,
    args: &KeysArgs,
    trusted: Vec<TrustedKey>,
) -> Outcome {
    match &args.command {
        None => output.show(&View::Keys(&client.keys()?)),
        Some(KeysCommand::Export(_)) => output.show(&View::Exported(&client.keys()?)),
        Some(KeysCommand::Forget(args)) => {
            let forgotten = |who: Option<String>| Request::ForgetKey { who: who.unwrap_or_default() };
            match names::ask(client, &mut Some(args.who.clone()), forgotten)? {
                Reply::ForgottenKeys { keys } => output.show(&View::Forgotten(keys)),
                _ => Err(unexpected()),
            }
        }
        Some(KeysCommand::Trust(_) | KeysCommand::Import(_)) => {
            let count = trusted.len() as u64;
            client.ask(&Request::TrustKeys { keys: trusted })?;
            output.show(&View::Trusted(count))
        }
    }
}
