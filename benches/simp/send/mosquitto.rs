//! Another program's way to bring a message to a daemon and wait until that has it: MQTT with QoS 1.

use std::fs;
use std::net::TcpStream;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::Attempt;
use crate::machine::{self, Core};
use crate::world::{Process, World, fresh_ip};

/// How long the broker may take to be ready.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where Debian puts the broker, which is not in everybody's path.
const BROKERS: [&str; 2] = ["mosquitto", "/usr/sbin/mosquitto"];

/// A broker that keeps nothing on the disk.
pub struct Broker {
    _process: Process,
    ip: String,
}

impl Broker {
    /// Ready to serve; `None` if it is not installed.
    pub fn start(world: &World) -> Attempt<Option<Self>> {
        let ip = fresh_ip();
        let config = world.state.join("mosquitto.conf");
        fs::write(&config, format!("listener 1883 {ip}\nallow_anonymous true\npersistence false\n"))?;
        let launch = |broker| {
            machine::on(Core::Shared, || Process::launch(Command::new(broker).arg("-c").arg(&config))).ok()
        };
        let is_installed = Process::launch(Command::new("mosquitto_pub").arg("--help")).is_ok();
        let Some(process) = BROKERS.into_iter().find_map(launch).filter(|_| is_installed) else {
            return Ok(None);
        };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect((ip.as_str(), 1883)).is_err() {
            if Instant::now() > deadline {
                return Err("mosquitto does not get ready".into());
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(Some(Self { _process: process, ip }))
    }

    /// A process that sends a message and waits until the broker has it.
    pub fn publish(&self) -> Command {
        let mut command = Command::new("mosquitto_pub");
        command.args(["-h", &self.ip, "-q", "1", "-t", "bench", "-m", "hi"]);
        command
    }
}
