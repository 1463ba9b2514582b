//! What the user sets: the command line and simpd.toml, read and checked in one place. How peers speak is in `pins`.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use argh::{ArgsInfo, FromArgs};
use serde::Deserialize;
use simp_control::{TEXT_MAX, homes, places};
use simp_engine::{Accept, Budget, PinError, Pins, Policy, Retain, Value};
use simp_proto::{RINGING_USER, Settings, UserName};
use simp_service::plain_file;
use simp_store::{Discard, Durability};

/// simpd carries chats over SIMP. It stays in the foreground and logs to standard error; simpctl talks to it.
#[derive(FromArgs, ArgsInfo, Debug, Clone)]
#[argh(help_triggers("-h", "--help"))]
pub struct Args {
    /// where to receive: ADDR or ADDR:PORT (default port: 7777)
    #[argh(positional)]
    pub address: Option<String>,
    /// the name that peers see, at most 32 characters (default: your login name)
    #[argh(option, arg_name = "name")]
    pub user: Option<String>,
    /// whose requests to accept without asking: ask (none), all, or names and addresses separated by commas
    #[argh(option, arg_name = "who")]
    pub accept: Option<String>,
    /// maximum number of chats at a time (default: 1)
    #[argh(option, arg_name = "n")]
    pub max_chats: Option<usize>,
    /// the configuration file (default: ~/.config/simp/simpd.toml, if it exists)
    #[argh(option, arg_name = "file")]
    pub config: Option<PathBuf>,
    /// how much to log: error, warn, info or debug (default: info)
    #[argh(option, arg_name = "level")]
    pub log: Option<String>,
    /// start in the background: return when simpd is ready, or with its error
    #[argh(switch)]
    pub background: bool,
    /// print the version
    #[argh(switch)]
    pub version: bool,
}

/// simpd.toml. The command line goes before it.
#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    address: Option<String>,
    user: Option<String>,
    accept: Option<String>,
    max_chats: Option<usize>,
    attempts: Option<u32>,
    request_expiry: Option<u64>,
    durability: Option<Durability>,
    retain_age: Option<String>,
    retain_count: Option<u64>,
    #[serde(default)]
    retain_discard: Vec<DiscardWord>,
    message_max: Option<u64>,
    peer_bytes: Option<u64>,
    stranger_bytes: Option<u64>,
    log: Option<String>,
    #[serde(default)]
    peers: BTreeMap<String, Value>,
}

/// A word of `retain_discard`.
#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum DiscardWord {
    Unread,
    Undelivered,
}

/// All settings, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to receive, as the user wrote it. Takes effect at the next start.
    pub address: Option<String>,
    /// What the engine goes by.
    pub policy: Policy,
    /// What a commit survives. Takes effect at the next start.
    pub durability: Durability,
    /// How much to log.
    pub log: tracing::Level,
}

