//! Where the programs find each other: the socket's name, from the address and the environment (simpd(8)).

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The port that SIMP daemons use (SIMP 2).
pub const PORT: u16 = 7777;

/// Longest path of a Unix socket in bytes: what the kernel's address holds, less the NUL at its end.
pub const SOCKET_PATH_MAX: usize = 107;

/// The folder of the control sockets: `$XDG_RUNTIME_DIR/simp` if that variable is set; otherwise
/// `/run/simp` for root, and for others `/run/user/UID/simp`, or `/tmp/simp-UID` if `exists` says that
/// there is no `/run/user/UID`.
pub fn runtime_folder(xdg_runtime_dir: Option<PathBuf>, uid: u32, exists: impl Fn(&Path) -> bool) -> PathBuf {
    // A relative one would be another folder for each program.
    if let Some(folder) = xdg_runtime_dir.filter(|folder| folder.is_absolute()) {
        return folder.join("simp");
    }
    let of_user = PathBuf::from(format!("/run/user/{uid}"));
    match uid {
        0 => PathBuf::from("/run/simp"),
        _ if exists(&of_user) => of_user.join("simp"),
        _ => PathBuf::from(format!("/tmp/simp-{uid}")),
    }
}

/// What a daemon on this address is called in paths and on the command line: `ADDR`, or `ADDR:PORT` if
/// the port is not 7777.
pub fn daemon_name(address: SocketAddr) -> String {
    match address {
        _ if address.port() != PORT => address.to_string(),
        // The IP alone drops the interface, without which a link-local address means nothing.
        SocketAddr::V6(v6) if v6.scope_id() != 0 => format!("{}%{}", v6.ip(), v6.scope_id()),
        _ => address.ip().to_string(),
    }
}

/// The control socket of the daemon on this address.
pub fn socket_path(runtime_folder: &Path, address: SocketAddr) -> PathBuf {
    runtime_folder.join(daemon_name(address) + ".sock")
}

/// Reads `ADDR` or `ADDR:PORT`, an IPv6 address with a port being `[ADDR]:PORT`. Port 7777 if none is given.
pub fn parse_address(text: &str) -> Option<SocketAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let plain = bare.parse().map(|ip| SocketAddr::new(ip, PORT));
    // A link-local address names its interface too, which only a socket address can.
    plain.or_else(|_| text.parse()).or_else(|_| format!("[{bare}]:{PORT}").parse()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_port_7777_unless_it_says_another() {
        for (text, address) in [
            ("127.0.0.1", Some("127.0.0.1:7777")),
            ("127.0.0.1:7000", Some("127.0.0.1:7000")),
            ("::1", Some("[::1]:7777")),
            ("[::1]", Some("[::1]:7777")),
            ("[::1]:7000", Some("[::1]:7000")),
            ("fe80::1%2", Some("[fe80::1%2]:7777")),
            ("localhost", None),
            ("127.0.0.1:70000", None),
            ("", None),
        ] {
            assert_eq!(parse_address(text), address.map(|address| address.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn a_socket_is_named_after_its_address() {
        let folder = runtime_folder(Some("/run/user/7".into()), 7, |_| false);
        for (address, path) in [
            ("127.0.0.1:7777", "/run/user/7/simp/127.0.0.1.sock"),
            ("127.0.0.1:7000", "/run/user/7/simp/127.0.0.1:7000.sock"),
            ("[::1]:7777", "/run/user/7/simp/::1.sock"),
            ("[::1]:7000", "/run/user/7/simp/[::1]:7000.sock"),
            ("[fe80::1%2]:7777", "/run/user/7/simp/fe80::1%2.sock"),
        ] {
            assert_eq!(socket_path(&folder, address.parse().unwrap()), Path::new(path));
        }
        assert_eq!(runtime_folder(None, 0, |_| true), Path::new("/run/simp"));
        assert_eq!(runtime_folder(None, 7, |_| true), Path::new("/run/user/7/simp"));
        assert_eq!(runtime_folder(Some("relative".into()), 7, |_| false), Path::new("/tmp/simp-7"));
    }
}
