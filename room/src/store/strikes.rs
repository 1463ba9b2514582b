//! Wrong passwords, counted for the account and for the host: whoever guesses is slowed down from either side.
//!
//! Sources are easily forged, so anybody can count against an account. Its user is let in all the same at the hosts where
//! it has come in before, its homes: there only what came from the host itself counts.

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

/// After so many wrong passwords for an account, or from a host, none is taken for a while.
const WRONG_BEFORE_PAUSE: i64 = 3;

/// How long no password is taken after three wrong ones, in milliseconds; twice as long after three more.
const PAUSE_MS: u64 = 15_000;

/// The longest such pause.
const PAUSE_MAX_MS: u64 = 3_600_000;

/// Wrong passwords are forgotten so long after the last pause.
pub(super) const STRIKES_FOR_MS: u64 = 86_400_000;

/// So many hosts are an account's homes: those where its user came in last.
const HOMES_MAX: i64 = 8;

/// Counts one against a key of [`account_key`] or [`host_key`]; each third begins a pause, longer than the one before.
pub(super) fn strike(all: &Transaction<'_>, now_ms: u64, who: &str) -> rusqlite::Result<()> {
    let forgotten = now_ms.saturating_sub(STRIKES_FOR_MS) as i64;
    // Here and not by a timer: the table grows only here.
    all.execute("DELETE FROM strikes WHERE until < ?1", [forgotten])?;
    let sql = "SELECT count FROM strikes WHERE who = ?1";
    let count: i64 = all.query_row(sql, [who], |row| row.get(0)).optional()?.unwrap_or(0);
    let count = count + 1;
    let pause = if count % WRONG_BEFORE_PAUSE == 0 { longest_pause(count) } else { 0 };
    let until = now_ms + pause;
    all.execute("INSERT OR REPLACE INTO strikes VALUES (?1, ?2, ?3)", params![who, count, until as i64])?;
    Ok(())
}

/// What is left of the pause of whoever has so many wrong passwords, in milliseconds.
pub(super) fn left(now_ms: u64, count: i64, until: i64) -> u64 {
    // Its end is a time of day. If the clock was set back, it begins anew at worst.
    (until as u64).saturating_sub(now_ms).min(longest_pause(count))
}

/// The last pause that so many wrong passwords had.
fn longest_pause(count: i64) -> u64 {
    PAUSE_MS.saturating_mul(1 << (count / WRONG_BEFORE_PAUSE - 1).clamp(0, 16)).min(PAUSE_MAX_MS)
}

/// The right password ends the count of its account; the host is forgiven what went before it in the same chat, and is
/// one of the account's homes.
pub(super) fn forgive(
    all: &Transaction<'_>,
    now_ms: u64,
    name: &str,
    host: &str,
    wrong: u8,
) -> rusqlite::Result<()> {
    all.execute("DELETE FROM strikes WHERE who = ?1", [account_key(name)])?;
    let sql = "UPDATE strikes SET count = max(0, count - ?2) WHERE who = ?1";
    all.execute(sql, params![host_key(host), wrong])?;
    all.execute("INSERT OR REPLACE INTO homes VALUES (?1, ?2, ?3)", params![name, host, now_ms as i64])?;
    let sql = "DELETE FROM homes WHERE name = ?1 AND host NOT IN
        (SELECT host FROM homes WHERE name = ?1 ORDER BY at DESC LIMIT ?2)";
    all.execute(sql, params![name, HOMES_MAX])?;
    Ok(())
}

/// The user of an account has to come in anew everywhere.
pub(super) fn forget(db: &Connection, name: &str) -> rusqlite::Result<()> {
    db.execute("DELETE FROM strikes WHERE who = ?1", [account_key(name)])?;
    db.execute("DELETE FROM homes WHERE name = ?1", [name])?;
    Ok(())
}

/// The key of an account. Accounts and hosts share a table, so each has a word before it.
pub(super) fn account_key(name: &str) -> String {
    format!("account {name}")
}

/// The key of a host.
pub(super) fn host_key(host: &str) -> String {
    format!("host {host}")
}
