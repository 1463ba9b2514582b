//! Where the doors of a room meet, as the operator says it.

use std::io;
use std::path::PathBuf;

use async_nats::ServerAddr;
use nix::unistd::gethostname;
use serde::{Deserialize, Serialize};
use simp_control::error::system;

/// The longest name of a door, in characters.
const NAME_MAX: usize = 32;

/// Where the doors of a room meet, and which of them this one is. It has passwords in it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NatsOptions {
    /// The URLs of the servers; at least one, and all can be read.
    pub servers: Vec<String>,
    /// The file with credentials, from the root.
    pub creds: Option<PathBuf>,
    /// The file with certificates of authorities, from the root.
    pub ca: Option<PathBuf>,
    /// On how many servers all is kept; `None` for as many as it is kept on already, or one.
    pub replicas: Option<u32>,
    /// The name of this door.
    pub door: String,
}

impl NatsOptions {
    /// Reads what the operator wrote: URLs with commas between them, and the files with credentials and certificates.
    ///
    /// # Errors
    /// What is wrong with it, in one line.
    pub fn new(
        servers: &str,
        (creds, ca): (Option<&str>, Option<&str>),
        replicas: Option<u32>,
        door: Option<String>,
    ) -> Result<Self, String> {
        let servers = servers.split(',').map(url).collect::<Result<_, _>>()?;
        let absolute = |file: Option<&str>| {
            let absolute = file.map(std::path::absolute).transpose();
            absolute.map_err(|error: io::Error| format!("the current folder: {}", system(&error)))
        };
        Ok(Self {
            servers,
            creds: absolute(creds)?,
            ca: absolute(ca)?,
            replicas,
            door: door.unwrap_or_else(door_of_host),
        })
    }
}

/// Reads the name of a door: it becomes a part of subjects.
pub fn door_name(name: &str) -> Result<String, String> {
    match (1..=NAME_MAX).contains(&name.len()) && name.chars().all(is_good) {
        true => Ok(name.to_owned()),
        false => Err(format!("a door's name has 1 to {NAME_MAX} letters, digits, _ and -")),
    }
}

fn is_good(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

/// The name of the host, as far as it can be that of a door.
fn door_of_host() -> String {
    let host = gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name: String = host.chars().filter(|c| is_good(*c)).take(NAME_MAX).collect();
    if name.is_empty() { "door".to_owned() } else { name }
}

fn url(text: &str) -> Result<String, String> {
    let text = text.trim();
    let read = text.parse::<ServerAddr>().ok();
    match read.filter(|read| ["nats", "tls"].contains(&read.scheme()) && !read.host().is_empty()) {
        Some(_) => Ok(text.to_owned()),
        // What is before the @ is a password.
        None => Err(format!(
            "--nats '{}': expected nats://HOST:PORT or tls://HOST:PORT, several with commas between them",
            text.rsplit('@').next().unwrap_or_default()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_operator_writes_is_read_or_refused_in_a_line_without_passwords() {
        let new = |servers: &str| NatsOptions::new(servers, (Some("creds"), Some("/ca")), Some(3), None);
        let options = new("nats://127.0.0.9:4222, tls://ann:secret@north.example,south").unwrap();
        assert_eq!(options.servers, ["nats://127.0.0.9:4222", "tls://ann:secret@north.example", "south"]);
        assert_eq!(options.creds, Some(std::env::current_dir().unwrap().join("creds")));
        assert_eq!(options.ca, Some(PathBuf::from("/ca")));
        assert_eq!(door_name(&options.door), Ok(options.door.clone()));
        for (servers, shown) in [
            ("", ""),
            ("nats://a,", ""),
            ("nats://", "nats://"),
            ("http://a", "http://a"),
            ("nats://ann:sec@ret@a:70000", "a:70000"),
        ] {
            let line = format!(
                "--nats '{shown}': expected nats://HOST:PORT or tls://HOST:PORT, several with commas between them"
            );
            assert_eq!(new(servers).err(), Some(line));
        }
    }

    #[test]
    fn the_name_of_a_door_can_be_a_part_of_a_subject() {
        for name in ["north", "North-1_", &"n".repeat(32)] {
            assert_eq!(door_name(name), Ok(name.to_owned()));
        }
        for name in ["", "a.b", "a b", "*", ">", "ö", &"n".repeat(33)] {
            let line = "a door's name has 1 to 32 letters, digits, _ and -".to_owned();
            assert_eq!(door_name(name), Err(line));
        }
    }
}
