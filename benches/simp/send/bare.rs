//! Connects to a Unix socket, writes, reads, and exits. Compiled by the benchmark `send`, not by cargo.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

fn main() -> std::io::Result<()> {
    let socket = std::env::args_os().nth(1).unwrap_or_default();
    let mut stream = UnixStream::connect(socket)?;
    stream.write_all(&[b'x'; 64])?;
    let mut buffer = [0; 1024];
    stream.read(&mut buffer).map(|_| ())
}
