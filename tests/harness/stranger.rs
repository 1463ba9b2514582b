//! A bare client of a NATS server: it says what the test says, also what no door would.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::DEADLINE;

/// How long a server may take to answer before it is asked again: one without a leader does not answer at all.
const PATIENCE: Duration = Duration::from_secs(1);

/// Somebody who is connected to a NATS server.
pub struct Stranger {
    server: BufReader<TcpStream>,
    /// How often it has asked: each question has an answer of its own.
    asked: u64,
    admin: Option<(String, String)>,
}

impl Stranger {
    /// Connects, with a name and a password if it needs them.
    #[track_caller]
    pub fn connect(address: &str, admin: Option<(&str, &str)>) -> Self {
        let admin = admin.map(|(name, password)| (name.to_owned(), password.to_owned()));
        let deadline = Instant::now() + DEADLINE;
        loop {
            match open(address, admin.as_ref()) {
                Ok(server) => return Self { server, asked: 0, admin },
                Err(error) => assert!(Instant::now() < deadline, "{address}: {error}"),
            }
            std::thread::yield_now();
        }
    }

    /// Publishes this, and the server has it.
    pub fn publish(&mut self, subject: &str, body: &[u8]) {
        self.write(&[format!("PUB {subject} {}\r\n", body.len()).as_bytes(), body, b"\r\nPING\r\n"].concat());
        while self.line().unwrap() != "PONG" {}
    }

    /// Publishes this into the stream that has this subject, and the stream has it. Returns its place there.
    #[track_caller]
    pub fn stores(&mut self, subject: &str, body: &[u8]) -> u64 {
        let answer = self.asks_until(subject, body, |answer| answer["seq"].is_u64());
        answer["seq"].as_u64().unwrap()
    }

    /// How the stream of this name is.
    #[track_caller]
    pub fn stream(&mut self, name: &str) -> Value {
        let subject = format!("$JS.API.STREAM.INFO.{name}");
        self.asks_until(&subject, b"", |answer| answer["state"].is_object())
    }

    /// The same, or that nobody answers.
    pub fn try_ask_about(&mut self, name: &str) -> io::Result<Value> {
        self.ask(&format!("$JS.API.STREAM.INFO.{name}"), b"")
    }

    /// Makes a stream, as this says.
    #[track_caller]
    pub fn makes(&mut self, config: &Value) {
        let subject = format!("$JS.API.STREAM.CREATE.{}", config["name"].as_str().unwrap());
        self.asks_until(&subject, config.to_string().as_bytes(), |answer| answer["state"].is_object());
    }

    /// Makes the stream of this name as it is with these differences.
    #[track_caller]
    pub fn changes(&mut self, name: &str, differences: &Value) {
        let mut config = self.stream(name)["config"].take();
        let differences = differences.as_object().unwrap();
        config.as_object_mut().unwrap().extend(differences.clone());
        let subject = format!("$JS.API.STREAM.UPDATE.{name}");
        self.asks_until(&subject, config.to_string().as_bytes(), |answer| answer["state"].is_object());
    }

    /// Removes all that the stream of this name has. The bucket `X` is the stream `KV_X`.
    #[track_caller]
    pub fn purges(&mut self, name: &str) {
        self.asks_until(&format!("$JS.API.STREAM.PURGE.{name}"), b"", |answer| answer["success"] == true);
    }

    /// Removes the stream of this name.
    #[track_caller]
    pub fn deletes(&mut self, name: &str) {
        self.asks_until(&format!("$JS.API.STREAM.DELETE.{name}"), b"", |answer| answer["success"] == true);
    }

    /// What the stream of this name has at this place.
    #[track_caller]
    pub fn reads(&mut self, name: &str, place: u64) -> Value {
        let question = json!({ "seq": place }).to_string();
        let subject = format!("$JS.API.STREAM.MSG.GET.{name}");
        self.asks_until(&subject, question.as_bytes(), |answer| answer["message"].is_object())["message"]
            .take()
    }

    /// Asks this again and again until the answer is so.
    #[track_caller]
    fn asks_until(&mut self, subject: &str, body: &[u8], is_so: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let answer = self.ask(subject, body);
            match answer {
                Ok(answer) if is_so(&answer) => return answer,
                answer => assert!(Instant::now() < deadline, "{subject}: {answer:?}"),
            }
        }
    }

    /// Asks this, and gives the answer, if there is one in time. If not, it connects again: the answer may still come.
    fn ask(&mut self, subject: &str, body: &[u8]) -> io::Result<Value> {
        self.asked += 1;
        let (inbox, length) = (format!("_INBOX.stranger.{}", self.asked), body.len());
        let head = format!("SUB {inbox} {0}\r\nPUB {subject} {inbox} {length}\r\n", self.asked);
        let answer = self
            .server
            .get_mut()
            .write_all(&[head.as_bytes(), body, b"\r\n"].concat())
            .and_then(|()| self.message(&inbox));
        if answer.is_err() {
            let address = self.server.get_ref().peer_addr()?.to_string();
            self.server = open(&address, self.admin.as_ref())?;
        }
        answer
    }

    /// The next message on this subject, as JSON; what is no JSON is `null`.
    fn message(&mut self, subject: &str) -> io::Result<Value> {
        loop {
            let line = self.line()?;
            let words: Vec<&str> = line.split_whitespace().collect();
            if words.first() != Some(&"MSG") {
                continue;
            }
            let length = words.last().and_then(|length| length.parse::<usize>().ok()).unwrap();
            let mut body = vec![0; length + 2];
            self.server.read_exact(&mut body)?;
            if words[1] == subject {
                return Ok(serde_json::from_slice(&body[..length]).unwrap_or_default());
            }
        }
    }

    /// The next line; a PING is answered.
    fn line(&mut self) -> io::Result<String> {
        loop {
            let line = read_line(&mut self.server)?;
            if line != "PING" {
                return Ok(line);
            }
            self.write(b"PONG\r\n");
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        self.server.get_mut().write_all(bytes).unwrap();
    }
}

fn open(address: &str, admin: Option<&(String, String)>) -> io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(DEADLINE))?;
    let mut server = BufReader::new(stream);
    read_line(&mut server)?;
    let mut options = json!({ "verbose": false, "pedantic": false });
    if let Some((name, password)) = admin {
        options["user"] = name.as_str().into();
        options["pass"] = password.as_str().into();
    }
    server.get_mut().write_all(format!("CONNECT {options}\r\nPING\r\n").as_bytes())?;
    match read_line(&mut server)?.as_str() {
        "PONG" => Ok(server),
        line => Err(io::Error::other(line)),
    }
}

fn read_line(server: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    match server.read_line(&mut line)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(line.trim_end().to_owned()),
    }
}
