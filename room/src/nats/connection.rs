//! A connection to the first server that takes one, and what breaks it.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use async_nats::rustls::pki_types::CertificateDer;
use async_nats::rustls::pki_types::pem::PemObject as _;
use async_nats::rustls::{self, CertificateError};
use async_nats::{Client, ConnectError, ConnectErrorKind, ConnectOptions, Event, ServerAddr, ServerError};
use percent_encoding::percent_decode_str;
use simp_control::error::system;
use simp_service::plain_file;
use tokio::sync::watch;

use super::end::{End, Result};
use super::options::NatsOptions;

/// So long a server may take to let us in.
const LETS_IN_WITHIN: Duration = Duration::from_secs(3);

/// So long it may take to answer a question. Servers that have lost one of theirs do not answer until they have agreed on
/// another for its work, and are asked again.
const ANSWERS_WITHIN: Duration = Duration::from_secs(3);

/// The oldest server that has all that a room needs.
const OLDEST: (u32, u32) = (2, 9);

/// Most bytes of the files with credentials and certificates.
const FILE_MAX: u64 = 1 << 20;

/// A server that has let us in.
pub struct Connection {
    /// To talk to it.
    pub client: Client,
    /// Where it is: `HOST:PORT`.
    pub at: String,
    /// What has broken the connection, once something has.
    pub broken: Broken,
}

/// What breaks a connection.
#[derive(Clone)]
pub struct Broken(watch::Receiver<Option<End>>);

impl Broken {
    /// Waits until the connection breaks.
    pub async fn wait(&mut self) -> End {
        match self.0.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(end)) => end.clone(),
            // Only the connection says it, and it is gone.
            _ => End::Away("the connection to nats-server broke".to_owned()),
        }
    }
}

/// Connects to the first of the servers that lets us in.
///
/// # Errors
/// What is wrong with the one that was tried last, or with a file.
pub async fn connect(options: &NatsOptions, name: &str) -> Result<Connection> {
    let creds = options.creds.as_ref().map(|file| {
        let why = |why: &str| End::Away(format!("{}: {why} (the file for --nats-creds)", file.display()));
        let text = plain_file::read_to_string(file, FILE_MAX).map_err(|error| why(&system(&error)))?;
        // Before any server is asked: what it would say is less clear.
        let none =
            "neither credentials such as nsc generate creds makes nor a line USER:PASSWORD or TOKEN in it";
        Creds::read(text).ok_or_else(|| why(none))
    });
    let creds = creds.transpose()?;
    check_authorities(options)?;
    let mut last = End::Away("no nats-server is named (see --nats)".to_owned());
    for url in &options.servers {
        let Ok(server) = url.parse::<ServerAddr>() else { continue };
        match connect_to(&server, options, creds.as_ref(), name).await {
            Ok(connection) => return Ok(connection),
            Err(end) => last = end,
        }
    }
    Err(last)
}

async fn connect_to(
    server: &ServerAddr,
    options: &NatsOptions,
    creds: Option<&Creds>,
    name: &str,
) -> Result<Connection> {
    let at = address(server);
    let (breaks, broken) = watch::channel(None);
    let said_at = at.clone();
    let mut connect = ConnectOptions::new()
        .name(name)
        .connection_timeout(LETS_IN_WITHIN)
        .request_timeout(Some(ANSWERS_WITHIN))
        .ignore_discovered_servers()
        // A session ends with its connection: what was asked on it is for nothing.
        .max_reconnects(1)
        .event_callback(move |event| {
            if let Some(end) = end_of(&event, &said_at) {
                // The first says most: what comes later is the connection's end.
                breaks.send_if_modified(|broken| broken.is_none() && broken.insert(end.clone()) == &end);
            }
            std::future::ready(())
        });
    if let Some(ca) = &options.ca {
        // Whoever names an authority does not want to talk without.
        connect = connect.add_root_certificates(ca.clone()).require_tls(true);
    }
    let decoded = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
    let of_url = match (server.username(), server.password()) {
        (Some(user), Some(password)) => Some(Creds::User(decoded(user), decoded(password))),
        (Some(token), None) => Some(Creds::Token(decoded(token))),
        (None, _) => None,
    };
    let given = creds.or(of_url.as_ref());
    connect = match given {
        Some(Creds::Nsc(text)) => connect.credentials(text).map_err(|error| End::Away(system(&error)))?,
        Some(Creds::User(user, password)) => connect.user_and_password(user.clone(), password.clone()),
        Some(Creds::Token(token)) => connect.token(token.clone()),
        None => connect,
    };
    let client = connect.connect(server.clone()).await;
    let client = client.map_err(|error| End::Away(line_of(&error, &at, given.map(Creds::shown))))?;
    check_version(&client.server_info().version, &at)?;
    Ok(Connection { client, at, broken: Broken(broken) })
}

