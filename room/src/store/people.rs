//! Who may come in: accounts, who is banned, and whoever gave wrong passwords.

use rusqlite::{OptionalExtension as _, params};
use simp_control::{KeyId, Peer};

use super::shared::account;
use super::strikes::{account_key, forget, host_key, left};
use super::{RoomStore, RoomStoreError};
use crate::cluster::AccountRecord;
use crate::member::{ChatKind, host};
use crate::room::{ByKey, Newcomer};

/// What kept somebody out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// A ban.
    Ban,
    /// Only the pause after wrong passwords.
    Pause,
    /// Neither.
    Nothing,
}

impl RoomStore {
    /// What is known of a peer that comes, in a secure chat with this key.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn newcomer(&self, now_ms: u64, peer: &Peer, key: Option<KeyId>) -> Result<Newcomer, RoomStoreError> {
        let host = host(&peer.address);
        let kind = key.map_or(ChatKind::Plain, |_| ChatKind::Secure);
        let of_key = key.map_or(Ok(None), |key| self.name_of_key(key))?;
        let name = of_key.as_deref().unwrap_or(&peer.user);
        let hash = self.hash(name)?;
        let has_key = hash.as_deref().is_some_and(|hash| hash.parse::<KeyId>().is_ok());
        let banned = "SELECT why FROM bans WHERE who IN (?1, ?2)";
        let banned =
            self.ask(|db| db.prepare_cached(banned)?.query_row([name, host], |row| row.get(0)).optional())?;
        let is_known = hash.is_some();
        // Counting reads all of them: it is done only if it matters.
        let accounts = if is_known { 0 } else { self.count_accounts()? };
        let pause_ms = self.pause_ms(now_ms, name, host)?;
        let key = match of_key {
            Some(name) => ByKey::Account(name),
            None if has_key => ByKey::NotIts,
            None => ByKey::Nobody,
        };
        Ok(Newcomer { is_known, key, kind, banned, pause_ms, accounts })
    }

    /// How many accounts there are.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn count_accounts(&self) -> Result<usize, RoomStoreError> {
        let sql = "SELECT count(*) FROM accounts";
        let count: i64 = self.ask(|db| db.prepare_cached(sql)?.query_row([], |row| row.get(0)))?;
        Ok(count as usize)
    }

    /// How long no password is taken for this account from this host, in milliseconds.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn pause_ms(&self, now_ms: u64, name: &str, host: &str) -> Result<u64, RoomStoreError> {
        let sql = "SELECT count, until FROM strikes WHERE who = ?2
            OR who = ?1 AND NOT EXISTS (SELECT 1 FROM homes WHERE name = ?3 AND host = ?4)";
        let all = self.ask(|db| {
            let mut query = db.prepare_cached(sql)?;
            let left = query.query_map(params![account_key(name), host_key(host), name, host], |row| {
                Ok(left(now_ms, row.get(0)?, row.get(1)?))
            })?;
            left.collect::<Result<Vec<_>, _>>()
        })?;
        Ok(all.into_iter().max().unwrap_or_default())
    }

    /// The account that has this key.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn name_of_key(&self, key: KeyId) -> Result<Option<String>, RoomStoreError> {
        let sql = "SELECT name FROM accounts WHERE hash = ?1";
        self.ask(|db| db.prepare_cached(sql)?.query_row([key.to_string()], |row| row.get(0)).optional())
    }

    /// The hash of an account's password; or its key, if it has one instead.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn hash(&self, name: &str) -> Result<Option<String>, RoomStoreError> {
        let sql = "SELECT hash FROM accounts WHERE name = ?1";
        self.ask(|db| db.prepare_cached(sql)?.query_row([name], |row| row.get(0)).optional())
    }

    /// An account.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn account(&self, name: &str) -> Result<Option<AccountRecord>, RoomStoreError> {
        let sql = "SELECT name, hash, since FROM accounts WHERE name = ?1";
        self.ask(|db| db.query_row(sql, [name], account).optional())
    }

    /// Adds accounts that are not there yet. Gives the names of those that are.
    ///
    /// # Errors
    /// If they cannot be written: then none was.
    pub fn add_accounts(&mut self, accounts: &[AccountRecord]) -> Result<Vec<String>, RoomStoreError> {
        self.change(|all| {
            let mut there = Vec::new();
            for AccountRecord { name, hash, since_ms } in accounts {
                let added = all
                    .prepare_cached("INSERT OR IGNORE INTO accounts VALUES (?1, ?2, ?3)")?
                    .execute(params![name, hash, *since_ms as i64])?;
                // Somebody may have been added between the check and now: their password stays.
                if added == 0 {
                    there.push(name.clone());
                }
            }
            Ok(there)
        })
    }

    /// Removes an account. False if there is none.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn remove_account(&self, name: &str) -> Result<bool, RoomStoreError> {
        self.ask(|db| {
            forget(db, name)?;
            Ok(db.execute("DELETE FROM accounts WHERE name = ?1", [name])? > 0)
        })
    }

    /// Gives an account another password. False if there is no such account.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn set_hash(&self, name: &str, hash: &str) -> Result<bool, RoomStoreError> {
        self.ask(|db| {
            forget(db, name)?;
            Ok(db.execute("UPDATE accounts SET hash = ?2 WHERE name = ?1", [name, hash])? > 0)
        })
    }

    /// Bans a name or the address of a host.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn ban(&self, who: &str, why: &str) -> Result<(), RoomStoreError> {
        // A door that starts is told of all bans: what it has already costs no disk.
        let sql = "INSERT INTO bans VALUES (?1, ?2) ON CONFLICT DO UPDATE SET why = excluded.why
            WHERE why <> excluded.why";
        self.ask(|db| db.prepare_cached(sql)?.execute([who, why]))?;
        Ok(())
    }

    /// Lets in again, also whoever gave wrong passwords. Gives what kept them out.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn unban(&self, who: &str) -> Result<Kept, RoomStoreError> {
        // Whoever asks for this wants them in, whatever kept them out.
        let is_forgiven = self.pardon(who)?;
        let was_banned = self.lift_ban(who)?;
        Ok(match (was_banned, is_forgiven) {
            (true, _) => Kept::Ban,
            (false, true) => Kept::Pause,
            (false, false) => Kept::Nothing,
        })
    }

    /// Bans a name or a host no longer. False if it was not banned.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn lift_ban(&self, who: &str) -> Result<bool, RoomStoreError> {
        self.ask(|db| Ok(db.execute("DELETE FROM bans WHERE who = ?1", [who])? > 0))
    }

    /// Ends the pause after wrong passwords for a name and for a host. False if there was none.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn pardon(&self, who: &str) -> Result<bool, RoomStoreError> {
        let sql = "DELETE FROM strikes WHERE who IN (?1, ?2)";
        self.ask(|db| Ok(db.execute(sql, [account_key(who), host_key(who)])? > 0))
    }

    /// Whether a name or a host is banned.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn is_banned(&self, who: &str) -> Result<bool, RoomStoreError> {
        self.ask(|db| db.prepare_cached("SELECT 1 FROM bans WHERE who = ?1")?.exists([who]))
    }

    /// Who is banned, and why.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn bans(&self) -> Result<Vec<(String, String)>, RoomStoreError> {
        self.ask(|db| {
            let mut all = db.prepare("SELECT who, why FROM bans ORDER BY who")?;
            all.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::{Changes, Room, RoomSettings, Stored};
    use crate::store::Deeds;
    use crate::store::strikes::{STRIKES_FOR_MS, forgive, strike};

    #[test]
    fn the_pause_after_wrong_passwords_grows_for_the_account_and_for_the_host_and_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = RoomStore::open(&folder.path().join("room.db")).unwrap();
        let settings = RoomSettings {
            name: "lobby".to_owned(),
            is_open: false,
            history: 0,
            motd: Vec::new(),
            max_members: 1,
            max_accounts: 1,
            rate: crate::member::Rate { messages: 1 },
            door: None,
        };
        let room = Room::new(settings, Stored::default());
        let mut commit = |now_ms, deeds: &Deeds| {
            store.commit(now_ms, &room, &Changes::default(), deeds).unwrap();
            let pause = |name, host| store.pause_ms(now_ms, name, host).unwrap();
            (pause("ann", "10.0.0.9"), pause("bob", "10.0.0.1"), pause("bob", "10.0.0.9"))
        };
        let wrong = Deeds { strikes: vec![("Ann".to_owned(), "10.0.0.1".to_owned())], ..Deeds::default() };
        let all: Vec<_> = (1..=30).map(|n| commit(n * 4_000_000, &wrong)).collect();
        assert!(all.chunks(3).all(|three| three[..2] == [(0, 0, 0), (0, 0, 0)]), "{all:?}");
        let pauses: Vec<_> = all.chunks(3).map(|three| three[2]).collect();
        assert_eq!(pauses[..3], [(15_000, 15_000, 0), (30_000, 30_000, 0), (60_000, 60_000, 0)]);
        assert_eq!(pauses[9], (3_600_000, 3_600_000, 0), "an hour at most");
        let right =
            Deeds { forgiven: vec![("ann".to_owned(), "10.0.0.1".to_owned(), 0)], ..Deeds::default() };
        assert_eq!(commit(120_000_000, &right), (0, 3_600_000, 0), "the host's goes on");
        let later = 120_000_000 + 2 * STRIKES_FOR_MS;
        let anew: Vec<_> = (0..3).map(|n| commit(later + n, &wrong)).collect();
        assert_eq!(anew[2], (15_000, 15_000, 0), "a day later it begins anew");
    }

    #[test]
    fn wrong_passwords_from_elsewhere_keep_nobody_out_where_they_have_come_in_before() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = RoomStore::open(&folder.path().join("room.db")).unwrap();
        let all = store.db.transaction().unwrap();
        for host in 0..10 {
            forgive(&all, host, "ann", &format!("10.0.0.{host}"), 0).unwrap();
        }
        forgive(&all, 10, "bob", "10.0.0.1", 0).unwrap();
        (0..3).for_each(|_| strike(&all, 1_000, &account_key("ann")).unwrap());
        all.commit().unwrap();
        let pause = |store: &RoomStore, host: &str| store.pause_ms(1_000, "Ann", host).unwrap();
        assert_eq!(["10.0.0.9", "10.0.0.2"].map(|host| pause(&store, host)), [0, 0]);
        assert_eq!(["10.0.0.1", "10.0.0.50"].map(|host| pause(&store, host)), [15_000; 2], "the last eight");
        let all = store.db.transaction().unwrap();
        (0..3).for_each(|_| strike(&all, 1_000, &host_key("10.0.0.9")).unwrap());
        all.commit().unwrap();
        assert_eq!(pause(&store, "10.0.0.9"), 15_000, "whoever guesses there is slowed down all the same");
        store.remove_account("ann").unwrap();
        let all = store.db.transaction().unwrap();
        (0..3).for_each(|_| strike(&all, 1_000, &account_key("ann")).unwrap());
        all.commit().unwrap();
        assert_eq!(pause(&store, "10.0.0.2"), 15_000, "another's, by then");
    }

    #[test]
    fn a_ban_that_is_there_is_written_only_if_it_says_something_else() {
        let folder = tempfile::tempdir().unwrap();
        let store = RoomStore::open(&folder.path().join("room.db")).unwrap();
        let changes =
            || store.db.query_row("SELECT total_changes()", [], |row| row.get::<_, i64>(0)).unwrap();
        store.ban("bob", "spam").unwrap();
        let before = changes();
        store.ban("Bob", "spam").unwrap();
        assert_eq!(changes(), before);
        store.ban("bob", "noise").unwrap();
        assert_eq!(store.bans().unwrap(), [("bob".to_owned(), "noise".to_owned())]);
    }

    #[test]
    fn a_clock_that_is_set_back_makes_no_pause_longer() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = RoomStore::open(&folder.path().join("room.db")).unwrap();
        let all = store.db.transaction().unwrap();
        for who in [account_key("ann"), host_key("10.0.0.1")] {
            (0..3).for_each(|_| strike(&all, 10_000_000, &who).unwrap());
        }
        all.commit().unwrap();
        let pause = |now_ms| store.pause_ms(now_ms, "ann", "10.0.0.1").unwrap();
        assert_eq!([10_000_000, 10_010_000, 10_015_000].map(pause), [15_000, 5_000, 0]);
        assert_eq!(pause(6_400_000), 15_000, "an hour earlier it begins anew");
    }
}