/// Why the settings make no sense.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No address at all.
    #[error("no address given (for example: simpd 127.0.0.1)")]
    NoAddress,
    /// Not an address that peers can answer to.
    #[error("{0}: not an address (ADDR or ADDR:PORT, for example 127.0.0.1 or [::1]:7777)")]
    Address(String),
    /// The file cannot be read.
    #[error("{0}: {1}")]
    Read(PathBuf, std::io::Error),
    /// The file is not what simpd.toml(5) says.
    #[error("{0}: {1}")]
    Parse(PathBuf, String),
    /// The table of peers makes no sense.
    #[error("{0}: {1}")]
    Peers(PathBuf, PinError),
    /// No name that could be shown to peers.
    #[error("{error} (choose another with --user NAME)")]
    User {
        /// What is wrong with it.
        error: simp_proto::UserNameError,
    },
    /// A name that peers would take for something else.
    #[error("'{0}' tells peers that the user is only being asked (choose another name with --user NAME)")]
    Reserved(&'static str),
    /// A number that is out of range.
    #[error("{0} must be from {1} to {2}")]
    Range(&'static str, u64, u64),
    /// Not a length of time.
    #[error("{0} must be a length of time such as 90s, 12h, 30d or 52w, not '{1}'")]
    Duration(&'static str, String),
    /// Not a level.
    #[error("unknown log level '{0}' (error, warn, info or debug)")]
    Log(String),
}

impl Config {
    /// Reads simpd.toml, if there is one or the command line names one, and the command line goes before it.
    ///
    /// # Errors
    /// [`ConfigError`] names the setting and what it may be.
    pub fn load(args: &Args) -> Result<Self, ConfigError> {
        // One that is named must be there: else nobody would notice that its settings are not in effect.
        let path = args.config.clone().or_else(|| default_file().filter(|path| path.exists()));
        let file = path.as_deref().map_or_else(|| Ok(ConfigFile::default()), ConfigFile::read)?;
        let log = args.log.clone().or_else(|| file.log.clone()).unwrap_or_else(|| "info".to_owned());
        Ok(Self {
            address: args.address.clone().or_else(|| file.address.clone()),
            durability: file.durability.unwrap_or_default(),
            policy: file.policy(args, &path.unwrap_or_default())?,
            log: level(&log).ok_or(ConfigError::Log(log))?,
        })
    }

    /// Where to receive: an address and a port that peers can answer to.
    ///
    /// # Errors
    /// [`ConfigError::NoAddress`] and [`ConfigError::Address`].
    pub fn address(&self) -> Result<SocketAddr, ConfigError> {
        let text = self.address.as_ref().ok_or(ConfigError::NoAddress)?;
        // Peers know us by the port, and simpctl finds us by it: one that the kernel picks would be another each time.
        let is_of_a_host = |address: &SocketAddr| {
            let ip = address.ip();
            address.port() != 0 && !ip.is_multicast() && ip != Ipv4Addr::BROADCAST
        };
        places::parse_address(text).filter(is_of_a_host).ok_or_else(|| ConfigError::Address(text.clone()))
    }
}

impl ConfigFile {
    fn read(path: &Path) -> Result<Self, ConfigError> {
        let text =
            plain_file::read_to_string(path).map_err(|error| ConfigError::Read(path.to_owned(), error))?;
        toml::from_str(&text).map_err(|error: toml::de::Error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            // Its message can have several lines, and a user sees one.
            let what = error.message().replace('\n', " ");
            ConfigError::Parse(path.to_owned(), format!("line {line}: {what}"))
        })
    }

    /// What the engine goes by. `path` is where this was read.
    fn policy(self, args: &Args, path: &Path) -> Result<Policy, ConfigError> {
        let (chat, retain, budget) = (self.chat()?, self.retain()?, self.budget()?);
        let max_chats = args.max_chats.or(self.max_chats).unwrap_or(1) as u64;
        let user = args.user.clone().or(self.user).or_else(login_name).unwrap_or_default();
        // An acceptance from this name means only that the user is being asked (SIMP 7): no peer would open a chat with
        // it.
        if user.trim() == RINGING_USER {
            return Err(ConfigError::Reserved(RINGING_USER));
        }
        let pins = Pins::parse(self.peers).map_err(|error| ConfigError::Peers(path.to_owned(), error))?;
        Ok(Policy {
            user: UserName::new(&user).map_err(|error| ConfigError::User { error })?,
            accept: Accept::parse(args.accept.as_deref().or(self.accept.as_deref()).unwrap_or("ask")),
            max_chats: within("max_chats", max_chats, 1, 100_000)? as usize,
            chat,
            retain,
            budget,
            pins,
        })
    }

    fn chat(&self) -> Result<Settings, ConfigError> {
        let mut chat = Settings::default();
        if let Some(attempts) = self.attempts {
            chat.attempts = within("attempts", attempts.into(), 1, 100)? as u32;
        }
        if let Some(seconds) = self.request_expiry {
            chat.request_expiry = Duration::from_secs(within("request_expiry", seconds, 1, 86_400)?);
        }
        if let Some(bytes) = self.message_max {
            chat.message_max = within("message_max", bytes, TEXT_MAX as u64, 65_000)? as usize;
        }
        Ok(chat)
    }

    fn budget(&self) -> Result<Budget, ConfigError> {
        let default = Budget::default();
        let bytes =
            |name, value: Option<u64>, default| within(name, value.unwrap_or(default), 1_024, 1 << 40);
        Ok(Budget {
            peer: bytes("peer_bytes", self.peer_bytes, default.peer)?,
            strangers: bytes("stranger_bytes", self.stranger_bytes, default.strangers)?,
        })
    }

    fn retain(&self) -> Result<Retain, ConfigError> {
        // SQLite counts in signed numbers.
        let count = |count| within("retain_count", count, 1, u64::MAX / 2);
        Ok(Retain {
            age: self.retain_age.as_deref().map(|age| length("retain_age", age)).transpose()?,
            count: self.retain_count.map(count).transpose()?,
            discard: Discard {
                unread: self.retain_discard.contains(&DiscardWord::Unread),
                undelivered: self.retain_discard.contains(&DiscardWord::Undelivered),
            },
        })
    }
}

fn level(name: &str) -> Option<tracing::Level> {
    // `Level` reads numbers and other cases too, and nothing of ours is logged at `trace`.
    ["error", "warn", "info", "debug"].contains(&name).then(|| name.parse().ok()).flatten()
}

fn within(name: &'static str, value: u64, least: u64, most: u64) -> Result<u64, ConfigError> {
    if (least..=most).contains(&value) { Ok(value) } else { Err(ConfigError::Range(name, least, most)) }
}

fn length(name: &'static str, text: &str) -> Result<Duration, ConfigError> {
    let length = simp_control::duration::parse(text).filter(|length| !length.is_zero());
    length.ok_or_else(|| ConfigError::Duration(name, text.to_owned()))
}

fn default_file() -> Option<PathBuf> {
    Some(homes::config()?.join("simp/simpd.toml"))
}

fn login_name() -> Option<String> {
    // Not every service manager sets USER.
    std::env::var("USER")
        .ok()
        .filter(|name| !name.is_empty())
        .or_else(|| nix::unistd::User::from_uid(nix::unistd::getuid()).ok().flatten().map(|user| user.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use simp_control::Peer;

    fn load(toml: &str) -> Result<Config, String> {
        let folder = std::env::temp_dir().join(format!("simpd-config-{}-{:p}", std::process::id(), toml));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("simpd.toml");
        std::fs::write(&path, toml).unwrap();
        let mut args = Args::from_args(&["simpd"], &["--user", "bob"]).unwrap();
        args.config = Some(path.clone());
        let result =
            Config::load(&args).map_err(|error| error.to_string().replace(&path.display().to_string(), "F"));
        std::fs::remove_dir_all(&folder).unwrap();
        result
    }

    #[test]
    fn a_setting_that_makes_no_sense_is_named() {
        for (toml, error) in [
            ("max_chats = 0", "max_chats must be from 1 to 100000"),
            ("attempts = 0", "attempts must be from 1 to 100"),
            ("request_expiry = 100000", "request_expiry must be from 1 to 86400"),
            ("message_max = 984", "message_max must be from 985 to 65000"),
            ("peer_bytes = 0", "peer_bytes must be from 1024 to 1099511627776"),
            ("stranger_bytes = 1000", "stranger_bytes must be from 1024 to 1099511627776"),
            ("retain_count = 0", "retain_count must be from 1 to 9223372036854775807"),
            (
                "retain_age = '0d'",
                "retain_age must be a length of time such as 90s, 12h, 30d or 52w, not '0d'",
            ),
            (
                "retain_discard = ['all']",
                "F: line 1: unknown variant `all`, expected `unread` or `undelivered`",
            ),
            ("log = 'loud'", "unknown log level 'loud' (error, warn, info or debug)"),
            (
                "user = 'a'\nmax_chat = 3",
                "F: line 2: unknown field `max_chat`, expected one of `address`, `user`, `accept`, `max_chats`, `attempts`, `request_expiry`, `durability`, `retain_age`, `retain_count`, `retain_discard`, `message_max`, `peer_bytes`, `stranger_bytes`, `log`, `peers`",
            ),
            (
                "[peers]\nbob = 'plain'",
                "F: [peers] 'bob': not an address (ADDR or ADDR:PORT, for example \"127.0.0.1\" or \"[::1]:7777\")",
            ),
        ] {
            assert_eq!(load(toml).unwrap_err(), error);
        }
    }

    #[test]
    fn the_command_line_goes_before_the_file() {
        let config = load("user = 'eve'\naccept = 'ann, 127.0.0.9'\ndurability = 'process'").unwrap();
        assert_eq!(config.policy.user.as_str(), "bob");
        assert_eq!(config.durability, Durability::Process);
        let peer = |user: &str, address: &str| Peer { user: user.to_owned(), address: address.to_owned() };
        assert!(config.policy.accept.allows(&peer("ann", "127.0.0.3:7777")));
        assert!(config.policy.accept.allows(&peer("x", "127.0.0.9:7777")));
        assert!(!config.policy.accept.allows(&peer("x", "127.0.0.3:7777")));
    }
}
