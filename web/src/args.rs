//! The command line.

use std::net::SocketAddr;

use argh::{ArgsInfo, FromArgs};

/// Where the page is if nothing else is said.
const LISTEN: &str = "127.0.0.1:7777";

/// A page in the browser, for the user of a simpd: chats, requests, rooms.
#[derive(FromArgs, ArgsInfo, Debug)]
#[argh(name = "simp-web", help_triggers("-h", "--help"))]
#[argh(
    note = "Without a command, shows the page until SIGTERM or SIGINT. The URL that it prints lets in whoever has it."
)]
#[argh(error_code(0, "done"))]
#[argh(error_code(1, "failed; the line on stderr says why"))]
#[argh(error_code(2, "usage"))]
#[argh(error_code(3, "no simpd, or no simp-web runs"))]
pub struct Args {
    /// print the program's version
    #[argh(switch)]
    pub version: bool,
    /// which simpd: its address, or the path of its socket
    #[argh(option, short = 'd', arg_name = "addr|socket")]
    pub daemon: Option<String>,
    /// where the page is: a loopback address, port 0 for any that is free (default: 127.0.0.1:7777)
    #[argh(option, arg_name = "addr:port", from_str_fn(loopback))]
    pub listen: Option<SocketAddr>,
    /// a Unix socket instead, for a proxy; needs --origin
    #[argh(option, arg_name = "path")]
    pub socket: Option<String>,
    /// with --socket: what browsers call the proxy, such as https://chat.example
    #[argh(option, arg_name = "url", from_str_fn(origin))]
    pub origin: Option<String>,
    #[argh(subcommand)]
    pub command: Option<Command>,
}

/// What else there is to do.
#[derive(FromArgs, ArgsInfo, Debug)]
#[argh(subcommand)]
pub enum Command {
    Open(OpenArgs),
}

/// Open the page of a simp-web that runs in the browser, or print its URL if there is none.
#[derive(FromArgs, ArgsInfo, Debug)]
#[argh(subcommand, name = "open", help_triggers("-h", "--help"))]
pub struct OpenArgs {}

/// Where the page is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A loopback address.
    Tcp(SocketAddr),
    /// A Unix socket, and what browsers call the proxy before it.
    Unix { path: String, origin: String },
}

impl Args {
    /// Whether it is said where the page is to be.
    pub fn has_place(&self) -> bool {
        self.listen.is_some() || self.socket.is_some() || self.origin.is_some()
    }

    /// Where the page is to be.
    ///
    /// # Errors
    /// What does not go together.
    pub fn place(&self) -> Result<Place, &'static str> {
        match (self.listen, self.socket.clone(), self.origin.clone()) {
            (Some(_), Some(_), _) => {
                Err("the page is at an address or at a socket: give only one of --listen and --socket")
            }
            (_, None, Some(_)) => {
                Err("--origin is what browsers call the proxy before a --socket: give both")
            }
            (None, Some(_), None) => Err(
                "a --socket needs --origin: what browsers call the proxy before it, such as https://chat.example",
            ),
            (None, Some(path), Some(origin)) => Ok(Place::Unix { path, origin }),
            (Some(address), None, None) => Ok(Place::Tcp(address)),
            (None, None, None) => Ok(Place::Tcp(loopback(LISTEN).map_err(|_| "no place for the page")?)),
        }
    }
}

/// Reads an address that only this machine can reach.
fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address = text.parse::<SocketAddr>().map_err(|_| "expected ADDR:PORT, such as 127.0.0.1:7777")?;
    match address.ip().is_loopback() {
        true => Ok(address),
        // Whoever can reach it could try tokens, and would see all that passes.
        false => Err("only this machine may reach the page: give an address such as 127.0.0.1:7777 \
                      (from elsewhere: ssh -L 7777:127.0.0.1:7777)"
            .to_owned()),
    }
}

/// Reads `http://HOST[:PORT]` or `https://HOST[:PORT]`, as browsers write it.
fn origin(text: &str) -> Result<String, String> {
    let origin = text.strip_suffix('/').unwrap_or(text);
    let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://")).unwrap_or_default();
    let is_of_host =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | ':' | '[' | ']');
    match !host.is_empty() && host.chars().all(is_of_host) {
        true => Ok(origin.to_owned()),
        false => Err("expected https://HOST, as browsers call the page (no path, no upper case)".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_addresses_are_taken() {
        for good in ["127.0.0.1:0", "127.9.9.9:80", "[::1]:7777"] {
            assert_eq!(loopback(good).map(|address| address.to_string()), Ok(good.to_owned()));
        }
        for bad in ["0.0.0.0:80", "192.0.2.1:80", "[::]:80", "localhost:80", "127.0.0.1", "80", ""] {
            assert!(loopback(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        assert_eq!(origin("https://chat.example/"), Ok("https://chat.example".to_owned()));
        assert_eq!(origin("http://[::1]:8080"), Ok("http://[::1]:8080".to_owned()));
        for bad in [
            "chat.example",
            "https://",
            "https://a/b",
            "ftp://a",
            "https://A",
            "https://a b",
            "null",
            "https://a\r\nx",
        ] {
            assert!(origin(bad).is_err(), "{bad}");
        }
    }
}
