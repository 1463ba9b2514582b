//! The accounts of a room, for its operator. They are kept in the store, so that the room need not run.

use std::collections::HashSet;
use std::io::{self, IsTerminal as _, Read as _};
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use simp_control::clock::{local, now_ms, rfc3339};
use simp_control::error::{Error, Outcome, fail, system};
use simp_control::escape;
use simp_control::{FailureKind, KeyId, TEXT_MAX, UserName, typed};

use simp_service::plain_file;

use crate::accounts::Accounts;
use crate::args::{AddArgs, ImportArgs, UsersArgs, UsersCommand};
use crate::cluster::AccountRecord;
use crate::exported;
use crate::files::{is_address, name_option};
use crate::hashing::{Memory, hash};
use crate::import::{self, Found, Looks};
use crate::lines::Intent;
use crate::output::print;
use crate::room::{PASSWORD_MIN, Unusable};

/// What stands for standard input in place of a file.
const STDIN: &str = "-";

/// So much is read, in bytes: far more than the accounts of a full room, and no endless device.
const IMPORT_MAX: u64 = 64 << 20;

/// Carries out a subcommand of `users`.
///
/// # Errors
/// If it cannot be done.
pub fn run(users: UsersArgs) -> Outcome {
    match users.what {
        UsersCommand::List(list) => {
            for account in accounts_of(&list.name)?.all()? {
                print(&if list.json { json(&account) } else { row(&account) })?;
            }
            Ok(())
        }
        UsersCommand::Add(add) => add_one(&add),
        UsersCommand::Remove(remove) => match accounts_of(&remove.name)?.remove(&remove.user)? {
            true => print(&format!("{} removed", escape::shown(&remove.user))),
            false => Err(no_such(&remove.user, &remove.name)),
        },
        UsersCommand::Passwd(passwd) => {
            let mut accounts = accounts_of(&passwd.name)?;
            let Some(account) = accounts.get(&passwd.user)? else {
                return Err(no_such(&passwd.user, &passwd.name));
            };
            let hash = hashed(&password(&passwd.user)?, &mut Memory::new())?;
            accounts.set_hash(account, hash)?;
            print(&format!("password changed for {}", escape::shown(&passwd.user)))
        }
        UsersCommand::Import(import) => import_file(&import),
        UsersCommand::Export(export) => {
            // Nothing of it is written if they cannot be read.
            let accounts = accounts_of(&export.name)?.all()?;
            print(exported::HEADER)?;
            for account in accounts {
                print(&exported::line(&account))?;
            }
            Ok(())
        }
    }
}

fn add_one(add: &AddArgs) -> Outcome {
    let usage = |why| fail(FailureKind::Usage, format!("{}: {why}", escape::name(&add.user)));
    check_name(&add.user, &add.name).map_err(usage)?;
    let name = &add.user;
    let mut before = Accounts::of(&add.name)?;
    // Before the password is asked for, so that nobody types one in vain. The room may still add the account meanwhile.
    if let Some(accounts) = &mut before
        && accounts.get(name)?.is_some()
    {
        let room = name_option(&add.name);
        let line = format!(
            "{name}: the account already exists (to change its password: simp-room users passwd{room} {name})"
        );
        return Err(fail(FailureKind::Failed, line));
    }
    if let Some(key) = add.key {
        refuse_key_of_another(before.as_mut(), key, name).map_err(|why| fail(FailureKind::Failed, why))?;
    }
    let hash = match add.key {
        Some(key) => key.to_string(),
        None => hashed(&password(name)?, &mut Memory::new())?,
    };
    let account = AccountRecord { name: name.clone(), hash, since_ms: now_ms() };
    match Accounts::of_any(&add.name)?.add(&[account])?.is_empty() {
        true => print(&format!("{name} added")),
        false => Err(fail(FailureKind::Failed, format!("{name}: somebody else has just added this account"))),
    }
}

fn json(account: &AccountRecord) -> String {
    let mut shown = serde_json::json!({ "name": account.name, "since": rfc3339(account.since_ms) });
    if let Ok(key) = account.hash.parse::<KeyId>() {
        shown["key"] = key.to_string().into();
    }
    shown.to_string()
}

fn row(account: &AccountRecord) -> String {
    let key = account.hash.parse::<KeyId>().map(|key| format!("  {key}")).unwrap_or_default();
    format!("{:32} since {}{key}", escape::shown(&account.name), local(account.since_ms))
}

