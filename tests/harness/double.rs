//! A double of another implementation on real UDP: the machine of the crate `simp-doubles`, with two sockets and a thread.

use std::net::UdpSocket;
use std::os::fd::AsFd as _;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use simp_doubles::{Double, Port, Traits};

use super::DEADLINE;

/// A double that runs: a thread hears for it, and minds its deadlines.
pub struct RunningDouble {
    shared: Arc<Shared>,
    thread: Option<std::thread::JoinHandle<()>>,
}

struct Shared {
    double: Mutex<Playing>,
    changed: Condvar,
    sockets: [UdpSocket; 2],
    start: Instant,
}

struct Playing {
    double: Double,
    is_over: bool,
}

impl Shared {
    fn now(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }

    /// Does something with the double, and transmits what it says to that.
    fn with<T>(&self, act: impl FnOnce(&mut Playing, u64) -> T) -> T {
        let mut double = self.double.lock().unwrap();
        let result = act(&mut double, self.now());
        while let Some(transmit) = double.double.poll_transmit() {
            let socket = &self.sockets[usize::from(transmit.from == Port::Other)];
            // Nobody may listen there any more.
            let _ = socket.send_to(&transmit.bytes, transmit.to);
        }
        self.changed.notify_all();
        result
    }

    fn run(&self) {
        let mut buffer = [0; 65_536];
        loop {
            let wait = self.with(|double, now| {
                double.double.handle_timeout(now);
                let deadline = double.double.deadline().map_or(20, |deadline| deadline.saturating_sub(now));
                // What a user does may bring another deadline.
                (!double.is_over).then_some(deadline.min(20) as u16)
            });
            let Some(wait) = wait else { return };
            let mut both =
                self.sockets.each_ref().map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN));
            let _ = poll(&mut both, PollTimeout::from(wait));
            for (socket, port) in self.sockets.iter().zip([Port::Main, Port::Other]) {
                while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                    self.with(|double, now| double.double.handle(now, &buffer[..length], from, port));
                }
            }
        }
    }
}

impl RunningDouble {
    /// With these traits and this user name.
    pub fn start(traits: Traits, user: &str, address: &str) -> Self {
        let sockets = [7777, 0].map(|port| {
            let socket = UdpSocket::bind((address, port)).unwrap();
            socket.set_nonblocking(true).unwrap();
            socket
        });
        let double = Double::new(traits, user, 1);
        let double = Mutex::new(Playing { double, is_over: false });
        let shared = Arc::new(Shared { double, changed: Condvar::new(), sockets, start: Instant::now() });
        let runs = Arc::clone(&shared);
        Self { shared, thread: Some(std::thread::spawn(move || runs.run())) }
    }

    /// Its user does something.
    pub fn act<T>(&self, act: impl FnOnce(&mut Double, u64) -> T) -> T {
        self.shared.with(|double, now| act(&mut double.double, now))
    }

    /// Waits until it is so.
    #[track_caller]
    pub fn when(&self, what: &str, mut so: impl FnMut(&Double) -> bool) {
        let double = self.shared.double.lock().unwrap();
        let waits = |double: &mut Playing| !so(&double.double);
        let (playing, result) = self.shared.changed.wait_timeout_while(double, DEADLINE, waits).unwrap();
        let double = &playing.double;
        let seen = (double.state(), double.notices(), double.shown());
        let failure = result.timed_out().then(|| format!("{what} does not come to be: {seen:?}"));
        drop(playing);
        assert_eq!(failure, None);
    }
}

impl Drop for RunningDouble {
    fn drop(&mut self) {
        self.shared.with(|double, _| double.is_over = true);
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}
