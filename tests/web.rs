//! simp-web: what it says in the terminal, who gets in, and what somebody does on the page in a real browser.

mod arguments;
mod chats;
mod door;
mod history;
mod looks;
mod page;
mod rooms;
mod stream;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use crate::harness::{Browser, DEADLINE, Running, World, within};

/// Keys as a browser is told them.
pub const ENTER: char = '\u{e007}';
pub const SHIFT: char = '\u{e008}';
pub const ALT: char = '\u{e00a}';
pub const ESCAPE: char = '\u{e00c}';
pub const UP: char = '\u{e013}';
pub const DOWN: char = '\u{e015}';
/// Lets go of all that are held.
pub const RELEASE: char = '\u{e000}';

/// A simp-web that runs for a daemon of a world.
pub struct Web {
    pub running: Running,
    pub url: String,
}

impl Web {
    /// Starts one for the daemon on address number `host`, and waits until the page is there.
    pub fn start(world: &World, host: u8) -> Self {
        Self::start_at(world, host, "127.0.0.1:0")
    }

    /// The same with this address for the page.
    pub fn start_at(world: &World, host: u8, listen: &str) -> Self {
        let mut command = world.command("simp-web");
        command.arg("-d").arg(world.address(host)).args(["--listen", listen]);
        let mut running = Running::start(command);
        let said = running.read_line();
        let before = format!("simp-web: the page of simpd {} is at http://127.0.0.1:", world.address(host));
        assert!(said.starts_with(&before), "{said}");
        let url = said.rsplit(' ').next().unwrap().to_owned();
        Self { running, url }
    }

    /// Lets a browser in, and waits until the page is there.
    pub fn show(&self, browser: &Browser) {
        browser.go(&self.url);
        browser.until("document.querySelector('#me')?.textContent.length > 0 && document.querySelector('#banner').textContent === ''");
    }

    /// `127.0.0.1:PORT`.
    pub fn authority(&self) -> &str {
        self.url.trim_start_matches("http://").split('/').next().unwrap()
    }

    /// The path of the page and the cookie for it, as the token brings them.
    pub fn enter(&self) -> (String, String) {
        let query = self.url.split_once('?').unwrap().1;
        let got = self.ask(&format!("GET /?{query} HTTP/1.1\r\nHost: {}\r\n", self.authority()), "");
        assert_eq!(got.status, 200, "{}", got.whole);
        let cookie = got.header("set-cookie").unwrap();
        let (pair, rest) = cookie.split_once("; Path=").unwrap();
        (rest.split(';').next().unwrap().to_owned(), pair.to_owned())
    }

    /// What is answered to this request, on a connection of its own that ends with it.
    pub fn ask(&self, head: &str, body: &str) -> Got {
        let mut stream = self.connect();
        let length = body.len();
        let head = format!("{head}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}");
        // Whoever is refused at the door need not have been heard to the end.
        let _ = stream.write_all(head.as_bytes());
        let whole = within(move || {
            let mut whole = Vec::new();
            let _ = stream.read_to_end(&mut whole);
            String::from_utf8(whole).unwrap()
        });
        Got::parse(whole)
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.authority()).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream
    }

    /// The events that come from here on.
    pub fn events(&self, path: &str, cookie: &str, more: &str) -> Stream {
        let head = format!(
            "GET {path}events HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\n{more}\r\n",
            self.authority()
        );
        let mut stream = self.connect();
        stream.write_all(head.as_bytes()).unwrap();
        Stream(BufReader::new(stream))
    }
}

/// An answer.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub whole: String,
}

impl Got {
    fn parse(whole: String) -> Self {
        let status = whole.split(' ').nth(1).and_then(|status| status.parse().ok());
        Self { status: status.unwrap_or_else(|| panic!("no answer: {whole:?}")), whole }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let head = self.whole.split("\r\n\r\n").next().unwrap();
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(of, _)| of.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub fn body(&self) -> &str {
        self.whole.split_once("\r\n\r\n").unwrap().1
    }
}

/// A stream of events.
pub struct Stream(BufReader<TcpStream>);

impl Stream {
    /// The next event: its name, its id and its data. Its lines come in chunks, whose lengths are no fields.
    pub fn next(&mut self) -> (String, String, serde_json::Value) {
        let (mut name, mut id, mut data) = (String::new(), String::new(), None);
        loop {
            let mut line = String::new();
            assert!(self.0.read_line(&mut line).unwrap() > 0, "the stream has ended");
            match line.trim_end().split_once(": ") {
                Some(("event", value)) => name = value.to_owned(),
                Some(("id", value)) => id = value.to_owned(),
                Some(("data", value)) => data = Some(serde_json::from_str(value).unwrap()),
                _ => {}
            }
            if line == "\n"
                && let Some(data) = data.take()
            {
                return (name, id, data);
            }
        }
    }

    /// The next event with this name; the others are left out.
    pub fn next_called(&mut self, wanted: &str) -> (String, serde_json::Value) {
        loop {
            let (name, id, data) = self.next();
            if name == wanted {
                return (id, data);
            }
        }
    }
}