/// A key is that of one account, or nobody could say who comes with it.
fn refuse_key_of_another(accounts: Option<&mut Accounts>, key: KeyId, name: &str) -> Result<(), String> {
    let holder = match accounts.map(|accounts| accounts.name_of_key(key)) {
        Some(holder) => {
            holder.map_err(|error| error.failure().map(|failure| failure.line).unwrap_or_default())?
        }
        None => None,
    };
    match holder.filter(|holder| !holder.eq_ignore_ascii_case(name)) {
        Some(holder) => Err(format!("{name}: {key} is the key of {holder} (a key is that of one account)")),
        None => Ok(()),
    }
}

/// The accounts of a room that has some: a name that was misspelt makes no new one.
fn accounts_of(room: &str) -> Outcome<Accounts> {
    Accounts::of(room)?.ok_or_else(|| no_room(room))
}

/// There is no such room.
pub fn no_room(room: &str) -> Error {
    fail(FailureKind::NoSuch, format!("there is no room {room} (create it: simp-room run --name {room})"))
}

/// The text of a file, or of standard input; or why it cannot be had.
fn read_import(file: &str) -> Result<String, String> {
    let too_long = || format!("more than {} MiB (import it in parts)", IMPORT_MAX >> 20);
    if file != STDIN {
        return plain_file::read_to_string(file.as_ref(), IMPORT_MAX).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidInput => {
                format!("{} (to read from a pipe: simp-room users import -)", system(&error))
            }
            io::ErrorKind::FileTooLarge => too_long(),
            _ => system(&error),
        });
    }
    let mut text = String::new();
    let read = io::stdin().lock().take(IMPORT_MAX + 1).read_to_string(&mut text);
    match read.map_err(|error| system(&error))? as u64 {
        0..=IMPORT_MAX => Ok(text),
        _ => Err(too_long()),
    }
}

fn import_file(import: &ImportArgs) -> Outcome {
    let ImportArgs { name: room, these_are_passwords, file } = import;
    let file = if file == STDIN { "standard input" } else { file };
    let failed = |why: String| fail(FailureKind::Failed, format!("{file}: {why}"));
    let text = read_import(&import.file).map_err(failed)?;
    if let Some(accounts) = exported::read(&text) {
        return import_exported(room, file, &accounts.map_err(failed)?);
    }
    let found = import::read(&text).map_err(failed)?;
    let (with_key, found): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|found| found.password.parse::<KeyId>().is_ok());
    // All of the file is checked before any of it is stored: it is imported whole or not at all.
    let looks = Looks::of(&found);
    let (mut seen, mut keys) = (HashSet::new(), HashSet::new());
    let mut before = Accounts::of(room)?;
    for found in found.iter().chain(&with_key) {
        let usage = |why| fail(FailureKind::Usage, format!("{file}: {}: {why}", found.place()));
        check_name(&found.name, room).map_err(usage)?;
        let wrong = |what: &str| Err(failed(format!("{}: {what}", found.place())));
        if !seen.insert(found.name.to_ascii_lowercase()) {
            return wrong("occurs twice, apart from upper and lower case");
        }
        if let Ok(key) = found.password.parse::<KeyId>() {
            refuse_key_of_another(before.as_mut(), key, &found.name).map_err(failed)?;
            if !keys.insert(found.password.clone()) {
                return wrong("its key is that of another in the file (a key is that of one account)");
            }
            continue;
        }
        if !these_are_passwords && let Some(why) = looks.refuse(found) {
            return wrong(&why);
        }
        if found.password.is_empty() {
            return wrong("its password is empty (give it another)");
        }
        // Those that are in use may be shorter than one that is chosen.
        if let Some(why) = unusable(&found.password) {
            return wrong(&why);
        }
    }
    let mut accounts = Accounts::of_any(room)?;
    // Hashing is what takes long, so it is done only for accounts that are new.
    let known: HashSet<String> =
        accounts.all()?.iter().map(|account| account.name.to_ascii_lowercase()).collect();
    let mut there = Vec::new();
    let mut new = Vec::new();
    let mut hashed = Vec::new();
    for Found { name, password, .. } in found.into_iter().chain(with_key) {
        match known.contains(&name.to_ascii_lowercase()) {
            true => there.push(name),
            false if password.parse::<KeyId>().is_ok() => hashed.push((name, password)),
            false => new.push((name, password)),
        }
    }
    hashed.extend(hash_all(&new)?);
    let since_ms = now_ms();
    let new = hashed.into_iter().map(|(name, hash)| AccountRecord { name, hash, since_ms });
    add_all(accounts, &new.collect::<Vec<_>>(), there)
}

