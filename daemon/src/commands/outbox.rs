//! What clients want of the outbox: one short function each.

use std::net::SocketAddr;
use std::time::Duration;

use simp_control::{Failure, FailureKind, Kind, Peer, Reason, Reply, State, Who};
use simp_proto::Text;

use super::{Result, Send, fits, refused};
use crate::exchange::{Exchange, NotCancelled, Now};

/// The longest that a message may be kept in the outbox and then be given up: ten years.
const EXPIRY_MAX: Duration = Duration::from_secs(10 * 365 * 86_400);

impl Exchange {
    pub(super) fn send_to_outbox(&mut self, now: Now, send: &Send, text: Text) -> Result {
        let expires_after = expiry(send.expire_ms)?;
        let peer = self.outbox_peer(send.who.as_deref())?;
        self.fits_outbox(now, &text, &peer)?;
        let message = self.keep_message(now, peer, text, expires_after, None, send.token)?;
        Ok(Reply::Queued { message, chat: 0 })
    }

    /// Whom a message for the outbox is for: an address, or whoever has a chat with us under this name.
    fn outbox_peer(&mut self, who: Option<&str>) -> Result<(SocketAddr, String)> {
        let named = who.map(Who::parse);
        let address = match (&named, who) {
            (Some(Who::Ip(ip)), _) => self.peer_address(&ip.to_string())?,
            (Some(Who::Address(address) | Who::Both(_, address)), _) => {
                self.peer_address(&address.to_string())?
            }
            (Some(Who::User(_)) | None, who) => {
                let any = |state| state != State::Closed;
                let none = "for whom? (the outbox needs an address: send --queue -t ADDR)";
                let found = self.chats.find(who, any, none, "-t WHO");
                let key = found.map_err(|mut failure| {
                    if who.is_some() && !self.chats.is_any(who, any) {
                        failure.line = format!(
                            "{}: there is no chat with anybody of this name (give the address: send --queue -t ADDR)",
                            who.unwrap_or_default()
                        );
                    }
                    failure
                })?;
                let entry = self.chats.get_mut(key);
                return entry
                    .map(|entry| (entry.invited_at(), entry.chat.user().to_string()))
                    .ok_or_else(|| Failure::new(FailureKind::NoSuch, "the chat has just ended").into());
            }
        };
        let key = self.chats.for_outbox(address);
        let user =
            key.and_then(|key| self.chats.get_mut(key)).map(|entry| entry.chat.user().as_str().to_owned());
        Ok((address, user.unwrap_or_default()))
    }

    /// Whether the peer receives all of a text, as far as is known.
    fn fits_outbox(&mut self, now: Now, text: &Text, (address, user): &(SocketAddr, String)) -> Result<()> {
        self.is_clear(*address)?;
        let in_chat = self.chats.for_outbox(*address).and_then(|key| self.chats.get_mut(key));
        let dialect = match in_chat.map(|entry| entry.chat.dialect()) {
            Some(dialect) => dialect,
            None => self.known_of(now, *address)?.dialect,
        };
        let peer = Peer { user: user.clone(), address: address.to_string() };
        fits(text, dialect, &peer.to_string())
    }

    /// Whether it is clear who is meant by an address of the outbox: not where one peer was invited there and answered
    /// from another port, and another one has a chat with us there.
    fn is_clear(&mut self, address: SocketAddr) -> Result<()> {
        let there = self.chats.at(address).and_then(|key| self.chats.get_mut(key)).map(|entry| entry.peer());
        let moved = self.chats.for_outbox(address).and_then(|key| self.chats.get_mut(key));
        match (there, moved.filter(|entry| entry.address != address)) {
            (Some(there), Some(moved)) => refused(
                FailureKind::NoSuch,
                format!(
                    "{address}: {there}, or {}, which was invited there? (leave out --queue and choose with -t WHO)",
                    moved.peer()
                ),
            ),
            _ => Ok(()),
        }
    }

