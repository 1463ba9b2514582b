//! Who is to have a message of the outbox: whoever is at an address, or a host by its name.

use std::fmt;
use std::net::SocketAddr;

use rusqlite::Row;
use rusqlite::types::Type;
use simp_control::HostName;

/// Who is to have a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipient {
    /// Whoever is at this address.
    At(SocketAddr),
    /// This host, and where it was found last; `None` if it never was.
    Host(HostName, Option<SocketAddr>),
}

impl Recipient {
    /// Where it is, as far as is known.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::At(address) => Some(*address),
            Self::Host(_, address) => *address,
        }
    }

    /// The host that it is.
    pub fn host(&self) -> Option<&HostName> {
        match self {
            Self::At(_) => None,
            Self::Host(host, _) => Some(host),
        }
    }
}

/// As entries of the log name it: where it is, or what it is called.
impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(address) | Self::Host(_, Some(address)) => write!(f, "{address}"),
            Self::Host(host, None) => write!(f, "{host}"),
        }
    }
}

/// Who is meant by the address in one column and the host in the other. Of a host that was not found yet, an entry of the
/// log has the name for its address.
pub(crate) fn recipient(row: &Row<'_>, columns: (usize, usize)) -> rusqlite::Result<Recipient> {
    let (of_address, of_host) = columns;
    match host(row, of_host)? {
        Some(host) => {
            let address = row.get::<_, Option<String>>(of_address)?;
            Ok(Recipient::Host(host, address.and_then(|address| address.parse().ok())))
        }
        None => address(row, of_address).map(Recipient::At),
    }
}

/// The host in this column, if there is one.
pub(crate) fn host(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<HostName>> {
    let Some(text) = row.get::<_, Option<String>>(column)? else { return Ok(None) };
    let wrong = || rusqlite::Error::InvalidColumnType(column, text.clone(), Type::Text);
    HostName::parse(&text).map(Some).ok_or_else(wrong)
}

/// The address in this column.
pub(crate) fn address(row: &Row<'_>, column: usize) -> rusqlite::Result<SocketAddr> {
    let text: String = row.get(column)?;
    let wrong = |error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error));
    text.parse().map_err(wrong)
}
