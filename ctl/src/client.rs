//! simpd as a command sees it: hello, request and reply, and the events that are followed. What becomes of it
//! when the connection breaks is in `reconnect`. It knows no subcommand.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use simp_control::{Answer, Event, Failure, FailureKind, Filter, FollowFrom, Reply, Request, VERSION};

use crate::connection::Connection;
use crate::find::{Daemon, Place};
use crate::stop::{Outcome, Stop, fail, unexpected};

/// How long an answer may take. The daemon answers at once, unless it is stopped or waits for its disk.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// A simpd that we talk to.
pub struct Client {
    connection: Connection,
    /// Where the daemon receives; empty as long as it has not answered our hello.
    address: String,
    /// What the answers to come belong to, in their order.
    awaited: VecDeque<Awaited>,
    followed: Option<Followed>,
    /// Events that came while a reply was waited for.
    events: VecDeque<Event>,
}

/// What an answer belongs to.
enum Awaited {
    Hello,
    Follow,
    Request,
}

/// What we follow of the log.
struct Followed {
    /// From where to go on: behind the last entry that came, as soon as we know of one.
    from: FollowFrom,
    filter: Filter,
}

/// What came from the daemon.
#[derive(Debug)]
pub enum Next {
    /// An entry of the log that we follow.
    Event(Event),
    /// The reply to the oldest request that has none.
    Reply(Reply),
    /// That request was refused.
    Refused(Failure),
    /// The connection broke and there is another one. What was asked on the old one is not answered any more;
    /// what is followed goes on.
    Reconnected,
}

impl Client {
    /// Prepares the hello; it is written together with the first request.
    pub fn new(daemon: Daemon) -> Outcome<Self> {
        let mut client = Self {
            connection: Connection::new(daemon),
            address: String::new(),
            awaited: VecDeque::new(),
            followed: None,
            events: VecDeque::new(),
        };
        client.hello()?;
        Ok(client)
    }

    /// A second connection to the same daemon, which follows nothing.
    pub fn another(&self) -> Outcome<Self> {
        let place = self.place().clone();
        Self::new(Daemon { stream: place.connect()?, place })
    }

    /// Goes on with another connection to the same daemon: says hello, waits for its answer, and follows what
    /// was followed on the old one. False where the deadline passes before the answer.
    pub fn replace(&mut self, deadline: Instant) -> Outcome<bool> {
        let place = self.place().clone();
        let watches_output = self.connection.watches_output;
        self.connection = Connection::new(Daemon { stream: place.connect()?, place });
        self.connection.watches_output = watches_output;
        self.address.clear();
        self.awaited.clear();
        self.hello()?;
        if !self.greeted(deadline)? {
            return Ok(false);
        }
        if let Some(Followed { from, filter }) = self.followed.take() {
            self.follow(from, filter)?;
        }
        self.write()?;
        Ok(true)
    }

    /// Where the daemon is.
    pub fn place(&self) -> &Place {
        self.connection.place()
    }

    /// From now on, waiting ends with [`Stop::ReaderGone`] once nobody reads our standard output any more.
    /// Without it a `simpctl listen | head -1` would stay until the message after that.
    pub(crate) fn watch_output(&mut self) {
        self.connection.watches_output = true;
    }

    /// Waits for this long, or until nobody reads our output any more.
    pub(crate) fn pause(&self, pause: Duration) -> Outcome {
        self.connection.pause(pause)
    }

    /// Where the daemon receives, `ADDR:PORT`: waits for its hello.
    pub fn address(&mut self) -> Outcome<&str> {
        if !self.greeted(Instant::now() + ANSWER_WITHIN)? {
            return Err(self.silent());
        }
        Ok(&self.address)
    }

    /// Follows the log. It is written with the next that is asked, or by [`Client::write`]; where it is refused,
    /// that comes with the next answer.
    pub fn follow(&mut self, from: FollowFrom, filter: Filter) -> Outcome {
        self.connection.submit(&Request::Follow { from: from.clone(), filter: filter.clone() })?;
        self.awaited.push_back(Awaited::Follow);
        self.followed = Some(Followed { from, filter });
        Ok(())
    }

    /// The last entry of the log that we know to be behind us in what we follow; 0 where we know none.
    pub(crate) fn position(&self) -> u64 {
        match &self.followed {
            Some(Followed { from: FollowFrom::After(id), .. }) => *id,
            _ => 0,
        }
    }

    /// Puts a request in line. It is written with the next that is asked, or by [`Client::write`].
    pub fn submit(&mut self, request: &Request) -> Outcome {
        self.awaited.push_back(Awaited::Request);
        self.connection.submit(request)
    }

    /// Writes what is in line.
    pub fn write(&mut self) -> Outcome {
        self.connection.write()
    }

    /// Asks and waits for the reply, which comes at once. Events that come before it are kept.
    ///
    /// # Errors
    /// The daemon's failure, or ours to reach it.
    pub fn ask(&mut self, request: &Request) -> Outcome<Reply> {
        self.submit(request)?;
        self.write()?;
        self.reply()
    }

