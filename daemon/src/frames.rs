//! Entries of one turn as frames: each is encoded once, whoever wants it, and those who want the same are given the same
//! bytes.

use std::borrow::Cow;
use std::ops::Range;

use simp_control::{AnswerRef, Event, frame};
use simp_store::EntryFilter;

/// After so many bytes of a share it is seen whether its taker has room for more.
const PIECE: usize = 64 << 10;

/// Entries, and the frames of those that somebody wanted.
pub struct Frames<'a> {
    entries: &'a [Event],
    bytes: Vec<u8>,
    /// Of each entry its frame.
    places: Vec<Option<Range<usize>>>,
}

/// The entries that a filter lets pass.
pub struct Share<'a> {
    /// Their frames.
    pub bytes: Cow<'a, [u8]>,
    /// Some entries at a time.
    pub pieces: Vec<Piece>,
}

/// Some entries, from where the piece before ends.
pub struct Piece {
    /// Where the last one's frame ends.
    pub end: usize,
    /// The last one.
    pub last: u64,
}

impl<'a> Frames<'a> {
    /// Of these entries.
    pub fn of(entries: &'a [Event]) -> Self {
        Self { entries, bytes: Vec::new(), places: vec![None; entries.len()] }
    }

    /// Those that this filter lets pass.
    pub fn wanted(&mut self, filter: &EntryFilter) -> Share<'_> {
        let wanted: Vec<_> =
            self.entries.iter().enumerate().filter(|(_, entry)| filter.matches(entry)).collect();
        let mut places: Vec<_> = Vec::with_capacity(wanted.len());
        for (number, entry) in wanted {
            places.extend(self.place(number, entry).map(|place| (place, entry.id)));
        }
        let is_whole = places.is_sorted_by(|(one, _), (next, _)| one.end == next.start);
        let bytes = match (places.first(), places.last()) {
            // As with a filter that lets all pass.
            (Some((first, _)), Some((last, _))) if is_whole => {
                Cow::Borrowed(self.bytes.get(first.start..last.end).unwrap_or_default())
            }
            _ => {
                let frames = places.iter().filter_map(|(place, _)| self.bytes.get(place.clone()));
                Cow::Owned(frames.flatten().copied().collect())
            }
        };
        Share { bytes, pieces: pieces(&places) }
    }

    /// Where the frame of an entry is.
    fn place(&mut self, number: usize, entry: &Event) -> Option<Range<usize>> {
        let place = self.places.get_mut(number)?;
        if place.is_none() {
            let start = self.bytes.len();
            // None is too long: the longest text has room in a frame.
            frame::encode(&AnswerRef::Event(entry), &mut self.bytes).ok()?;
            *place = Some(start..self.bytes.len());
        }
        place.clone()
    }
}

fn pieces(places: &[(Range<usize>, u64)]) -> Vec<Piece> {
    let (mut pieces, mut end, mut start) = (Vec::new(), 0, 0);
    for (number, (place, last)) in places.iter().enumerate() {
        end += place.len();
        if end - start >= PIECE || number + 1 == places.len() {
            pieces.push(Piece { end, last: *last });
            start = end;
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use simp_control::{Answer, Filter, Kind, Peer, What};

    use super::*;

    fn entry(id: u64, what: What) -> Event {
        let peer = Peer { user: "bob".to_owned(), address: "127.0.0.2:7777".to_owned() };
        Event { id, at_ms: 1, chat: 1, peer, secure: None, answers: None, what }
    }

    #[test]
    fn an_entry_is_encoded_once_however_many_want_it() {
        let message = |id| entry(id, What::Message { text: "x".repeat(40_000) });
        let entries = [message(1), entry(2, What::Inviting), message(3), entry(4, What::Request)];
        let mut wire = Vec::new();
        entries.iter().for_each(|entry| frame::encode(&Answer::Event(entry.clone()), &mut wire).unwrap());
        let mut frames = Frames::of(&entries);
        let only = |kind| EntryFilter::new(&Filter { kinds: vec![kind], ..Filter::default() });
        // Nothing is encoded that nobody wants.
        assert!(frames.wanted(&only(Kind::Closed)).pieces.is_empty() && frames.bytes.is_empty());
        for _ in 0..3 {
            let all = frames.wanted(&EntryFilter::default());
            assert!(matches!(all.bytes, Cow::Borrowed(bytes) if bytes == wire));
            let messages = frames.wanted(&only(Kind::Message));
            let pieces: Vec<_> = messages.pieces.iter().map(|piece| (piece.last, piece.end)).collect();
            assert_eq!(pieces, [(3, messages.bytes.len())]);
            assert!(messages.bytes.len() > 80_000 && messages.bytes.len() < wire.len());
        }
        assert_eq!(frames.bytes.len(), wire.len());
    }
}