/// What a server is to know us by.
enum Creds {
    /// As nsc makes them.
    Nsc(String),
    User(String, String),
    Token(String),
}

impl Creds {
    /// Reads what a file has; `None` if it has none.
    fn read(text: String) -> Option<Self> {
        if ConnectOptions::with_credentials(&text).is_ok() {
            return Some(Self::Nsc(text));
        }
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let line =
            lines.next().filter(|line| !line.contains(char::is_whitespace) && !line.starts_with('-'))?;
        match (lines.next(), line.split_once(':')) {
            (None, Some((user, password))) => Some(Self::User(user.to_owned(), password.to_owned())),
            (None, None) => Some(Self::Token(line.to_owned())),
            (Some(_), _) => None,
        }
    }

    /// What it is, without anything secret in it.
    fn shown(&self) -> &str {
        match self {
            Self::Nsc(_) => "these credentials",
            Self::User(user, _) => user,
            Self::Token(_) => "this token",
        }
    }
}

/// Where a server is, without the password in its URL.
fn address(server: &ServerAddr) -> String {
    match server.host() {
        host if host.contains(':') => format!("[{host}]:{}", server.port()),
        host => format!("{host}:{}", server.port()),
    }
}

fn check_authorities(options: &NatsOptions) -> Result {
    let Some(file) = &options.ca else { return Ok(()) };
    let why = |why: &str| End::Away(format!("{}: {why} (the file for --nats-ca)", file.display()));
    let text = plain_file::read(file, FILE_MAX).map_err(|error| why(&system(&error)))?;
    match CertificateDer::pem_slice_iter(&text).next() {
        Some(Ok(_)) => Ok(()),
        _ => Err(why("no certificate in it, in the form PEM")),
    }
}

fn check_version(version: &str, at: &str) -> Result {
    let mut parts = version.split('.').map_while(|part| part.parse::<u32>().ok());
    match (parts.next(), parts.next()) {
        (Some(major), Some(minor)) if (major, minor) < OLDEST => {
            let (major, minor) = OLDEST;
            let line =
                format!("nats-server {version} at {at} is too old ({major}.{minor} or newer is needed)");
            Err(End::Away(line))
        }
        // What a server of somebody's own making calls itself says nothing.
        _ => Ok(()),
    }
}

/// What ends a session with it, if it does.
fn end_of(event: &Event, at: &str) -> Option<End> {
    let line = match event {
        Event::Disconnected | Event::Closed => format!("nats-server at {at} went away"),
        Event::SlowConsumer(_) => format!("nats-server at {at} sends more than it was asked for"),
        Event::ServerError(ServerError::Other(said)) => match refused_subject(said) {
            Some((what, subject)) => {
                format!("nats-server at {at}: this user may not {what} {subject} (allow it that user)")
            }
            None => format!("nats-server at {at} says: {said}"),
        },
        Event::ServerError(ServerError::AuthorizationViolation) => {
            format!("nats-server at {at} no longer lets this user in")
        }
        Event::ServerError(ServerError::SlowConsumer(_))
        | Event::Connected
        | Event::LameDuckMode
        | Event::Draining
        | Event::ClientError(_) => return None,
    };
    Some(End::Away(line))
}

/// The subject that permissions keep a user from.
fn refused_subject(said: &str) -> Option<(&'static str, &str)> {
    let rest = said.strip_prefix("Permissions Violation for ")?;
    let (what, subject) = rest.split_once(" to ")?;
    let what = if what == "Publish" { "publish to" } else { "subscribe to" };
    Some((what, subject.split('"').nth(1)?))
}

