//! The client of simpd's control API, blocking: hello, request and reply, the events that are followed, and going on
//! after simpd went away. What takes several requests to learn is in `lists`. It knows no command of any program.

use std::collections::VecDeque;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::answer::{Answer, Reply};
use crate::connection::{Connection, Waited};
use crate::contact::{Contact, SILENT_AFTER};
use crate::error::{Error, Outcome, fail, unexpected};
use crate::event::{Event, Kind};
use crate::failure::FailureKind;
use crate::find;
use crate::incoming::Incoming;
use crate::known_log::KnownLog;
use crate::request::{Filter, FollowFrom, Request, VERSION};
use crate::sleep;
use crate::socket::Socket;

/// How long an answer may take. The daemon answers at once, unless it is stopped or waits for its disk.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// How long a simpd that went away is waited for if there is no time limit.
const BACK_WITHIN: Duration = Duration::from_secs(60);

/// The pause after the first attempt to reconnect; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The longest pause between attempts to reconnect.
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// A simpd that we talk to.
pub struct Client {
    connection: Connection,
    /// Where the daemon receives; empty as long as it has not answered our hello.
    address: String,
    /// What it can do besides.
    features: Vec<String>,
    /// The log that all ids are of: the daemon that we connect to next must have the same.
    pub(crate) log: KnownLog,
    /// What the answers to come belong to, in their order.
    awaited: VecDeque<Awaited>,
    followed: Option<Followed>,
    /// Events that came while a reply was waited for.
    events: VecDeque<Event>,
    tell: fn(&Socket, Contact),
}

/// What an answer belongs to.
enum Awaited {
    Hello,
    /// It goes on at this entry: a log that ends before it is another one.
    Follow {
        at: u64,
    },
    Request,
}

/// What we follow of the log.
struct Followed {
    /// From where to go on: after the last entry that came, as soon as we know of one.
    from: FollowFrom,
    filter: Filter,
    /// The last entry that is known to be there.
    at: u64,
}

/// All of these fail with [`Error::Lost`] if simpd goes away, and does not come back in time if it is waited for. A
/// failure is simpd's, or of kind `no_daemon` if what is there is no simpd that we understand, or none that answers
/// within 30 s. If simpd comes back with another log, they fail with [`Error::OtherLog`]: then nothing is followed any
/// more, and all that was learned from the old log is to be forgotten; the client itself can be used.
impl Client {
    /// Connects to the simpd that `named` names, by its address or the path of its socket; if it is `None` to the one
    /// that `$SIMP_DAEMON` names, and without that to the only one that runs. The hello is written together with the
    /// first request.
    ///
    /// # Errors
    /// `no_daemon` with the remedy, or `usage` if the name makes no sense.
    pub fn find(named: Option<String>) -> Outcome<Self> {
        Self::new(find::simpd(named)?)
    }

    /// The same for the simpd with this socket.
    ///
    /// # Errors
    /// `no_daemon` with the remedy.
    pub fn at(path: impl Into<PathBuf>) -> Outcome<Self> {
        let socket = Socket::named(path.into());
        Self::new(Connection::new(socket.connect()?, socket))
    }

    pub(crate) fn new(connection: Connection) -> Outcome<Self> {
        let mut client = Self {
            connection,
            address: String::new(),
            features: Vec::new(),
            log: KnownLog::default(),
            awaited: VecDeque::new(),
            followed: None,
            events: VecDeque::new(),
            tell: |_, _| (),
        };
        client.hello()?;
        Ok(client)
    }

    /// A second connection to the same daemon and the same log, which follows nothing. It may be left unused for long.
    pub fn another(&self) -> Outcome<Self> {
        let socket = self.socket().clone();
        // As one that was there: if it is gone now, whoever asked may wait for it.
        let mut another = Self::new(Connection::new(socket.connect_again()?, socket))?;
        // Whoever owes it for long is hung up on.
        another.write()?;
        Ok(Self { log: self.log.clone(), ..another })
    }

    /// Calls this as often as the contact with simpd changes while something waits for it, which would look like a hang.
    pub fn tell(&mut self, tell: fn(&Socket, Contact)) {
        self.tell = tell;
    }

    /// From now on, waiting ends with [`Error::Abandoned`] once nobody reads any more what is written here.
    /// Without it a `simpctl listen | head -1` would stay until the message after that.
    pub fn watch(&mut self, output: OwnedFd) {
        self.connection.watch(output);
    }

    /// The daemon's control socket.
    pub fn socket(&self) -> &Socket {
        self.connection.socket()
    }

