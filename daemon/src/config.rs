//! What the user sets: the command line and simpd.toml, checked in one place. `settings` reads the file; how peers speak is
//! in `pins`.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use argh::{ArgsInfo, FromArgs};
use simp_control::{Address, AddressError, TEXT_MAX, homes, when};
use simp_engine::{Accept, Pins, Policy, Retain, Secrecy};
use simp_proto::secure::Name;
use simp_proto::{RINGING_USER, Settings as ChatSettings, Us};
use simp_store::{Discard, Durability};

use crate::at_start::AtStart;
use crate::bounds::{SECURE_TEXT_MOST, budget, outbox, whole};
use crate::group::Group;
pub use crate::settings::ConfigError;
use crate::settings::{Said, Settings, Value, dangling};

/// Most chats that a user can allow.
const CHATS_MAX: u64 = 100_000;

/// How long a request or an invitation can wait for its answer.
const EXPIRY_MIN: Duration = Duration::from_secs(1);
const EXPIRY_MAX: Duration = Duration::from_secs(86_400);

/// Most bytes of a text in a secure chat if nothing is said of that.
const SECURE_TEXT_MAX: u64 = 256 << 10;

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
    /// whose requests to accept without asking: ask (none), all, or names, addresses and keys separated by commas
    #[argh(option, arg_name = "who")]
    pub accept: Option<String>,
    /// maximum number of chats at a time (default: 1)
    #[argh(option, arg_name = "n")]
    pub max_chats: Option<String>,
    /// the configuration file (default: ~/.config/simp/simpd.toml, if it exists)
    #[argh(option, arg_name = "file")]
    pub config: Option<PathBuf>,
    /// how much to log: error, warn, info or debug (default: info)
    #[argh(option, arg_name = "level")]
    pub log: Option<String>,
    /// begin with the log and the key of this backup (-: standard input), if there is no log yet
    #[argh(option, arg_name = "file")]
    pub restore: Option<String>,
    /// start in the background: return when simpd is ready, or with its error
    #[argh(switch)]
    pub background: bool,
    /// print the address where it would receive, or nothing if none is set
    #[argh(switch)]
    pub show_address: bool,
    /// print the version
    #[argh(switch)]
    pub version: bool,
}

/// All settings, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// What takes effect at a start only.
    pub at_start: AtStart,
    /// The file that was read. Whoever reads again must find it: without its settings others would take effect.
    pub file: Option<PathBuf>,
    /// What the engine goes by.
    pub policy: Policy,
}

impl Config {
    /// Reads simpd.toml, if there is one or the command line names one, and the command line goes before it.
    ///
    /// # Errors
    /// [`ConfigError`] names the setting, its line, and what it may be.
    pub fn load(args: &Args) -> Result<Self, ConfigError> {
        let (path, mut file) = file(args)?;
        // All of the file is checked, also what the command line goes before.
        let (of_file, log) = (file.text("address")?.as_ref().map(address).transpose()?, file.text("log")?);
        let (durability, policy) = (durability(file.text("durability")?)?, policy(&mut file, args)?);
        let log = level(log)?;
        let (members, readers) = (group(file.text("socket_group")?)?, group(file.text("read_group")?)?);
        file.finish()?;
        let typed_address = typed("", args.address.as_ref()).as_ref().map(address).transpose()?;
        let typed_log = args.log.is_some().then(|| level(typed("--log", args.log.as_ref()))).transpose()?;
        let at_start = AtStart {
            address: typed_address.or(of_file).ok_or(ConfigError::NoAddress)?,
            durability,
            log: typed_log.unwrap_or(log),
            is_secure: policy.secrecy != Secrecy::Off,
            members,
            readers,
        };
        Ok(Self { at_start, file: path, policy })
    }
}

/// Where to receive, if the command line or simpd.toml says it.
///
/// # Errors
/// Those of [`Config::load`] that the address can have; other settings are not looked at.
pub fn address_of(args: &Args) -> Result<Option<SocketAddr>, ConfigError> {
    let of_file = file(args)?.1.text("address")?;
    typed("", args.address.as_ref()).or(of_file).as_ref().map(address).transpose()
}

