//! Datagrams as a capture file, which needs no privilege to write, and what tshark makes of it with the
//! dissector.

use std::net::{SocketAddr, SocketAddrV4};
use std::time::Duration;

use serde_json::Value;

use crate::harness::{World, run};

/// Each packet of the file begins with an IPv4 header.
const LINKTYPE_IPV4: u32 = 228;

const ICMP: u8 = 1;
const UDP: u8 = 17;

/// A capture in the pcap format. Its clock is its own: a datagram comes a millisecond after the one before it.
pub struct Capture {
    file: Vec<u8>,
    clock: Duration,
}

impl Capture {
    pub fn new() -> Self {
        let header = [0xa1b2_c3d4, 0x0002_0004, 0, 0, 65_535, LINKTYPE_IPV4];
        Self { file: header.map(u32::to_be_bytes).concat(), clock: Duration::ZERO }
    }

    /// Nothing comes for so long.
    pub fn wait(&mut self, time: Duration) {
        self.clock += time;
    }

    pub fn add(&mut self, from: SocketAddr, to: SocketAddr, datagram: &[u8]) {
        self.add_cut(from, to, datagram, usize::MAX);
    }

    /// A datagram of which no more than so many bytes are in the file.
    pub fn add_cut(&mut self, from: SocketAddr, to: SocketAddr, datagram: &[u8], most: usize) {
        let packet = udp(from, to, datagram);
        let kept = packet.len().min(packet.len() - datagram.len() + datagram.len().min(most));
        self.packet(&packet, kept);
    }

    /// "Port unreachable", the answer to this datagram, which it quotes.
    pub fn add_unreachable(&mut self, from: SocketAddr, to: SocketAddr, datagram: &[u8]) {
        let quoted = udp(from, to, datagram);
        let packet = ipv4(ICMP, v4(to), v4(from), &[&[3, 3, 0, 0, 0, 0, 0, 0], &quoted[..]].concat());
        self.packet(&packet, packet.len());
    }

    fn packet(&mut self, packet: &[u8], kept: usize) {
        self.clock += Duration::from_millis(1);
        let header =
            [self.clock.as_secs() as u32, self.clock.subsec_micros(), kept as u32, packet.len() as u32];
        self.file.extend(header.map(u32::to_be_bytes).concat());
        self.file.extend(&packet[..kept]);
    }

    /// What tshark writes about the file, in two passes as Wireshark reads it.
    pub fn tshark(&self, world: &World, args: &[&str]) -> String {
        let file = world.path("capture.pcap");
        std::fs::write(&file, &self.file).unwrap();
        tshark(world, &[&["-n", "-2", "-r", file.to_str().unwrap()], args].concat())
    }

    /// These fields of each frame, with a bar between them; what occurs more than once has commas between.
    pub fn fields(&self, world: &World, args: &[&str], fields: &[&str]) -> Vec<String> {
        let mut all = vec!["-T", "fields", "-E", "separator=|"];
        all.extend(fields.iter().flat_map(|field| ["-e", field]));
        all.extend(args);
        self.tshark(world, &all).lines().map(str::to_owned).collect()
    }

    /// The expert items of each frame: the name of its filter without `simp.`, and the line that is shown;
    /// in the order of the names.
    pub fn experts(&self, world: &World) -> Vec<Vec<String>> {
        let json = self.tshark(world, &["-T", "json", "--no-duplicate-keys", "-J", "simp"]);
        let frames: Vec<Value> = serde_json::from_str(&json).unwrap();
        frames
            .iter()
            .map(|frame| {
                let mut found = Vec::new();
                expert_items(&frame["_source"]["layers"], &mut found);
                found.sort();
                found
            })
            .collect()
    }
}

/// What tshark writes when it runs with the dissector.
pub fn tshark(world: &World, args: &[&str]) -> String {
    let mut command = world.command("tshark");
    command
        .args(args)
        .args(["-X", concat!("lua_script:", env!("CARGO_MANIFEST_DIR"), "/contrib/wireshark/simp.lua")]);
    let outcome = run(command, "");
    // What root is told by it; an error of the script would be in the same place.
    let complaints = outcome.stderr.lines().filter(|line| !line.starts_with("Running as user \"root\""));
    assert_eq!((outcome.status, complaints.collect::<Vec<_>>()), (Some(0), vec![]));
    outcome.stdout
}

/// An expert item has its name as a key of its own, with an empty value, beside its message.
fn expert_items(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| expert_items(item, found)),
        Value::Object(item) => {
            let name = item.keys().find_map(|key| key.strip_prefix("simp."));
            if let (Some(name), Some(Value::String(line))) = (name, item.get("_ws.expert.message")) {
                found.push(format!("{name}: {line}"));
            }
            item.values().for_each(|value| expert_items(value, found));
        }
        _ => {}
    }
}

fn v4(address: SocketAddr) -> SocketAddrV4 {
    match address {
        SocketAddr::V4(address) => address,
        SocketAddr::V6(_) => panic!("the capture is of IPv4"),
    }
}

fn udp(from: SocketAddr, to: SocketAddr, datagram: &[u8]) -> Vec<u8> {
    // No checksum.
    let header = [from.port(), to.port(), 8 + datagram.len() as u16, 0].map(u16::to_be_bytes).concat();
    ipv4(UDP, v4(from), v4(to), &[&header, datagram].concat())
}

fn ipv4(protocol: u8, from: SocketAddrV4, to: SocketAddrV4, payload: &[u8]) -> Vec<u8> {
    let [high, low] = (20 + payload.len() as u16).to_be_bytes();
    let header = [0x45, 0, high, low, 0, 0, 0, 0, 64, protocol, 0, 0];
    [&header, &from.ip().octets()[..], &to.ip().octets(), payload].concat()
}
