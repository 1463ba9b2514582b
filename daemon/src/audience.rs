//! Followers that have all of the log that they want, up to the last turn, by what that is: a turn looks only at those whom
//! its entries may concern, and those who want the same are one.

use std::collections::{BTreeMap, BTreeSet};

use simp_control::Event;
use simp_engine::ClientId;
use simp_store::EntryFilter;

/// Those who want the same.
#[derive(Debug)]
pub struct Group {
    /// What.
    pub wanted: EntryFilter,
    /// At least one.
    pub members: BTreeSet<ClientId>,
}

/// All of them. The cursor of each is where it came in: until it leaves, it is [`Audience::upto`].
#[derive(Debug, Default)]
pub struct Audience {
    upto: u64,
    /// By the only chat that they want something of.
    groups: BTreeMap<Option<u64>, Vec<Group>>,
}

impl Audience {
    /// The newest entry that they have been given, or did not want.
    pub fn upto(&self) -> u64 {
        self.upto
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// They have been given all up to here.
    pub fn set_upto(&mut self, newest: u64) {
        self.upto = newest;
    }

    /// Whoever joins has had all up to [`upto`](Self::upto).
    pub fn join(&mut self, key: ClientId, wanted: &EntryFilter) {
        let groups = self.groups.entry(wanted.chat()).or_default();
        match groups.iter_mut().find(|group| group.wanted == *wanted) {
            Some(group) => {
                group.members.insert(key);
            }
            None => groups.push(Group { wanted: wanted.clone(), members: BTreeSet::from([key]) }),
        }
    }

    /// Nothing more is given to it here.
    pub fn leave(&mut self, key: ClientId, wanted: &EntryFilter) {
        let chat = wanted.chat();
        let Some(groups) = self.groups.get_mut(&chat) else { return };
        for group in groups.iter_mut().filter(|group| group.wanted == *wanted) {
            group.members.remove(&key);
        }
        self.tidy(chat);
    }

    /// All leave.
    pub fn dismiss(&mut self) -> Vec<ClientId> {
        let groups = std::mem::take(&mut self.groups).into_values().flatten();
        groups.flat_map(|group| group.members).collect()
    }

    /// Passes the groups that these entries may concern to `serve`, which removes the members that could not be given all.
    pub fn for_concerned(&mut self, entries: &[Event], mut serve: impl FnMut(&mut Group)) {
        let mut chats: Vec<_> = entries.iter().map(|entry| Some(entry.chat)).collect();
        chats.push(None);
        chats.sort_unstable();
        chats.dedup();
        for chat in chats {
            if let Some(groups) = self.groups.get_mut(&chat) {
                groups.iter_mut().for_each(&mut serve);
                self.tidy(chat);
            }
        }
    }

    fn tidy(&mut self, chat: Option<u64>) {
        let Some(groups) = self.groups.get_mut(&chat) else { return };
        groups.retain(|group| !group.members.is_empty());
        if groups.is_empty() {
            self.groups.remove(&chat);
        }
    }
}

#[cfg(test)]
mod tests {
    use simp_control::{Filter, Kind, Peer, What};

    use super::*;

    #[test]
    fn only_those_are_asked_who_may_want_something_and_those_who_want_the_same_once() {
        let mut audience = Audience::default();
        let of_chat = |chat| EntryFilter::new(&Filter { chat, ..Filter::default() });
        let messages = EntryFilter::new(&Filter { kinds: vec![Kind::Message], ..Filter::default() });
        for key in 0..100 {
            audience.join(key, &of_chat(Some(key as u64 / 2)));
            audience.join(100 + key, &of_chat(None));
            audience.join(200 + key, &messages);
        }
        let peer = Peer { user: "bob".to_owned(), address: "127.0.0.2:7777".to_owned() };
        let entry = |id, chat| Event {
            id,
            at_ms: 1,
            chat,
            peer: peer.clone(),
            secure: None,
            answers: None,
            what: What::Request,
        };
        let asked = |audience: &mut Audience, entries: &[Event]| {
            let mut asked = Vec::new();
            audience.for_concerned(entries, |group| {
                asked.push(group.members.iter().copied().collect::<Vec<_>>());
            });
            asked
        };
        let (all, some) = ((100..200).collect::<Vec<_>>(), (200..300).collect());
        let entries = [entry(1, 7), entry(2, 70), entry(3, 7)];
        assert_eq!(asked(&mut audience, &entries), [all, some, vec![14, 15]]);
        audience.leave(14, &of_chat(Some(7)));
        audience.for_concerned(&entries, |group| group.members.retain(|key| *key == 15 || *key == 250));
        assert_eq!(asked(&mut audience, &entries), [vec![250], vec![15]]);
        assert_eq!(audience.dismiss().len(), 100);
        assert!(asked(&mut audience, &entries).is_empty());
    }
}