/// simpd.toml, if there is one or the command line names one.
fn file(args: &Args) -> Result<(Option<PathBuf>, Settings), ConfigError> {
    let path = match &args.config {
        // One that is named must be there: else nobody would notice that its settings are not in effect.
        Some(path) => Some(path.clone()),
        None => default_file().filter(|path| is_there(path)),
    };
    let settings = path.as_deref().map_or_else(|| Ok(Settings::default()), Settings::read)?;
    Ok((path, settings))
}

/// Where to receive.
fn address(said: &Said) -> Result<SocketAddr, ConfigError> {
    // Peers know us by the port, and simpctl finds us by it: one that the kernel picks would be another each time.
    let is_of_a_host = |address: &SocketAddr| {
        let ip = address.ip();
        address.port() != 0 && !ip.is_multicast() && ip != Ipv4Addr::BROADCAST
    };
    match Address::parse_complete(&said.value) {
        Ok(address) if is_of_a_host(&address) => Ok(address),
        Ok(_) => Err(said.is_no(AddressError::NoAddress)),
        Err(error) => Err(said.is_no(error)),
    }
}

/// Whether there is something, be it a link that leads to nothing or a folder that cannot be looked into: to go on without
/// it would be to ignore what the user has set.
fn is_there(path: &Path) -> bool {
    let is_missing = |kind| matches!(kind, io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
    match path.try_exists() {
        Ok(true) => true,
        Ok(false) => dangling(path).is_some(),
        Err(error) => !is_missing(error.kind()),
    }
}

/// What an option says.
fn typed(option: &str, value: Option<&String>) -> Option<Said> {
    value.map(|value| Said { place: option.to_owned(), value: value.clone() })
}

/// What the engine goes by.
fn policy(file: &mut Settings, args: &Args) -> Result<Policy, ConfigError> {
    let (user, accept, max_chats) = (file.text("user")?, file.text("accept")?, file.number("max_chats")?);
    let user = user.as_ref().map(user_name).transpose()?;
    let accept = accept.as_ref().map(accept_list).transpose()?;
    let max_chats = whole(max_chats, 1, CHATS_MAX)?;
    // The command line goes before it.
    let user = typed("--user", args.user.as_ref()).as_ref().map(user_name).transpose()?.or(user);
    let accept = typed("--accept", args.accept.as_ref()).as_ref().map(accept_list).transpose()?.or(accept);
    let max_chats = whole(typed("--max-chats", args.max_chats.as_ref()), 1, CHATS_MAX)?.or(max_chats);
    let name = user.map_or_else(|| user_name(&login_name()), Ok)?;
    Ok(Policy {
        us: Us { user: name.plain(), settings: chat(file)? }.into(),
        name,
        accept: accept.unwrap_or(Accept::Ask),
        max_chats: max_chats.unwrap_or(1) as usize,
        secrecy: secrecy(file.text("secure")?)?,
        text_max: whole(file.number("text_max")?, TEXT_MAX as u64, SECURE_TEXT_MOST)?
            .unwrap_or(SECURE_TEXT_MAX) as usize,
        outbox: outbox(file)?,
        retain: retain(file)?,
        budget: budget(file)?,
        pins: pins(file)?,
    })
}

fn accept_list(said: &Said) -> Result<Accept, ConfigError> {
    Accept::parse(&said.value).map_err(|error| said.wrong(error))
}

fn user_name(said: &Said) -> Result<Name, ConfigError> {
    const REMEDY: &str = "choose another with --user NAME";
    let name = Name::new(&said.value).map_err(|error| said.wrong(format!("{error} ({REMEDY})")))?;
    // An acceptance from this name means only that the user is being asked (SIMP 7): no peer would open a chat with it.
    if name.plain().as_str() == RINGING_USER {
        return Err(
            said.wrong(format!("'{RINGING_USER}' tells peers that the user is only being asked ({REMEDY})"))
        );
    }
    Ok(name)
}

fn chat(file: &mut Settings) -> Result<ChatSettings, ConfigError> {
    let mut chat = ChatSettings::default();
    if let Some(attempts) = whole(file.number("attempts")?, 1, 100)? {
        chat.attempts = attempts as u32;
    }
    if let Some(said) = file.length("request_expiry")? {
        chat.request_expiry = when::length(&said.value)
            .ok()
            .filter(|expiry| (EXPIRY_MIN..=EXPIRY_MAX).contains(expiry))
            .ok_or_else(|| said.is_no("expected a time from 1s to 1d (600, \"10m\")"))?;
    }
    if let Some(bytes) = whole(file.number("message_max")?, TEXT_MAX as u64, 65_535)? {
        chat.message_max = bytes as usize;
    }
    Ok(chat)
}

fn retain(file: &mut Settings) -> Result<Retain, ConfigError> {
    let age = file.length("retain_age")?;
    // SQLite counts in signed numbers.
    let count = whole(file.number("retain_count")?, 1, u64::MAX / 2)?;
    let mut discard = Discard::default();
    for said in file.texts("retain_discard")? {
        match said.value.as_str() {
            "unread" => discard.unread = true,
            "undelivered" => discard.undelivered = true,
            _ => return Err(said.is_no("expected \"unread\" or \"undelivered\"")),
        }
    }
    let age = age.map(|said| when::length(&said.value).map_err(|error| said.is_no(error))).transpose()?;
    Ok(Retain { age, count, discard })
}

fn pins(file: &mut Settings) -> Result<Pins, ConfigError> {
    let mut pins = Pins::default();
    for (address, said) in file.table("peers")? {
        // Often the value is the rest of an address without quotation marks, since TOML reads its dots as tables.
        let Value::Text(habits) = &said.value else {
            let quoted = "the address and its habits must each be between quotation marks";
            return Err(said.wrong(format!("{quoted} (\"127.0.0.2\" = \"plain\")")));
        };
        pins.add(&address, habits).map_err(|error| said.wrong(error))?;
    }
    Ok(pins)
}

fn secrecy(said: Option<Said>) -> Result<Secrecy, ConfigError> {
    let Some(said) = said else { return Ok(Secrecy::default()) };
    match said.value.as_str() {
        "prefer" => Ok(Secrecy::Prefer),
        "require" => Ok(Secrecy::Require),
        "off" => Ok(Secrecy::Off),
        _ => Err(said.is_no("expected \"prefer\", \"require\" or \"off\"")),
    }
}

fn durability(said: Option<Said>) -> Result<Durability, ConfigError> {
    let Some(said) = said else { return Ok(Durability::default()) };
    match said.value.as_str() {
        "disk" => Ok(Durability::Disk),
        "process" => Ok(Durability::Process),
        _ => Err(said.is_no("expected \"disk\" or \"process\"")),
    }
}

fn group(said: Option<Said>) -> Result<Option<Group>, ConfigError> {
    said.map(|said| Group::find(&said.value).map_err(|error| said.is_no(error))).transpose()
}

fn level(said: Option<Said>) -> Result<tracing::Level, ConfigError> {
    let Some(said) = said else { return Ok(tracing::Level::INFO) };
    match said.value.as_str() {
        "error" => Ok(tracing::Level::ERROR),
        "warn" => Ok(tracing::Level::WARN),
        "info" => Ok(tracing::Level::INFO),
        "debug" => Ok(tracing::Level::DEBUG),
        _ => Err(said.is_no("expected error, warn, info or debug")),
    }
}

fn default_file() -> Option<PathBuf> {
    Some(homes::config()?.join("simp/simpd.toml"))
}

fn login_name() -> Said {
    // Not every service manager sets USER.
    let name = std::env::var("USER")
        .ok()
        .filter(|name| !name.is_empty())
        .or_else(|| nix::unistd::User::from_uid(nix::unistd::getuid()).ok().flatten().map(|user| user.name));
    Said { place: "the login name".to_owned(), value: name.unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use simp_control::{KeyId, Peer};
    use simp_engine::Admits;

    fn load(toml: &str) -> Result<Config, String> {
        let folder = std::env::temp_dir().join(format!("simpd-config-{}-{:p}", std::process::id(), toml));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("simpd.toml");
        std::fs::write(&path, toml).unwrap();
        let mut args = Args::from_args(&["simpd"], &["--user", "bob"]).unwrap();
        args.address = (!toml.contains("address")).then(|| "127.0.0.1".to_owned());
        args.config = Some(path.clone());
        let result =
            Config::load(&args).map_err(|error| error.to_string().replace(&path.display().to_string(), "F"));
        std::fs::remove_dir_all(&folder).unwrap();
        result
    }

    #[test]
    fn a_setting_that_makes_no_sense_is_named() {
        for (toml, error) in [
            ("max_chats = 0", "line 1: max_chats '0': expected a whole number from 1 to 100000"),
            ("max_chats = -1", "line 1: max_chats '-1': expected a whole number from 1 to 100000"),
            ("max_chats = 1.5", "line 1: max_chats '1.5': expected a whole number from 1 to 100000"),
            ("max_chats = 'many'", "line 1: max_chats: expected a number, without quotation marks"),
            ("max_chats = true", "line 1: max_chats 'true': expected a whole number from 1 to 100000"),
            ("attempts = 2026-01-01", "line 1: attempts '2026-01-01': expected a whole number from 1 to 100"),
            ("attempts = [6]", "line 1: attempts: expected a number"),
            ("attempts = 0x65", "line 1: attempts '101': expected a whole number from 1 to 100"),
            ("message_max = 984", "line 1: message_max '984': expected a whole number from 985 to 65535"),
            ("secure = 'on'", "line 1: secure 'on': expected \"prefer\", \"require\" or \"off\""),
            ("secure = true", "line 1: secure: expected a text between quotation marks"),
            ("text_max = 984", "line 1: text_max '984': expected a whole number from 985 to 1000000"),
            (
                "accept = 'ann, 127.0.0.300'",
                "line 1: accept: 127.0.0.300: not an address, nor the name of a user (an address is ADDR or ADDR:PORT)",
            ),
            (
                "accept = 'ann, SHA256:abc'",
                "line 1: accept: SHA256:abc: a key is SHA256: and 43 characters (see: simpctl key)",
            ),
            ("outbox_max = 0", "line 1: outbox_max '0': expected a whole number from 1 to 10000000"),
            (
                "outbox_peer_max = 'all'",
                "line 1: outbox_peer_max: expected a number, without quotation marks",
            ),
            (
                "outbox_bytes = 1000",
                "line 1: outbox_bytes '1000': expected a whole number from 1000000 to 1099511627776",
            ),
            ("peer_bytes = 0", "line 1: peer_bytes '0': expected a whole number from 1024 to 1099511627776"),
            (
                "stranger_bytes = 1000",
                "line 1: stranger_bytes '1000': expected a whole number from 1024 to 1099511627776",
            ),
            (
                "request_expiry = 100000",
                "line 1: request_expiry '100000': expected a time from 1s to 1d (600, \"10m\")",
            ),
            (
                "request_expiry = true",
                "line 1: request_expiry: expected a number of seconds, or a length of time such as \"2h\"",
            ),
            (
                "retain_count = 0",
                "line 1: retain_count '0': expected a whole number from 1 to 9223372036854775807",
            ),
            ("retain_age = '0d'", "line 1: retain_age '0d': a time is more than 0"),
            (
                "retain_age = '2026-11-21'",
                "line 1: retain_age '2026-11-21': a length of time is one of: 5 or 0.5 (seconds), 90s, 30m, 2h, 7d, 1w",
            ),
            (
                "retain_discard = ['all']",
                "line 1: retain_discard 'all': expected \"unread\" or \"undelivered\"",
            ),
            (
                "retain_discard = 'unread'",
                "line 1: retain_discard: expected a list of texts, such as [\"unread\", \"undelivered\"]",
            ),
            ("\nlog = 'loud'", "line 2: log 'loud': expected error, warn, info or debug"),
            ("durability = 'ram'", "line 1: durability 'ram': expected \"disk\" or \"process\""),
            (
                "accept = 'ann, j\u{ad}rg'",
                "line 1: accept: j\u{ad}rg: a user name cannot contain the character U+00AD",
            ),
            // Although the command line goes before it.
            ("user = ' '", "line 1: user: a user name cannot be empty (choose another with --user NAME)"),
            ("accept = 7", "line 1: accept: expected a text between quotation marks"),
            ("user = 7", "line 1: user: expected a text between quotation marks"),
            (
                "user = 'a'\nmax_chat = 3",
                "line 2: max_chat: unknown setting (known: address, log, durability, user, accept, max_chats, attempts, request_expiry, message_max, secure, text_max, outbox_max, outbox_peer_max, outbox_bytes, retain_age, retain_count, retain_discard, peer_bytes, stranger_bytes, peers, socket_group, read_group)",
            ),
            (
                "[peers]\n\nbob = 'plain'",
                "line 3: [peers] 'bob': not an address (ADDR or ADDR:PORT, for example \"127.0.0.1\" or \"[::1]:7777\")",
            ),
            ("peers = 1", "line 1: peers: expected a table: a line [peers], and what is in it below"),
        ] {
            assert_eq!(load(toml).unwrap_err(), format!("F: {error}"));
        }
        let address = load("user = 'a'\naddress = 'here'").unwrap_err();
        assert!(address.ends_with(": line 2: address 'here': not an address (ADDR or ADDR:PORT, for example 127.0.0.1 or [::1]:7777)"), "{address}");
    }

    #[test]
    fn a_length_of_time_is_written_as_everywhere() {
        for (toml, seconds) in
            [("600", 600), ("'600'", 600), ("'10m'", 600), ("0x10", 16), ("1.5", 1), ("'1d'", 86_400)]
        {
            let config = load(&format!("request_expiry = {toml}")).unwrap();
            assert_eq!(config.policy.us.settings.request_expiry.as_secs(), seconds, "{toml}");
        }
        let age = load("retain_age = '30d'").unwrap().policy.retain.age;
        assert_eq!(age, Some(Duration::from_secs(30 * 86_400)));
    }

    #[test]
    fn the_command_line_goes_before_the_file() {
        let config = load("user = 'eve'\naccept = 'ann, 127.0.0.9'\ndurability = 'process'").unwrap();
        assert_eq!(config.policy.us.user.as_str(), "bob");
        assert_eq!(config.at_start.durability, Durability::Process);
        let peer = |user: &str, address: &str| Peer { user: user.to_owned(), address: address.to_owned() };
        let allows = |peer| config.policy.accept.admits(&peer, None) != Admits::Nobody;
        assert!(allows(peer("ann", "127.0.0.3:7777")) && allows(peer("x", "127.0.0.9:7777")));
        assert!(!allows(peer("x", "127.0.0.3:7777")));
    }

    #[test]
    fn a_key_is_let_in_wherever_it_is_and_nobody_for_its_name() {
        let [ours, other] = [1, 2].map(|n| KeyId::new([n; 32]));
        let config = load(&format!("accept = 'ann, {ours}'\nsecure = 'require'")).unwrap();
        assert_eq!(config.policy.accept.to_string(), format!("ann,{ours}"));
        for (user, key, is_let_in) in [
            ("x", Some(ours), true),
            ("x", Some(other), false),
            ("x", None, false),
            ("ann", Some(other), true),
        ] {
            let peer = Peer { user: user.to_owned(), address: "127.0.0.3:7777".to_owned() };
            assert_eq!(
                config.policy.accept.admits(&peer, key) != Admits::Nobody,
                is_let_in,
                "{user} {key:?}"
            );
        }
    }

    #[test]
    fn chats_are_secure_if_they_can_be_unless_something_else_is_set() {
        let at = "127.0.0.2:7777".parse().unwrap();
        for (toml, secrecy, with, is_secure) in [
            ("", Secrecy::Prefer, Secrecy::Prefer, true),
            ("secure = 'require'", Secrecy::Require, Secrecy::Require, true),
            ("secure = 'off'", Secrecy::Off, Secrecy::Off, false),
            (
                "secure = 'require'\n[peers]\n'127.0.0.2' = 'never-secure'",
                Secrecy::Require,
                Secrecy::Off,
                true,
            ),
        ] {
            let config = load(toml).unwrap();
            let policy = &config.policy;
            assert_eq!((policy.secrecy, policy.secrecy_with(at)), (secrecy, with), "{toml}");
            assert_eq!(config.at_start.is_secure, is_secure, "{toml}");
        }
        let [unsaid, said] = ["", "text_max = 1000000"].map(|toml| load(toml).unwrap().policy.text_max);
        assert_eq!((unsaid, said), (262_144, 1_000_000));
    }
}