/// Adds accounts, and says how many there were, and which were there before.
fn add_all(mut accounts: Accounts, new: &[AccountRecord], mut there: Vec<String>) -> Outcome {
    let faster = accounts.add(new)?;
    let added = new.len() - faster.len();
    there.extend(faster);
    let kept =
        if there.is_empty() { String::new() } else { format!("; already there: {}", there.join(", ")) };
    print(&format!("{added} added{kept}"))
}

fn import_exported(room: &str, file: &str, accounts: &[AccountRecord]) -> Outcome {
    for account in accounts {
        let name = escape::name(&account.name);
        let usage = |why| fail(FailureKind::Usage, format!("{file}: {name}: {why}"));
        check_name(&account.name, room).map_err(usage)?;
    }
    add_all(Accounts::of_any(room)?, accounts, Vec::new())
}

/// Hashes passwords on all processors: each takes tens of milliseconds.
fn hash_all(plain: &[(String, String)]) -> Outcome<Vec<(String, String)>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let taken = std::iter::from_fn(|| plain.get(next.fetch_add(1, Ordering::Relaxed)));
        let mut memory = Memory::new();
        taken
            .map(|(name, password)| Ok((name.clone(), hashed(password, &mut memory)?)))
            .collect::<Outcome<Vec<_>>>()
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let parts = workers.into_iter().map(|worker| {
            worker.join().map_err(|_| fail(FailureKind::Failed, "a thread that hashes passwords panicked"))?
        });
        Ok(parts.collect::<Outcome<Vec<_>>>()?.concat())
    })
}

fn hashed(password: &str, memory: &mut Memory) -> Outcome<String> {
    hash(password, memory).map_err(|error| fail(FailureKind::Failed, format!("the password: {error}")))
}

/// That an account may have this name, or why not.
fn check_name(name: &str, room: &str) -> Result<(), String> {
    let read = UserName::new(name).map_err(|error| error.to_string())?;
    let why = match Unusable::of(name) {
        Some(Unusable::Reserved) => "a word of the room, not a user's name (choose another)",
        _ if is_address(name) => {
            "an address, not a user's name (choose letters, digits, spaces and _ - . @ + ' ?)"
        }
        Some(_) => "not a name for a room (letters, digits, spaces and _ - . @ + ' ?)",
        None if read.as_str() != name => "not a name for a room (letters, digits, spaces and _ - . @ + ' ?)",
        None if name.eq_ignore_ascii_case(room) => "that is the name of the room",
        None => return Ok(()),
    };
    Err(why.to_owned())
}

fn no_such(name: &str, room: &str) -> Error {
    let (name, room) = (escape::shown(name), name_option(room));
    fail(FailureKind::NoSuch, format!("{name}: no such account (see: simp-room users list{room})"))
}

/// Asks for a password twice on a terminal; otherwise it is the first line of standard input.
fn password(name: &str) -> Outcome<String> {
    let failed = |error: io::Error| fail(FailureKind::Failed, format!("the password: {}", system(&error)));
    if !io::stdin().is_terminal() {
        let mut line = String::new();
        io::stdin().read_line(&mut line).map_err(failed)?;
        // `echo secret | simp-room users add bob` sends the end of the line too.
        let password = line.trim_end_matches(['\n', '\r']);
        return good(password);
    }
    let first = rpassword::prompt_password(format!("Password for {name}: ")).map_err(failed)?;
    // Nobody sees what is typed, so it is typed twice.
    let second = rpassword::prompt_password("Repeat the password: ").map_err(failed)?;
    match first == second {
        true => good(&first),
        false => Err(fail(FailureKind::Failed, "the passwords differ: nothing was changed")),
    }
}

/// A password that somebody could choose in the room.
fn good(password: &str) -> Outcome<String> {
    let usage = |why: String| Err(fail(FailureKind::Usage, why));
    match password.chars().count() {
        0 => usage("no password (give it as a line of standard input)".to_owned()),
        1..PASSWORD_MIN => usage(format!("a password has at least {PASSWORD_MIN} characters")),
        _ => unusable(password).map_or_else(|| Ok(password.to_owned()), usage),
    }
}

/// Why nobody could give this password in the room, however short it may be.
fn unusable(password: &str) -> Option<String> {
    if password.chars().count() > TEXT_MAX {
        Some(format!("a password has at most {TEXT_MAX} characters (choose another)"))
    } else if password.contains(['\r', '\n']) {
        Some("a password has no end of a line in it (choose another)".to_owned())
    } else if typed::text(password).is_err() {
        Some("a password must be ASCII, as a text is (choose another)".to_owned())
    } else if Intent::command_in_place_of_password(password).is_some() {
        Some("the password reads as a command in the room (choose another)".to_owned())
    } else {
        None
    }
}
