//! All conversations, in the order of what happened last.

use std::collections::{HashMap, HashSet};

use simp_control::{Peer, Who};

use crate::model::row::Row;

/// So many are held at most; those in which nothing has happened for the longest time are left out.
const ROWS_MAX: usize = 10_000;

/// All conversations.
#[derive(Debug, Default)]
pub(crate) struct List {
    rows: HashMap<String, Row>,
    /// Their addresses, the newest first.
    order: Vec<String>,
}

impl List {
    /// The conversation with this peer, which begins now if there is none.
    pub(crate) fn row(&mut self, peer: &Peer) -> &mut Row {
        if !self.rows.contains_key(&peer.address) {
            self.order.push(peer.address.clone());
        }
        self.rows.entry(peer.address.clone()).or_insert_with(|| Row::new(peer.clone()))
    }

    /// The conversation with the peer at this address.
    pub(crate) fn get(&self, address: &str) -> Option<&Row> {
        self.rows.get(address)
    }

    /// The same, to be changed.
    pub(crate) fn get_mut(&mut self, address: &str) -> Option<&mut Row> {
        self.rows.get_mut(address)
    }

    /// All of them, the newest first.
    pub(crate) fn newest_first(&self) -> impl DoubleEndedIterator<Item = &Row> {
        self.order.iter().filter_map(|address| self.rows.get(address))
    }

    /// The names that several peers have.
    pub(crate) fn shared_names(&self) -> HashSet<&str> {
        let mut seen = HashSet::new();
        let names = self.rows.values().map(|row| row.peer.user.as_str()).filter(|name| !name.is_empty());
        names.filter(|name| !seen.insert(*name)).collect()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// Something has happened there: it comes first.
    pub(crate) fn raise(&mut self, address: &str) {
        if let Some(at) = self.order.iter().position(|other| other == address) {
            self.order[..=at].rotate_right(1);
        }
        if self.order.len() > ROWS_MAX
            && let Some(last) = self.order.pop()
        {
            self.rows.remove(&last);
        }
    }

    /// Puts all in order, after lists have been taken in.
    pub(crate) fn sort(&mut self) {
        let at_ms = |address: &String| self.rows.get(address).map_or(0, |row| row.at_ms);
        self.order.sort_by_key(|address| std::cmp::Reverse(at_ms(address)));
        for address in self.order.split_off(self.order.len().min(ROWS_MAX)) {
            self.rows.remove(&address);
        }
    }

    /// The place of a conversation in the order.
    pub(crate) fn place(&self, address: &str) -> Option<usize> {
        self.order.iter().position(|other| other == address)
    }

    /// The conversation at this place.
    pub(crate) fn at(&self, place: usize) -> Option<&Row> {
        self.order.get(place).and_then(|address| self.rows.get(address))
    }

    /// The conversation that a user means: with a chat before one without, the newest first. Never by a name that may be
    /// that of a host, whatever a peer calls itself.
    pub(crate) fn meant_for_certain(&self, typed: &str) -> Option<&Row> {
        let may_be_host = typed.contains('.') && matches!(Who::parse(typed), Who::User(_));
        self.meant(typed).filter(|_| !may_be_host)
    }

    /// The same, among those that there are.
    pub(crate) fn meant(&self, typed: &str) -> Option<&Row> {
        let who = Who::parse(typed);
        let mut found = self.newest_first().filter(|row| who.is(&row.peer));
        let first = found.next()?;
        std::iter::once(first).chain(found).find(|row| row.chat.is_some()).or(Some(first))
    }
}
