//! What is wrong around us, in words: datagrams that do not leave, and what whoever watches over us is to know at once.

use std::net::SocketAddr;

use simp_control::{Host, NotLeaving, State};

use crate::engine::Engine;
use crate::machine::Machine;
use crate::now::Now;

impl Engine {
    /// What does not leave, and since when.
    pub(crate) fn not_leaving(&self, now: Now) -> Vec<NotLeaving> {
        self.unsent.list(now, |address| self.speaks_to(address), || self.no_address())
    }

    /// That no interface has our address.
    pub(crate) fn no_address(&self) -> String {
        let host = Host::of(self.address).by_name();
        format!("no interface has {host}; chats wait for it (list them: ip address)")
    }

    /// What hinders us, as one line: the log cannot be written, or something does not leave. That no interface has our
    /// address is not told: whoever lets the engine know of it knows it.
    pub fn hindrance(&self, now: Now) -> Option<String> {
        // In each turn, so at no cost if all is well.
        if self.disk.works() && !self.unsent.is_any() {
            return None;
        }
        let unsent = || {
            let first = self.not_leaving(now).into_iter().find(|_| self.outlet.has_address())?;
            let to = first.to.map(|to| format!(" for {to}")).unwrap_or_default();
            Some(format!("datagrams{to} do not leave: {}", first.why))
        };
        self.disk.trouble().map(str::to_owned).or_else(unsent)
    }

    /// Whether our user has something to say to whoever is there. To answer somebody is not that: anybody can invite us from
    /// an address that no way leads to.
    fn speaks_to(&self, address: SocketAddr) -> bool {
        let is_ours = |state| matches!(state, State::Inviting | State::Open | State::Closing);
        let chat = self.chats.known_at(address).and_then(|key| self.chats.get(key));
        let says = |chat: &Machine| is_ours(chat.state()) && !chat.is_leaving();
        let speaks = chat.is_some_and(|it| says(&it.chat) && it.is_established());
        speaks || self.absent.has(address)
    }

    /// Our own system did not transmit something, and why.
    pub(crate) fn note_unsent(&mut self, now: Now, address: SocketAddr, why: &'static str) {
        if self.speaks_to(address) {
            self.unsent.note_refused(now, address, why);
        }
    }
}