    /// Where the daemon receives, `ADDR:PORT`: waits for its hello.
    pub fn address(&mut self) -> Outcome<&str> {
        if !self.greeted(sleep::now() + ANSWER_WITHIN)? {
            return Err(self.silent());
        }
        Ok(&self.address)
    }

    /// Whether the daemon has this of the [`FEATURES`](crate::FEATURES): waits for its hello.
    pub fn can(&mut self, feature: &str) -> Outcome<bool> {
        self.address()?;
        Ok(self.features.iter().any(|has| has == feature))
    }

    /// All kinds of entries that the daemon knows: waits for its hello.
    pub fn kinds(&mut self) -> Outcome<Vec<Kind>> {
        let can_files = self.can("files")?;
        Ok(Kind::ALL.into_iter().filter(|kind| can_files || !kind.is_of_files()).collect())
    }

    /// Follows the log. It is written with the next that is asked, or by [`Client::write`]; a refusal of it fails what
    /// reads next.
    pub fn follow(&mut self, from: FollowFrom, filter: Filter) -> Outcome {
        // Whoever names an entry that is not there yet follows from the newest.
        self.follow_at(from, filter, 0)
    }

    fn follow_at(&mut self, from: FollowFrom, filter: Filter, at: u64) -> Outcome {
        self.connection.submit(&Request::Follow { from: from.clone(), filter: filter.clone() })?;
        self.awaited.push_back(Awaited::Follow { at });
        // As asked, until the reply says where that begins: a connection that breaks before it does asks the same again.
        self.followed = Some(Followed { from, filter, at });
        Ok(())
    }

    /// The last entry of the log that has passed in what we follow; 0 if we know none.
    pub fn position(&self) -> u64 {
        self.followed.as_ref().map_or(0, |followed| followed.at)
    }

    /// Puts a request in line. It is written with the next that is asked, or by [`Client::write`].
    pub fn submit(&mut self, request: &Request) -> Outcome {
        // Only what is in line will have an answer.
        self.connection.submit(request)?;
        self.awaited.push_back(Awaited::Request);
        Ok(())
    }

    /// Writes what is in line. That simpd is gone is found by whoever reads next.
    pub fn write(&mut self) -> Outcome {
        self.connection.write()
    }

    /// Asks and waits for the reply, which comes at once. Events that come before it are kept.
    pub fn ask(&mut self, request: &Request) -> Outcome<Reply> {
        self.submit(request)?;
        self.write()?;
        self.reply()
    }

    /// Waits for the reply to a request that is written already. Events that come before it are kept.
    pub fn reply(&mut self) -> Outcome<Reply> {
        let deadline = Some(sleep::now() + ANSWER_WITHIN);
        loop {
            match self.decoded()? {
                Some(Incoming::Reply(reply)) => return Ok(reply),
                Some(Incoming::Refused(failure)) => return Err(failure.into()),
                // They were followed before, and must not be lost because something else is asked.
                Some(Incoming::Event(event)) => self.events.push_back(event),
                Some(Incoming::Reconnected) => (),
                None if self.read(deadline)? => (),
                None => return Err(self.silent()),
            }
        }
    }

    /// Waits for what comes next; `None` once the deadline has passed. A simpd that goes away is waited for.
    pub fn next(&mut self, deadline: Option<Instant>) -> Outcome<Option<Incoming>> {
        match self.next_here(deadline) {
            Err(Error::Lost(_)) => {
                self.reconnect(deadline)?;
                Ok(Some(Incoming::Reconnected))
            }
            next => next,
        }
    }

    /// Waits for what comes next on this connection; `None` once the deadline has passed.
    pub fn next_here(&mut self, deadline: Option<Instant>) -> Outcome<Option<Incoming>> {
        self.next_or(None, deadline)
    }

    /// The same, and `None` also as soon as `call` can be read.
    pub fn next_or(
        &mut self,
        call: Option<BorrowedFd<'_>>,
        deadline: Option<Instant>,
    ) -> Outcome<Option<Incoming>> {
        loop {
            if let Some(next) = self.buffered()? {
                return Ok(Some(next));
            }
            if self.read_or(call, deadline)? != Waited::Input {
                return Ok(None);
            }
        }
    }

    /// Waits for what comes next on this connection; if something was asked that has no answer, only as long as one may take.
    pub fn next_answered(&mut self) -> Outcome<Incoming> {
        let deadline = (!self.awaited.is_empty()).then(|| sleep::now() + ANSWER_WITHIN);
        self.next_here(deadline)?.ok_or_else(|| self.silent())
    }

