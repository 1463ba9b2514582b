//! A way for TCP from somewhere to a server that the test can block: nothing gets through then, and nobody is told.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

/// A relay. What comes while it is blocked waits, as on a network that sends it again.
pub struct Way {
    address: String,
    gate: Arc<Gate>,
}

#[derive(Default)]
struct Gate {
    is_blocked: Mutex<bool>,
    changed: Condvar,
}

impl Way {
    /// Whoever connects to this address is connected to that one.
    pub fn open(address: &str, to: &str) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let gate = Arc::<Gate>::default();
        let (to, passed) = (to.to_owned(), Arc::clone(&gate));
        // They end with the test.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (to, gate) = (to.clone(), Arc::clone(&passed));
                thread::spawn(move || serve(client, &to, &gate));
            }
        });
        Self { address: address.to_owned(), gate }
    }

    pub fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    pub fn block(&self) {
        self.set(true);
    }

    pub fn unblock(&self) {
        self.set(false);
    }

    fn set(&self, is_blocked: bool) {
        *self.gate.is_blocked.lock().unwrap() = is_blocked;
        self.gate.changed.notify_all();
    }
}

impl Gate {
    fn pass(&self) {
        let is_blocked = self.is_blocked.lock().unwrap();
        drop(self.changed.wait_while(is_blocked, |is_blocked| *is_blocked).unwrap());
    }
}

fn serve(client: TcpStream, to: &str, gate: &Arc<Gate>) {
    gate.pass();
    // Where nobody listens, the client is hung up on.
    let Ok(server) = TcpStream::connect(to) else { return };
    let (back, gate_back) = ((server.try_clone().unwrap(), client.try_clone().unwrap()), Arc::clone(gate));
    thread::spawn(move || copy(back.0, back.1, &gate_back));
    copy(client, server, gate);
}

fn copy(mut from: TcpStream, mut to: TcpStream, gate: &Gate) {
    let mut bytes = [0; 65_536];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        gate.pass();
        if to.write_all(&bytes[..length]).is_err() {
            break;
        }
    }
    // Nobody learns that the other side is gone while nothing gets through.
    gate.pass();
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
