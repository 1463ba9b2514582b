//! Where the programs find each other: the socket's name, from the address and the environment (simpd(8)).

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::address::Host;
pub use crate::address::PORT;

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

/// What a daemon on this address is called in paths and on the command line: `ADDR`, or `ADDR:PORT` if the port is not
/// 7777. An interface is called by its name: its number may be another after the next start of the machine.
pub fn daemon_name(address: SocketAddr) -> String {
    let host = Host::of(address).by_name();
    match (address.port(), address) {
        (PORT, _) => host,
        (port, SocketAddr::V6(_)) => format!("[{host}]:{port}"),
        (port, SocketAddr::V4(_)) => format!("{host}:{port}"),
    }
}

/// The control socket of the daemon on this address.
pub fn socket_path(runtime_folder: &Path, address: SocketAddr) -> PathBuf {
    runtime_folder.join(daemon_name(address) + ".sock")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_named_after_its_address() {
        let folder = runtime_folder(Some("/run/user/7".into()), 7, |_| false);
        for (address, path) in [
            ("127.0.0.1:7777", "/run/user/7/simp/127.0.0.1.sock"),
            ("127.0.0.1:7000", "/run/user/7/simp/127.0.0.1:7000.sock"),
            ("[::1]:7777", "/run/user/7/simp/::1.sock"),
            ("[::1]:7000", "/run/user/7/simp/[::1]:7000.sock"),
            // No machine has an interface with this number, so it has no name.
            ("[fe80::1%99999999]:7777", "/run/user/7/simp/fe80::1%99999999.sock"),
            ("[fe80::1%1]:7000", "/run/user/7/simp/[fe80::1%lo]:7000.sock"),
        ] {
            assert_eq!(socket_path(&folder, address.parse().unwrap()), Path::new(path));
        }
        assert_eq!(runtime_folder(None, 0, |_| true), Path::new("/run/simp"));
        assert_eq!(runtime_folder(None, 7, |_| true), Path::new("/run/user/7/simp"));
        assert_eq!(runtime_folder(Some("relative".into()), 7, |_| false), Path::new("/tmp/simp-7"));
    }
}
