//! The tables, what marks a file as ours, and how older ones become the present ones.

use rusqlite::Connection;

use crate::looks;

/// Marks the file as ours: "simp".
const APPLICATION_ID: i64 = 0x7369_6d70;

/// Bytes of a page. A commit writes whole pages, and most commits hold one short message.
const PAGE_BYTES: u64 = 1_024;

/// Version of the tables below.
pub(crate) const SCHEMA_VERSION: i64 = 15;

/// `kind`, `state` and `reason` are the numbers of `Kind::ALL`, `STATES` and `Reason::ALL`. `message` is what a
/// `delivered`, an `unconfirmed` and an `undelivered` is of, and what a `queued` sends again; `seq` is a received
/// message's Sequence field, the token of a queued one, or with an `undelivered` that nobody is to send again 1. The address and the name of an entry's peer stand in each
/// entry, for chats do not outlive their end here and entries do.
///
/// A chat's row holds as of entry `as_of`, or as of `kept.through` if that is later; what came after is
/// read from the entries. So a message costs one entry and no more.
const FIRST: &str = "
    CREATE TABLE events (
        id INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind INTEGER NOT NULL, chat INTEGER NOT NULL,
        address TEXT NOT NULL, user TEXT NOT NULL, message INTEGER, reason INTEGER, text TEXT, seq INTEGER
    ) STRICT;
    CREATE INDEX queued ON events (chat, id) WHERE kind = 5;
    CREATE TABLE chats (
        chat INTEGER PRIMARY KEY, address TEXT NOT NULL, since INTEGER NOT NULL, state INTEGER NOT NULL,
        user TEXT NOT NULL, seq INTEGER NOT NULL, received_seq INTEGER, received_hash INTEGER,
        settled INTEGER NOT NULL, as_of INTEGER NOT NULL, expires INTEGER
    ) STRICT;
    CREATE TABLE kept (through INTEGER NOT NULL) STRICT;
    INSERT INTO kept VALUES (0);
    CREATE TABLE consumers (name TEXT PRIMARY KEY, seen INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE runs (started INTEGER NOT NULL) STRICT;
";

/// The outbox: messages that outlive chats. Their texts are in their `queued` entries, whose `chat` is 0.
/// `expires` is how many milliseconds after the entry's `at`. Both indexes are of entries that are rare.
const SECOND: &str = "
    CREATE TABLE outbox (message INTEGER PRIMARY KEY, address TEXT NOT NULL, expires INTEGER) STRICT;
    CREATE INDEX outbox_address ON outbox (address, message);
    CREATE INDEX undelivered ON events (message) WHERE kind = 7;
    CREATE INDEX again ON events (message) WHERE kind = 5 AND message IS NOT NULL;
    ALTER TABLE chats ADD COLUMN outbox INTEGER NOT NULL DEFAULT 0;
    DROP TABLE runs;
    CREATE TABLE runs (only INTEGER PRIMARY KEY CHECK (only = 1), started INTEGER NOT NULL) STRICT;
";

/// How peers speak, as the names of their habits; a row for each that there was a chat with, so far without any. The
/// `text` of an `opened` is the note of its peer. `outbox_at` is where the outbox knows the peer of a chat, and where
/// it was invited; nothing if another chat has that.
const THIRD: &str = "
    CREATE TABLE peers (
        address TEXT PRIMARY KEY, ip TEXT NOT NULL, user TEXT NOT NULL, dialect TEXT NOT NULL, seen INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX peers_ip ON peers (ip, seen);
    INSERT INTO peers SELECT address,
        CASE WHEN address LIKE '[%'
            THEN substr(address, 2, instr(replace(address, '%', ']'), ']') - 2)
            ELSE substr(address, 1, instr(address, ':') - 1) END,
        user, 'plain', max(at) FROM events WHERE kind = 2 GROUP BY address;
    ALTER TABLE chats ADD COLUMN dialect TEXT NOT NULL DEFAULT 'plain';
    ALTER TABLE chats ADD COLUMN outbox_at TEXT;
    UPDATE chats SET outbox_at = address;
    CREATE INDEX unconfirmed ON events (message) WHERE kind = 9;
";

/// The id of the log, for good.
const FOURTH: &str = "
    CREATE TABLE log (id TEXT NOT NULL) STRICT;
    INSERT INTO log VALUES (lower(hex(randomblob(16))));
";

/// The epochs, and one for all that is there already: of what came before, nothing else is known.
const FIFTH: &str = "
    CREATE TABLE epochs (after INTEGER PRIMARY KEY, id INTEGER NOT NULL) STRICT;
    INSERT INTO epochs SELECT 0, random() WHERE EXISTS (SELECT 1 FROM events);
";

/// The keys of peers, and what secure chats need; with a plain chat all columns that are new here are NULL. `who` is an
/// address or a user's name, and `trusted` whether our user has said so. Of a chat, `secure` is its id to both sides, `known`
/// whether the key was known before it, `received` the newest message, and `log` what the numbers of those count. An `opened`
/// and a `request` with a `key` have in `message` whether it was known. In `kept_numbers`, `place` counts those of each key.
const SIXTH: &str = "
    CREATE TABLE keys (
        who TEXT PRIMARY KEY, key BLOB NOT NULL, user TEXT NOT NULL, seen INTEGER NOT NULL, trusted INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX keys_key ON keys (key, seen);
    CREATE INDEX keys_seen ON keys (seen) WHERE trusted = 0;
    CREATE TABLE kept_numbers (
        key BLOB NOT NULL, place INTEGER NOT NULL, log TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (key, place)
    ) STRICT, WITHOUT ROWID;
    ALTER TABLE chats ADD COLUMN key BLOB;
    ALTER TABLE chats ADD COLUMN secure INTEGER;
    ALTER TABLE chats ADD COLUMN known INTEGER;
    ALTER TABLE chats ADD COLUMN received INTEGER;
    ALTER TABLE chats ADD COLUMN log TEXT;
    ALTER TABLE events ADD COLUMN key BLOB;
";

/// Files that are offered or under way; see `FileStands` for `stands`, `path` and `reason`. Of an entry, `size` is that of
/// the file that it is of, if it is a `file`, a `file_saved`, or a `queued` that is one. The `seq` of a `file` is its number.
const SEVENTH: &str = "
    CREATE TABLE files (
        message INTEGER PRIMARY KEY, chat INTEGER NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL,
        size INTEGER NOT NULL, sha256 BLOB NOT NULL, stands INTEGER NOT NULL, path TEXT, reason TEXT
    ) STRICT;
    CREATE INDEX files_chat ON files (chat, stands, message);
    ALTER TABLE events ADD COLUMN size INTEGER;
";

/// How far the user has read what each peer has written.
const EIGHTH: &str = "
    CREATE TABLE read_marks (address TEXT PRIMARY KEY, read INTEGER NOT NULL) STRICT, WITHOUT ROWID;
";

/// Messages of ours that have a name of the client's own, as long as their entries are there.
const NINTH: &str = "
    CREATE TABLE named (name TEXT PRIMARY KEY, message INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE INDEX named_message ON named (message);
";

/// Messages for hosts: `host` is `HOST:PORT`, also in their `queued` entries, and `address` where it was found last. `bytes` is
/// the length of the text, so that the outbox is counted without reading any.
const TENTH: &str = "
    ALTER TABLE outbox RENAME TO older_outbox;
    CREATE TABLE outbox (
        message INTEGER PRIMARY KEY, address TEXT, host TEXT, expires INTEGER, bytes INTEGER NOT NULL,
        CHECK (address IS NOT NULL OR host IS NOT NULL)
    ) STRICT;
    INSERT INTO outbox SELECT message, address, NULL, expires,
        coalesce((SELECT octet_length(text) FROM events WHERE id = older_outbox.message), 0)
        FROM older_outbox;
    DROP TABLE older_outbox;
    CREATE INDEX outbox_address ON outbox (address, message);
    CREATE INDEX outbox_host ON outbox (host, message) WHERE host IS NOT NULL;
    ALTER TABLE events ADD COLUMN host TEXT;
";

/// Of a `message`, the message of ours that it answers; of a `queued`, the number of the peer's that it answers.
const ELEVENTH: &str = "
    ALTER TABLE events ADD COLUMN answers INTEGER;
";

/// Several deliveries in one row, that of the last: `first` is the id of the first of them, and `list` what the others are of; see
/// `runs`. What is rare in `events` has one index: each costs something with every entry, also with those that are not in it.
/// And by which of too many rows the oldest are found.
const TWELFTH: &str = "
    ALTER TABLE events ADD COLUMN first INTEGER;
    ALTER TABLE events ADD COLUMN list BLOB;
    DROP INDEX undelivered;
    DROP INDEX again;
    DROP INDEX unconfirmed;
    CREATE INDEX outcomes ON events (message, kind)
        WHERE message IS NOT NULL AND (kind = 5 OR kind = 7 OR kind = 9);
    CREATE INDEX peers_oldest ON peers (dialect <> 'plain', seen);
    CREATE INDEX read_marks_oldest ON read_marks (read);
";

/// Whose entries a piece of the log has, which are those above `after`, up to `until`: see `piece`.
const THIRTEENTH: &str = "
    CREATE TABLE pieces (until INTEGER PRIMARY KEY, after INTEGER NOT NULL, sieve BLOB NOT NULL) STRICT;
";

/// The messages of chats that were not settled when all chats were kept last: see `waiting`. An index of all that were ever
/// queued cost a page with each.
const FOURTEENTH: &str = "
    CREATE TABLE waiting (
        chat INTEGER NOT NULL, message INTEGER NOT NULL, PRIMARY KEY (chat, message)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO waiting SELECT c.chat, e.id FROM chats AS c
        JOIN events AS e ON e.kind = 5 AND e.chat = c.chat AND e.id > c.settled AND e.id <= (SELECT through FROM kept);
    DROP INDEX queued;
";

/// The name that a key is known by, and how it looks, so that those that look like another are found: see `looks`.
const FIFTEENTH: &str = "
    ALTER TABLE keys ADD COLUMN name TEXT;
    ALTER TABLE keys ADD COLUMN look TEXT;
    ALTER TABLE keys ADD COLUMN folded TEXT;
    CREATE INDEX keys_name ON keys (name, key) WHERE name IS NOT NULL;
    CREATE INDEX keys_look ON keys (look, trusted) WHERE look IS NOT NULL;
    CREATE INDEX keys_folded ON keys (folded, trusted) WHERE folded IS NOT NULL;
";

/// What brings a file from each version to the next.
const STEPS: [&str; SCHEMA_VERSION as usize] = [
    FIRST, SECOND, THIRD, FOURTH, FIFTH, SIXTH, SEVENTH, EIGHTH, NINTH, TENTH, ELEVENTH, TWELFTH, THIRTEENTH,
    FOURTEENTH, FIFTEENTH,
];

/// `auto_vacuum`: pages that are free can be given back, a few at a time.
const INCREMENTAL: i64 = 2;

/// Why a file cannot be our log, before its path is added.
pub(crate) enum Unready {
    /// It holds something else.
    NotALog,
    /// A newer simpd wrote it, with this version.
    Newer(i64),
    /// SQLite says so.
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Unready {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// Takes the file for us alone, and gives it the present tables.
pub(crate) fn prepare(db: &mut Connection) -> Result<(), Unready> {
    // First: the next statement takes the lock, and another simpd with this file sees that it is in use.
    db.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    let pragma = |name| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (id, version) = (pragma("application_id")?, pragma("user_version")?);
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let is_empty = tables == 0 && (id, version) == (0, 0);
    match id {
        APPLICATION_ID if version > SCHEMA_VERSION => return Err(Unready::Newer(version)),
        APPLICATION_ID if version > 0 => {}
        _ if is_empty => {}
        _ => return Err(Unready::NotALog),
    }
    if is_empty {
        // Before the first table and before WAL: later these take a VACUUM, and the size is fixed for good.
        db.pragma_update(None, "page_size", PAGE_BYTES as i64)?;
        db.pragma_update(None, "auto_vacuum", INCREMENTAL)?;
    } else if pragma("auto_vacuum")? != INCREMENTAL {
        // Of a file that has tables already it takes effect with a VACUUM, which is all or nothing.
        db.pragma_update(None, "auto_vacuum", INCREMENTAL)?;
        db.execute_batch("VACUUM")?;
    }
    // One write and one sync for each commit; with a rollback journal there would be several.
    db.pragma_update(None, "journal_mode", "WAL")?;
    let steps = STEPS.get(version as usize..).unwrap_or_default();
    if !steps.is_empty() {
        // All steps or none: a file that is killed in the middle is still one of the older version.
        let change = db.transaction()?;
        for step in steps {
            change.execute_batch(step)?;
        }
        looks::fill(&change)?;
        change.pragma_update(None, "application_id", APPLICATION_ID)?;
        change.pragma_update(None, "user_version", SCHEMA_VERSION)?;
        change.commit()?;
    }
    Ok(())
}
