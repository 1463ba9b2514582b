//! Whom an operator means: somebody with a name, everybody on a host, or whoever is at one port of it. Addresses are
//! written as members' are.

use simp_control::{AddressError, Host, UserName, Who, escape};

use crate::room::Unusable;

/// Whom an operator means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    /// Whoever is called so.
    Name(String),
    /// `ADDR`.
    Host(String),
    /// `ADDR:PORT`, and its `ADDR`.
    Member(String, String),
}

impl Whom {
    /// Reads what an operator wrote.
    ///
    /// # Errors
    /// The line that says why it means nobody.
    pub fn read(typed: &str) -> Result<Self, String> {
        let typed = typed.trim();
        let lacks = |host: Host| match host.lacks_interface() {
            // It would pass for a host that nobody comes from.
            true => Err(format!("{typed}: {}", AddressError::LacksInterface(host.ip()))),
            false => Ok(host.to_string()),
        };
        match Who::read(typed).map_err(|error| error.to_string())? {
            Who::Ip(host) => Ok(Self::Host(lacks(host)?)),
            Who::Address(address) => Ok(Self::Member(address.to_string(), lacks(Host::of(address))?)),
            Who::Both(..) | Who::OnHost(..) | Who::User(_) => Ok(Self::Name(typed.to_owned())),
        }
    }

    /// The name, the host or the member.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Name(whom) | Self::Host(whom) | Self::Member(whom, _) => whom,
        }
    }

    /// The name or the host: the port says nothing of who comes next.
    pub fn name_or_host(&self) -> &str {
        match self {
            Self::Name(whom) | Self::Host(whom) | Self::Member(_, whom) => whom,
        }
    }

    /// The same for whoever wrote this: with the interface as it is called there, not as it is numbered.
    pub fn shown(&self, typed: &str) -> String {
        let whom = self.name_or_host();
        let interface = typed.split_once('%').and_then(|(_, rest)| rest.trim().split(']').next());
        match whom.split_once('%').zip(interface) {
            Some(((ip, _), interface)) => format!("{ip}%{interface}"),
            None => whom.to_owned(),
        }
    }

    /// Whether somebody can be called so, or come from there; with the line if not.
    ///
    /// # Errors
    /// An address with a slip in it, or what nobody is called.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Self::Name(name) if Unusable::of(name) == Some(Unusable::Reserved) => {
                Err(format!("{}: a word of the room, that no user is called", escape::name(name)))
            }
            Self::Name(name) if !is_name(name) => {
                Err(format!("{}: neither a name nor the address of a host", escape::name(name)))
            }
            Self::Name(_) | Self::Host(_) | Self::Member(..) => Ok(()),
        }
    }
}

/// Whether somebody can be called so, and it is no address with a slip in it.
fn is_name(who: &str) -> bool {
    let is_number = who.chars().all(|c| c.is_ascii_digit() || c == '.');
    Unusable::of(who).is_none() && UserName::new(who).is_ok() && !is_number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_written_as_its_members_are() {
        for (typed, whom, name_or_host) in [
            ("bob", "bob", "bob"),
            (" 127.0.0.1 ", "127.0.0.1", "127.0.0.1"),
            ("127.0.0.1:7778", "127.0.0.1:7778", "127.0.0.1"),
            ("[::1]", "::1", "::1"),
            ("0:0::1", "::1", "::1"),
            ("[::1]:7777", "[::1]:7777", "::1"),
            ("fe80::1%lo", "fe80::1%1", "fe80::1%1"),
            ("[fe80::1%lo]:7777", "[fe80::1%1]:7777", "fe80::1%1"),
        ] {
            let read = Whom::read(typed).unwrap();
            assert_eq!((read.as_str(), read.name_or_host()), (whom, name_or_host), "{typed}");
            let shown = if whom.contains('%') { "fe80::1%lo" } else { name_or_host };
            assert_eq!(read.shown(typed), shown, "{typed}");
            assert_eq!(read.check(), Ok(()));
        }
        for (typed, why) in [
            ("fe80::1%no-such", "fe80::1%no-such: no interface 'no-such' here (list them: ip link)"),
            (
                "fe80::1",
                "fe80::1: a link-local address needs its interface, such as fe80::1%eth0 (list them: ip link)",
            ),
        ] {
            assert_eq!(Whom::read(typed), Err(why.to_owned()));
        }
        for typed in ["1.2.3", "[::1", "you", "127.0.0.1:x"] {
            assert!(Whom::read(typed).unwrap().check().is_err(), "{typed}");
        }
    }
}