    /// Waits for the reply to a request that is written already. Events that come before it are kept.
    ///
    /// # Errors
    /// As with [`Client::ask`].
    pub(crate) fn reply(&mut self) -> Outcome<Reply> {
        let deadline = Some(Instant::now() + ANSWER_WITHIN);
        loop {
            match self.decoded()? {
                Some(Next::Reply(reply)) => return Ok(reply),
                Some(Next::Refused(failure)) => return Err(failure.into()),
                Some(Next::Event(event)) => self.events.push_back(event),
                Some(Next::Reconnected) => (),
                None if self.connection.read(deadline)? => (),
                None => return Err(self.silent()),
            }
        }
    }

    /// Waits for what comes next; `None` once the deadline has passed. A simpd that goes away is waited for.
    pub(crate) fn next(&mut self, deadline: Option<Instant>) -> Outcome<Option<Next>> {
        match self.next_here(deadline) {
            Err(Stop::Lost(_)) => {
                self.reconnect(deadline)?;
                Ok(Some(Next::Reconnected))
            }
            next => next,
        }
    }

    /// Waits for what comes next on this connection; `None` once the deadline has passed.
    ///
    /// # Errors
    /// [`Stop::Lost`] where simpd goes away.
    pub fn next_here(&mut self, deadline: Option<Instant>) -> Outcome<Option<Next>> {
        loop {
            if let Some(next) = self.buffered()? {
                return Ok(Some(next));
            }
            if !self.connection.read(deadline)? {
                return Ok(None);
            }
        }
    }

    /// Waits for the next event; `None` once the deadline has passed. A simpd that goes away is waited for.
    pub(crate) fn event(&mut self, deadline: Option<Instant>) -> Outcome<Option<Event>> {
        loop {
            match self.next(deadline)? {
                Some(Next::Event(event)) => return Ok(Some(event)),
                Some(Next::Refused(failure)) => return Err(failure.into()),
                Some(Next::Reply(_) | Next::Reconnected) => (),
                None => return Ok(None),
            }
        }
    }

    /// What has come already, without waiting.
    pub(crate) fn buffered(&mut self) -> Outcome<Option<Next>> {
        match self.events.pop_front() {
            Some(event) => Ok(Some(Next::Event(event))),
            None => self.decoded(),
        }
    }

    /// Waits until the daemon closes the connection.
    pub(crate) fn wait_for_end(&mut self) -> Outcome {
        loop {
            match self.connection.read(None) {
                Ok(_) => (),
                Err(Stop::Lost(_)) => return Ok(()),
                Err(stop) => return Err(stop),
            }
        }
    }

    fn hello(&mut self) -> Outcome {
        self.awaited.push_back(Awaited::Hello);
        self.connection.submit(&Request::Hello { version: VERSION })
    }

    /// Waits for the daemon's hello. False once the deadline has passed.
    fn greeted(&mut self, deadline: Instant) -> Outcome<bool> {
        self.write()?;
        while self.address.is_empty() {
            if self.decoded()?.is_some() {
                return Err(unexpected());
            }
            if self.address.is_empty() && !self.connection.read(Some(deadline))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The next of the answers that were read, of those that say more than that something worked.
    fn decoded(&mut self) -> Outcome<Option<Next>> {
        while let Some(answer) = self.connection.take()? {
            match answer {
                Answer::Event(event) => {
                    self.passed(event.id);
                    return Ok(Some(Next::Event(event)));
                }
                Answer::Reply(reply) => match (self.awaited.pop_front(), reply) {
                    (Some(Awaited::Hello), reply) => self.greet(reply)?,
                    (Some(Awaited::Follow), Reply::Following { after }) => self.passed(after),
                    (Some(Awaited::Request), reply) => return Ok(Some(Next::Reply(reply))),
                    _ => return Err(unexpected()),
                },
                Answer::Failure(failure) => match self.awaited.pop_front() {
                    Some(Awaited::Request) => return Ok(Some(Next::Refused(failure))),
                    _ => return Err(failure.into()),
                },
            }
        }
        Ok(None)
    }

    /// Takes the first answer, which is the daemon's hello.
    fn greet(&mut self, reply: Reply) -> Outcome {
        let Reply::Hello { version, address, program, .. } = reply else {
            return Err(unexpected());
        };
        if version != VERSION {
            let what =
                format!("simpd {program} speaks version {version} of the control API, simpctl {VERSION}");
            return Err(fail(FailureKind::NoDaemon, format!("{what} (install both from one release)")));
        }
        self.address = address;
        Ok(())
    }

    /// What we follow goes on behind this entry.
    fn passed(&mut self, id: u64) {
        if let Some(followed) = &mut self.followed {
            followed.from = FollowFrom::After(id);
        }
    }

    fn silent(&self) -> Stop {
        let line = format!("simpd on {} does not answer (is it stopped, or its disk?)", self.place().name);
        fail(FailureKind::NoDaemon, line)
    }
}
