//! Whether the peer has secure chats too, which are QUIC on the port below that of SIMP (simp-secure(7)). It is asked for a
//! version of QUIC that there is not: whoever speaks QUIC answers with those that it has, without a key and a handshake
//! (RFC 9000 6).

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// The first packet of a connection is that long at least: shorter ones are not answered (RFC 9000 14.1).
const PACKET_LEN: usize = 1_200;

/// As QUIC itself repeats it: three attempts, as simpd has.
const ATTEMPTS: u32 = 3;

/// How long each of them waits.
const ANSWER_WITHIN: Duration = Duration::from_millis(330);

/// A long header (RFC 9000 17.2).
const LONG: u8 = 0xc0;

/// One that is reserved so that nobody ever has it (RFC 9000 15).
const NO_VERSION: [u8; 4] = [0x1a, 0x2a, 0x3a, 0x4a];

/// What an answer has in its place.
const NEGOTIATION: [u8; 4] = [0; 4];

/// The one that secure chats have.
const VERSION_1: [u8; 4] = [0, 0, 0, 1];

/// The names of the connection: the peer's, and ours.
const NAMES: [&[u8; 8]; 2] = [b"simpctl?", b"simpctl!"];

/// What is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SecurePort {
    /// Somebody who speaks QUIC.
    Quic,
    /// Nobody who answers as one who does.
    NoAnswer,
    /// Nobody listens there.
    Nobody,
}

impl SecurePort {
    /// Asks the daemon whose SIMP is at `simp`, from this address of ours.
    pub(crate) fn ask(simp: SocketAddr, from: IpAddr) -> Self {
        match ask(beside(simp), from) {
            Ok(true) => Self::Quic,
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Self::Nobody,
            Ok(false) | Err(_) => Self::NoAnswer,
        }
    }

    /// Whether there are secure chats, and that in words.
    pub(crate) fn shown(self, simp: SocketAddr) -> (bool, String) {
        let at = beside(simp);
        match self {
            Self::Quic => (true, format!("secure chats: QUIC is at {at}")),
            Self::NoAnswer => (false, format!("no secure chats: no answer from {at}")),
            Self::Nobody => (false, format!("no secure chats: nobody listens at {at}")),
        }
    }
}

/// Where the secure chats of a daemon are.
fn beside(simp: SocketAddr) -> SocketAddr {
    let mut at = simp;
    at.set_port(simp.port().saturating_sub(1));
    at
}

fn ask(at: SocketAddr, from: IpAddr) -> io::Result<bool> {
    let socket = UdpSocket::bind((from, 0))?;
    socket.connect(at)?;
    let mut buffer = [0; 2_048];
    for _ in 0..ATTEMPTS {
        socket.send(&question())?;
        let until = Instant::now() + ANSWER_WITHIN;
        loop {
            // A limit of zero would be none.
            let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            socket.set_read_timeout(Some(left))?;
            match socket.recv(&mut buffer) {
                Ok(length) if has_version_1(buffer.get(..length).unwrap_or_default()) => return Ok(true),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_over(&error) => {}
                Err(error) => return Err(error),
            }
            if Instant::now() >= until {
                break;
            }
        }
    }
    Ok(false)
}

fn is_over(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn question() -> Vec<u8> {
    let mut bytes = vec![LONG];
    bytes.extend(NO_VERSION);
    for name in NAMES {
        bytes.push(name.len() as u8);
        bytes.extend(name);
    }
    bytes.resize(PACKET_LEN, 0);
    bytes
}

/// Whether this answers the question, by somebody who has version 1.
fn has_version_1(answer: &[u8]) -> bool {
    let [theirs, ours] = NAMES;
    let mut begin = NEGOTIATION.to_vec();
    // The other way round.
    for name in [ours, theirs] {
        begin.push(name.len() as u8);
        begin.extend(name);
    }
    let versions = match answer.split_first() {
        Some((first, rest)) if first & 0x80 != 0 => rest.strip_prefix(&begin[..]),
        _ => None,
    };
    versions.is_some_and(|versions| versions.chunks_exact(4).any(|version| version == VERSION_1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9000 17.2.1.
    fn answer(versions: &[[u8; 4]]) -> Vec<u8> {
        let mut bytes = b"\x80\0\0\0\0\x08simpctl!\x08simpctl?".to_vec();
        bytes.extend(versions.concat());
        bytes
    }

    #[test]
    fn only_the_versions_of_somebody_who_was_asked_count() {
        assert!(has_version_1(&answer(&[[0xff, 0, 0, 29], VERSION_1])));
        assert!(!has_version_1(&answer(&[[0x6b, 0x33, 0x43, 0xcf]])));
        assert!(!has_version_1(&answer(&[])));
        let mut short_header = answer(&[VERSION_1]);
        short_header[0] = 0x40;
        assert!(!has_version_1(&short_header));
        let mut of_another = answer(&[VERSION_1]);
        of_another[6] = b'S';
        assert!(!has_version_1(&of_another));
        assert!(!has_version_1(&question()), "its own question");
        for length in 0..22 {
            assert!(!has_version_1(&answer(&[VERSION_1])[..length]));
        }
    }

    #[test]
    fn whoever_is_not_there_or_says_nothing_is_told_apart() {
        let here = IpAddr::from([127, 0, 0, 1]);
        let socket = UdpSocket::bind((here, 0)).unwrap();
        let mut simp = socket.local_addr().unwrap();
        simp.set_port(simp.port() + 1);
        assert_eq!(SecurePort::ask(simp, here), SecurePort::NoAnswer);
        drop(socket);
        assert_eq!(SecurePort::ask(simp, here), SecurePort::Nobody);
        let shown = format!("no secure chats: nobody listens at 127.0.0.1:{}", simp.port() - 1);
        assert_eq!(SecurePort::Nobody.shown(simp), (false, shown));
    }
}