    /// Waits until `call` can be read, and takes nothing from simpd meanwhile. False once the deadline has passed.
    pub fn called(&mut self, call: BorrowedFd<'_>, deadline: Option<Instant>) -> Outcome<bool> {
        self.connection.called(call, deadline)
    }

    /// Waits for the next event; `None` once the deadline has passed. A simpd that goes away is waited for. What was
    /// asked before and is refused ends it.
    pub fn event(&mut self, deadline: Option<Instant>) -> Outcome<Option<Event>> {
        loop {
            match self.next(deadline)? {
                Some(Incoming::Event(event)) => return Ok(Some(event)),
                Some(Incoming::Refused(failure)) => return Err(failure.into()),
                Some(Incoming::Reply(_) | Incoming::Reconnected) => (),
                None => return Ok(None),
            }
        }
    }

    /// What has come already, without waiting.
    pub fn buffered(&mut self) -> Outcome<Option<Incoming>> {
        match self.events.pop_front() {
            // Set aside while a reply was waited for, so older than what is still to be decoded.
            Some(event) => Ok(Some(Incoming::Event(event))),
            None => self.decoded(),
        }
    }

    /// Waits until the daemon closes the connection.
    pub fn wait_for_end(&mut self) -> Outcome {
        loop {
            match self.connection.read(None) {
                Ok(_) => (),
                // The end is what is waited for.
                Err(Error::Lost(_)) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Does what asks something of simpd, and does it again as often as simpd goes away before it has answered.
    /// `ask` learns whether it is done again: what was asked before may have been carried out. A `send` with a
    /// [`token`](crate::token) says so in `again_after`, and is then queued once.
    pub fn insist<T>(
        &mut self,
        deadline: Option<Instant>,
        mut ask: impl FnMut(&mut Self, bool) -> Outcome<T>,
    ) -> Outcome<T> {
        let mut again = false;
        loop {
            match ask(self, again) {
                // A refusal is an answer. Only what has none is asked again. That the log is another is learned from a
                // second connection, before it is found that the first one broke.
                Err(Error::Lost(_) | Error::OtherLog(_)) => self.reconnect(deadline)?,
                outcome => return outcome,
            }
            again = true;
        }
    }

    /// Waits for simpd until the deadline, or for a minute if there is none, and goes on with it on the same socket.
    pub fn reconnect(&mut self, deadline: Option<Instant>) -> Outcome {
        (self.tell)(self.socket(), Contact::Lost);
        // A script without a time limit must not hang for ever on a simpd that nobody starts again.
        let deadline = deadline.unwrap_or_else(|| sleep::now() + BACK_WITHIN);
        let mut pause = FIRST_PAUSE;
        loop {
            match self.replace(deadline) {
                Ok(true) => {
                    (self.tell)(self.socket(), Contact::Back);
                    return Ok(());
                }
                // One that is killed while it starts may have taken the connection and said nothing.
                Ok(false) | Err(Error::Lost(_)) => (),
                Err(error) => return Err(error),
            }
            let left = deadline.saturating_duration_since(sleep::now());
            if left.is_zero() {
                return Err(self.socket().lost());
            }
            self.connection.pause(pause.min(left))?;
            // A restart takes milliseconds; what takes longer is not to be asked all the time.
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }

    /// One attempt to go on with another connection: says hello, waits for its answer, and follows what was followed
    /// on the old one. False if the deadline passes before it is known that this is the same log.
    pub fn replace(&mut self, deadline: Instant) -> Outcome<bool> {
        self.connection.renew()?;
        // Whoever waits for an answer on the old connection asks again. Events that were read from it stay: what we
        // follow goes on after them.
        self.address.clear();
        self.awaited.clear();
        self.hello()?;
        if !self.greeted(deadline)? {
            return Ok(false);
        }
        if let Some(Followed { from, filter, at }) = self.followed.take() {
            self.follow_at(from, filter, at)?;
        }
        self.write()?;
        while !self.awaited.is_empty() {
            match self.connection.take()? {
                Some(answer) => drop(self.sort(answer)?),
                None if self.read(Some(deadline))? => (),
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    fn hello(&mut self) -> Outcome {
        self.awaited.push_back(Awaited::Hello);
        self.connection.submit(&Request::Hello { version: VERSION })
    }

    /// Waits for the daemon's hello. False once the deadline has passed.
    fn greeted(&mut self, deadline: Instant) -> Outcome<bool> {
        self.write()?;
        while self.address.is_empty() {
            // Nothing was asked before it, so nothing else may come.
            if self.decoded()?.is_some() {
                return Err(unexpected());
            }
            if self.address.is_empty() && !self.read(Some(deadline))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads what is there, or waits for it. False once the deadline has passed.
    fn read(&mut self, deadline: Option<Instant>) -> Outcome<bool> {
        self.read_or(None, deadline).map(|waited| waited == Waited::Input)
    }

    fn read_or(&mut self, call: Option<BorrowedFd<'_>>, deadline: Option<Instant>) -> Outcome<Waited> {
        let told = sleep::now() + SILENT_AFTER;
        // Events come when there are any; answers come at once.
        if !self.awaited.is_empty() && deadline.is_none_or(|deadline| told < deadline) {
            match self.connection.read_or(call, Some(told))? {
                Waited::Over => (self.tell)(self.socket(), Contact::Silent),
                waited => return Ok(waited),
            }
        }
        self.connection.read_or(call, deadline)
    }

    /// The next of the answers that were read, of those that say more than that something worked.
    fn decoded(&mut self) -> Outcome<Option<Incoming>> {
        while let Some(answer) = self.connection.take()? {
            let incoming = self.sort(answer)?;
            if incoming.is_some() {
                return Ok(incoming);
            }
        }
        Ok(None)
    }

    /// Takes an answer. Gives what it says beyond that something worked.
    fn sort(&mut self, answer: Answer) -> Outcome<Option<Incoming>> {
        self.log.note(&answer);
        match answer {
            // Of what was followed before: from where it goes on now, the answer to come says.
            Answer::Event(_) if self.awaited.iter().any(|of| matches!(of, Awaited::Follow { .. })) => {
                Ok(None)
            }
            Answer::Event(event) => {
                self.passed(event.id);
                Ok(Some(Incoming::Event(event)))
            }
            // Answers come in the order of their requests, so none needs a number.
            Answer::Reply(reply) => match (self.awaited.pop_front(), reply) {
                (Some(Awaited::Hello), reply) => self.greet(reply).map(|()| None),
                // Its id is that of before, so it is an older copy of it that somebody put back.
                (Some(Awaited::Follow { at }), Reply::Following { after }) if after < at => {
                    Err(self.found_other_log())
                }
                (Some(Awaited::Follow { .. }), Reply::Following { after }) => {
                    self.passed(after);
                    Ok(None)
                }
                (Some(Awaited::Request), reply) => Ok(Some(Incoming::Reply(reply))),
                _ => Err(unexpected()),
            },
            Answer::Failure(failure) => match self.awaited.pop_front() {
                Some(Awaited::Request) => Ok(Some(Incoming::Refused(failure))),
                // Nobody waits for the answer to a hello or a follow, and nothing works without them. One that
                // belongs to nothing says why the daemon hangs up.
                Some(Awaited::Hello | Awaited::Follow { .. }) | None => Err(failure.into()),
            },
        }
    }

    /// Takes the first answer, which is the daemon's hello.
    fn greet(&mut self, reply: Reply) -> Outcome {
        let Reply::Hello { version, address, program, log, epochs, features, .. } = reply else {
            return Err(unexpected());
        };
        // Nothing else is read from a simpd of another version: it might be misread.
        if version != VERSION {
            let what = format!(
                "simpd {program} speaks version {version} of the control API, this program {VERSION}"
            );
            return Err(fail(FailureKind::NoDaemon, format!("{what} (install both from the same release)")));
        }
        (self.address, self.features) = (address, features);
        if self.log.greet(log, epochs) { Ok(()) } else { Err(self.found_other_log()) }
    }

    /// The daemon has a different log than before.
    fn found_other_log(&mut self) -> Error {
        // Whoever goes on with this client begins in the new log, and nothing in it is what was read from the old one.
        self.followed = None;
        self.events.clear();
        self.log.forget();
        self.socket().other_log()
    }

    /// What we follow goes on after this entry.
    fn passed(&mut self, id: u64) {
        let Some(Followed { from, at, .. }) = &mut self.followed else { return };
        *at = id;
        match from {
            FollowFrom::Resume { after, .. } => *after = id,
            // The daemon goes on to know for whom, so that it can move the mark past what is left out.
            FollowFrom::Consumer(name) => {
                *from = FollowFrom::Resume { consumer: std::mem::take(name), after: id };
            }
            FollowFrom::After(_) | FollowFrom::End => *from = FollowFrom::After(id),
        }
    }

    fn silent(&self) -> Error {
        let line = format!(
            "simpd on {} does not answer (is it stopped, or does its disk hang?)",
            self.socket().name
        );
        fail(FailureKind::NoDaemon, line)
    }
}