/// Why a server did not let us in. What was given to it to know us by is a part of that.
fn line_of(error: &ConnectError, at: &str, given: Option<&str>) -> String {
    let source = error.source();
    let io = source.and_then(|source| source.downcast_ref::<io::Error>());
    let tls = io.and_then(io::Error::get_ref).and_then(|inner| inner.downcast_ref::<rustls::Error>());
    if let Some(tls) = tls {
        return format!("nats-server at {at}: {}", line_of_tls(tls));
    }
    match (error.kind(), io) {
        (ConnectErrorKind::AuthorizationViolation, _) => match given {
            Some(given) => {
                format!("nats-server at {at} does not let {given} in (see --nats and --nats-creds)")
            }
            None => format!(
                "nats-server at {at} lets in only users that it knows (--nats-creds FILE, or nats://USER:PASSWORD@HOST, or nats://TOKEN@HOST)"
            ),
        },
        (ConnectErrorKind::Tls, _) => format!(
            "nats-server at {at}: no certificates of authorities can be read on this system (name a file: --nats-ca FILE)"
        ),
        (ConnectErrorKind::Dns, _) => format!("{at}: no such host (see --nats)"),
        (ConnectErrorKind::TimedOut, _) => format!("nats-server at {at} does not answer (is it there?)"),
        (_, Some(io)) if io.kind() == io::ErrorKind::ConnectionRefused => {
            format!("no nats-server at {at} (start it there, with JetStream)")
        }
        (_, Some(io)) if io.raw_os_error().is_some() => {
            format!("nats-server at {at}: {} (is it there?)", system(io))
        }
        _ => match source.and_then(|source| source.downcast_ref::<ServerError>()) {
            Some(ServerError::Other(said)) => format!("nats-server at {at} says: {said}"),
            _ => format!("what listens at {at} is no nats-server (see --nats)"),
        },
    }
}

fn line_of_tls(error: &rustls::Error) -> &'static str {
    match error {
        rustls::Error::InvalidCertificate(why) => match why {
            CertificateError::UnknownIssuer => {
                "its certificate is of an unknown authority (name it: --nats-ca FILE)"
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "its certificate has expired (renew it)"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "its certificate is for another name (name it in --nats as the certificate does)"
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "its certificate is of a time to come (are the clocks right?)"
            }
            // What openssl req -x509 makes. It has no name of its own here.
            CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => {
                "its certificate is an authority's own (have it sign one for the server)"
            }
            _ => "its certificate is not valid (make a new one)",
        },
        rustls::Error::InvalidMessage(_) => {
            "it does not speak TLS (nats:// in place of tls://, and no --nats-ca)"
        }
        _ => "TLS comes to nothing with it (see its log)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_credentials_or_a_line_with_a_password_or_a_token() {
        let read = |text: &str| {
            Creds::read(text.to_owned()).map(|creds| match creds {
                Creds::Nsc(_) => "nsc".to_owned(),
                Creds::User(user, password) => format!("{user} {password}"),
                Creds::Token(token) => token,
            })
        };
        for (text, creds) in [
            ("room:s3:cr3t\n", Some("room s3:cr3t")),
            ("\n  t0k3n  \n", Some("t0k3n")),
            ("", None),
            ("two words", None),
            ("one\ntwo", None),
            ("-----BEGIN CERTIFICATE-----\n", None),
        ] {
            assert_eq!(read(text).as_deref(), creds, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_tried_with_a_server_is_a_line_too() {
        let of = |kind, source: io::Error| line_of(&ConnectError::with_source(kind, source), "a:1", None);
        assert_eq!(
            of(ConnectErrorKind::Tls, io::Error::other("could not load platform certs")),
            "nats-server at a:1: no certificates of authorities can be read on this system (name a file: --nats-ca FILE)"
        );
        assert_eq!(
            of(ConnectErrorKind::Io, io::Error::from_raw_os_error(113)),
            "nats-server at a:1: no route to host (is it there?)"
        );
        assert_eq!(
            line_of(&ConnectError::new(ConnectErrorKind::TimedOut), "a:1", None),
            "nats-server at a:1 does not answer (is it there?)"
        );
        for (why, line) in [
            (CertificateError::BadEncoding, "not valid (make a new one)"),
            (CertificateError::NotValidYet, "of a time to come (are the clocks right?)"),
        ] {
            let error = io::Error::other(rustls::Error::InvalidCertificate(why));
            assert_eq!(
                of(ConnectErrorKind::Io, error),
                format!("nats-server at a:1: its certificate is {line}")
            );
        }
        assert_eq!(
            of(ConnectErrorKind::Io, io::Error::other(rustls::Error::DecryptError)),
            "nats-server at a:1: TLS comes to nothing with it (see its log)"
        );
    }
}