    /// Takes a message out of the outbox.
    pub fn cancel(&mut self, now: Now, message: u64) -> Result {
        match self.give_up_in_outbox(now, message, Reason::Cancelled)? {
            Ok(()) => Ok(Reply::Done),
            Err(NotCancelled::InFlight) => refused(
                FailureKind::Failed,
                format!("message {message} is on its way already (see: simpctl outbox)"),
            ),
            Err(NotCancelled::Absent) => {
                let (kind, line) = match self.outcome(message)? {
                    None => (
                        FailureKind::NoSuch,
                        "there is no message of ours with this number (see: simpctl outbox)",
                    ),
                    Some(Outcome::Undelivered) => (FailureKind::Failed, "was given up already"),
                    Some(Outcome::Unconfirmed) => (FailureKind::Failed, "is sent already, not confirmed"),
                    Some(Outcome::Delivered) => (FailureKind::Failed, "is delivered already"),
                    Some(Outcome::Waiting) => (
                        FailureKind::Failed,
                        "waits in a chat, not in the outbox (end the chat: simpctl quit --now)",
                    ),
                };
                refused(kind, format!("message {message}: {line}"))
            }
        }
    }

    /// Sends the text of a message again that was not delivered, or not confirmed.
    pub fn resend(&mut self, now: Now, message: u64, expire_ms: Option<u64>) -> Result {
        let expires_after = expiry(expire_ms)?;
        match self.outcome(message)? {
            Some(Outcome::Undelivered | Outcome::Unconfirmed) => {}
            Some(Outcome::Delivered) => {
                return refused(FailureKind::Failed, format!("message {message}: is delivered already"));
            }
            Some(Outcome::Waiting) => {
                return refused(
                    FailureKind::Failed,
                    format!("message {message}: still waits to be delivered"),
                );
            }
            None => {
                let what = "there is no message of ours with this number (see: simpctl history --all)";
                return refused(FailureKind::NoSuch, format!("message {message}: {what}"));
            }
        }
        if let Some(again) = self.store.sent_again_as(message)? {
            return refused(
                FailureKind::Failed,
                format!("message {message}: was sent again already, as {again}"),
            );
        }
        let gone =
            || Failure::new(FailureKind::NoSuch, format!("message {message}: its text is no longer kept"));
        let queued = self.store.message(message)?.ok_or_else(gone)?;
        let text = Text::new(&queued.text).map_err(|_| gone())?;
        let peer = (queued.address, queued.user);
        self.fits_outbox(now, &text, &peer)?;
        let again = self.keep_message(now, peer, text, expires_after, Some(message), None)?;
        Ok(Reply::Queued { message: again, chat: 0 })
    }

    /// What became of a message of ours; `None` where there is none with this id.
    fn outcome(&self, message: u64) -> Result<Option<Outcome>> {
        match self.store.not_delivered(message)? {
            Some(Kind::Unconfirmed) => return Ok(Some(Outcome::Unconfirmed)),
            Some(_) => return Ok(Some(Outcome::Undelivered)),
            None => {}
        }
        let Some(queued) = self.store.message(message)? else { return Ok(None) };
        let in_chat = self.chats.iter().find(|(_, entry)| entry.id == queued.chat && queued.chat != 0);
        let waits = match in_chat {
            Some((_, entry)) => message > entry.settled,
            None => self.store.in_outbox(message)?.is_some(),
        };
        Ok(Some(if waits { Outcome::Waiting } else { Outcome::Delivered }))
    }
}

/// What became of a message of ours.
enum Outcome {
    Waiting,
    Delivered,
    Unconfirmed,
    Undelivered,
}

/// How long a message is kept in the outbox.
fn expiry(expire_ms: Option<u64>) -> Result<Option<Duration>> {
    match expire_ms.map(Duration::from_millis) {
        Some(after) if after.is_zero() || after > EXPIRY_MAX => {
            refused(FailureKind::Usage, "a message can expire after 0.001 s to ten years")
        }
        after => Ok(after),
    }
}
