//! Where the accounts of a room are: in its own store, or at the server of its doors.

use simp_control::error::{Outcome, fail};
use simp_control::{FailureKind, KeyId};

use crate::cluster::{AccountRecord, Key};
use crate::files::RoomFiles;
use crate::nats::{NatsOptions, Visit};
use crate::store::RoomStore;

/// The accounts of a room.
pub enum Accounts {
    /// Of a room with one door.
    Here(RoomStore),
    /// Of one with several.
    Shared(Box<Visit>),
}

impl Accounts {
    /// Those of a room that has some; `None` if there is no such room.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn of(room: &str) -> Outcome<Option<Self>> {
        let files = RoomFiles::of(room)?;
        // Before anything is made: a command that fails leaves nothing.
        if !files.store.exists() {
            return Ok(None);
        }
        // It is there, and must be ours.
        files.make_folder()?.keep();
        Self::open(room, RoomStore::open(&files.store)?).map(Some)
    }

    /// Those of a room, which may not have run yet.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn of_any(room: &str) -> Outcome<Self> {
        let files = RoomFiles::of(room)?;
        let mut new = files.make_folder()?;
        let store = RoomStore::open(&files.store)?;
        new.keep();
        Self::open(room, store)
    }

    fn open(room: &str, store: RoomStore) -> Outcome<Self> {
        match store.server()? {
            None => Ok(Self::Here(store)),
            Some(options) => Ok(Self::Shared(Box::new(Visit::connect(room, &NatsOptions::read(&options)?)?))),
        }
    }

    /// All of them, by name.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn all(&mut self) -> Outcome<Vec<AccountRecord>> {
        let records = match self {
            Self::Here(store) => store.records()?,
            Self::Shared(visit) => visit.records("account")?,
        };
        let mut accounts: Vec<AccountRecord> = records
            .into_iter()
            .filter(|(key, _)| matches!(key, Key::Account(_)))
            .filter_map(|(_, value)| serde_json::from_slice(&value).ok())
            .collect();
        accounts.sort_by_key(|account| account.name.to_ascii_lowercase());
        Ok(accounts)
    }

    /// The one with this name.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn get(&mut self, name: &str) -> Outcome<Option<AccountRecord>> {
        match self {
            Self::Here(store) => Ok(store.account(name)?),
            Self::Shared(visit) => {
                let value = visit.get(&Key::account(name))?;
                Ok(value.and_then(|value| serde_json::from_slice(&value).ok()))
            }
        }
    }

    /// Who has this key.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn name_of_key(&mut self, key: KeyId) -> Outcome<Option<String>> {
        if let Self::Here(store) = self {
            return Ok(store.name_of_key(key)?);
        }
        let holder = self.all()?.into_iter().find(|account| account.hash.parse() == Ok(key));
        Ok(holder.map(|account| account.name))
    }

    /// Makes those that are not there yet. Gives the names of those that are: they stay as they are.
    ///
    /// # Errors
    /// If they cannot be written. In a store none was then; at a server some may have been, and it can be done again.
    pub fn add(&mut self, accounts: &[AccountRecord]) -> Outcome<Vec<String>> {
        let visit = match self {
            Self::Here(store) => return Ok(store.add_accounts(accounts)?),
            Self::Shared(visit) => visit,
        };
        let mut there = Vec::new();
        for account in accounts {
            if !visit.create(&Key::account(&account.name), &value(account))? {
                there.push(account.name.clone());
            }
        }
        Ok(there)
    }

    /// Removes one. False if there is none.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn remove(&mut self, name: &str) -> Outcome<bool> {
        match self {
            Self::Here(store) => Ok(store.remove_account(name)?),
            Self::Shared(visit) => {
                let key = Key::account(name);
                // Also one that makes no sense, as somebody else may write it.
                let is_there = visit.get(&key)?.is_some();
                if is_there {
                    visit.put(&key, None)?;
                }
                Ok(is_there)
            }
        }
    }

    /// Gives one that is there another password.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn set_hash(&mut self, account: AccountRecord, hash: String) -> Outcome {
        let account = AccountRecord { hash, ..account };
        match self {
            Self::Here(store) => Ok(store.set_hash(&account.name, &account.hash).map(drop)?),
            Self::Shared(visit) => visit.put(&Key::account(&account.name), Some(value(&account))),
        }
    }
}

fn value(account: &AccountRecord) -> Vec<u8> {
    serde_json::to_vec(account).unwrap_or_default()
}

impl NatsOptions {
    /// Reads what the store of a door has kept.
    ///
    /// # Errors
    /// If it makes no sense.
    pub fn read(kept: &str) -> Outcome<Self> {
        serde_json::from_str(kept).map_err(|_| {
            let line = "how the server of the doors is reached was written by another simp-room (start the room again)";
            fail(FailureKind::Failed, line)
        })
    }
}
