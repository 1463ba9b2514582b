//! A host by its name, and a port of it, as people write it: `HOST`, `HOST:PORT`. Where it is only a lookup says, and another
//! one may say something else.

use std::fmt;

use crate::address::PORT;

/// The longest name of a host, in bytes (RFC 1035), with the dot at its end that it may have.
const NAME_MAX: usize = 254;

/// A host's name, in lower case, and a port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostName {
    name: String,
    port: u16,
}

impl HostName {
    /// Reads `HOST[:PORT]`, port 7777 if none is given; `None` if no host can be called so.
    pub fn parse(text: &str) -> Option<Self> {
        split(text).map(|(name, port)| Self::new(name, port))
    }

    /// Of what [`split`] has found.
    pub(crate) fn new(name: &str, port: Option<u16>) -> Self {
        Self { name: name.to_ascii_lowercase(), port: port.unwrap_or(PORT) }
    }

    /// The name alone, which is looked up.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether somebody means it who writes this: its name with its port, or with none.
    pub fn is_meant_by(&self, typed: &str) -> bool {
        let meant = split(typed).filter(|(name, _)| name.eq_ignore_ascii_case(&self.name));
        meant.is_some_and(|(_, port)| port.is_none_or(|port| port == self.port))
    }
}

/// `HOST:PORT`, which is read again as the same.
impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.port)
    }
}

/// Parts `HOST[:PORT]`.
pub(crate) fn split(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(port.parse().ok().filter(|&port| port != 0)?)),
        None => (text, None),
    };
    // Anything else, a space or a slash, is a slip: no resolver is asked about it.
    let is_of_host = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    // The resolver reads some numbers as addresses in forms that nobody expects: `1.2.3` as 1.2.0.3.
    let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    let is_number = last.starts_with("0x") || last.bytes().all(|byte| byte.is_ascii_digit());
    let has_length = (1..=NAME_MAX).contains(&host.len());
    (has_length && host.chars().all(is_of_host) && !is_number).then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_may_have_a_port() {
        assert_eq!(split("host.example"), Some(("host.example", None)));
        assert_eq!(split("host:7778"), Some(("host", Some(7778))));
        let longer = "x".repeat(NAME_MAX + 1);
        for bad in [
            "",
            ":7777",
            "host:",
            "host:0",
            "host:70000",
            "a b",
            "a:b:c",
            "127.0.0.1/8",
            "1.2.3",
            "127.1",
            "42",
            "a.0x7f",
            ".",
            &longer,
        ] {
            assert_eq!(split(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_host_is_the_same_however_its_name_is_written() {
        let host = HostName::parse("NAS.example").unwrap();
        assert_eq!(
            (host.name(), host.port(), host.to_string()),
            ("nas.example", 7777, "nas.example:7777".into())
        );
        assert_eq!(HostName::parse(&host.to_string()), Some(host.clone()));
        for (typed, is_meant) in [
            ("nas.example", true),
            ("Nas.Example:7777", true),
            ("nas.example:7778", false),
            ("nas", false),
            ("127.0.0.1", false),
        ] {
            assert_eq!(host.is_meant_by(typed), is_meant, "{typed}");
        }
    }
}
