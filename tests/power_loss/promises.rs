//! What left simpd, and what of it must be on the disk from then on.

use std::collections::HashMap;

use simp_control::frame::FrameBuffer;
use simp_control::{Answer, Kind, Reply};
use simp_proto::{Datagram, Operation};

use super::log::Log;
use super::trace::{Call, Record};
use super::traffic::Told;

/// One thing that left simpd.
#[derive(Debug, Clone, Copy)]
pub struct Promise {
    /// Place of the call with which it left.
    pub record: usize,
    /// So many entries are in the log.
    pub entries: usize,
    /// The consumer's mark is here, or further on.
    pub mark: u64,
}

/// What can be read of the datagrams of a chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Datagrams {
    /// All of them.
    Clear,
    /// Nothing: only what the clients got is known.
    Sealed,
}

/// Everything that left simpd and promises something, in order. It is all that the peer and the clients got,
/// and the log agrees with it.
pub fn promises(records: &[Record<'_>], datagrams: Datagrams, told: &Told, log: &Log) -> Vec<Promise> {
    let mut reader = Reader::new(told, log);
    for (place, record) in records.iter().enumerate() {
        reader.record = place;
        match record.call {
            Call::Begins => reader.streams.clear(),
            Call::Closes => drop(reader.streams.remove(&record.descriptor)),
            Call::Datagram if datagrams == Datagrams::Clear => {
                reader.datagram(&Datagram::decode(record.bytes).unwrap());
            }
            Call::Stream => reader.stream(record),
            _ => {}
        }
    }
    let unseen = (reader.acks.len(), reader.queued.len(), reader.marks.len());
    assert_eq!(unseen, (0, 0, 0), "acknowledgements and answers arrived that were not seen to leave");
    reader.promises
}

/// Reads what left, in the order in which it did.
struct Reader<'a> {
    log: &'a Log,
    sent: &'a [(u64, String)],
    /// The place of each text in `sent`.
    by_text: HashMap<&'a [u8], usize>,
    /// The entries of the messages received, and of those delivered.
    received: Vec<u64>,
    delivered: Vec<u64>,
    /// What has not left yet, as far as we are.
    acks: std::slice::Iter<'a, usize>,
    queued: std::slice::Iter<'a, (u64, String)>,
    marks: std::slice::Iter<'a, u64>,
    /// By descriptor.
    streams: HashMap<i32, FrameBuffer>,
    record: usize,
    promises: Vec<Promise>,
}

impl<'a> Reader<'a> {
    fn new(told: &'a Told, log: &'a Log) -> Self {
        let texts = log.of_kind(Kind::Message).filter_map(|entry| entry.text.as_ref());
        assert!(texts.eq(&told.said), "the messages received are not those that the peer sent");
        let queued = log.of_kind(Kind::Queued).map(|entry| (entry.id, entry.text.as_deref()));
        assert!(queued.eq(told.sent.iter().map(|(id, text)| (*id, Some(text.as_str())))));
        let delivered = log.of_kind(Kind::Delivered).filter_map(|entry| entry.message);
        assert!(delivered.eq(told.sent[..told.heard].iter().map(|(id, _)| *id)));
        let texts = told.sent.iter().enumerate();
        Self {
            log,
            sent: &told.sent,
            by_text: texts.map(|(place, (_, text))| (text.as_bytes(), place)).collect(),
            received: log.of_kind(Kind::Message).map(|entry| entry.id).collect(),
            delivered: log.of_kind(Kind::Delivered).map(|entry| entry.id).collect(),
            acks: told.acks.iter(),
            queued: told.sent.iter(),
            marks: told.marks.iter(),
            streams: HashMap::new(),
            record: 0,
            promises: Vec::new(),
        }
    }

    fn promise(&mut self, entries: u64, mark: u64) {
        self.promises.push(Promise { record: self.record, entries: entries as usize, mark });
    }

    fn datagram(&mut self, datagram: &Datagram) {
        let entry = match datagram.operation {
            Operation::SynAck => self.log.of_kind(Kind::Request).next().unwrap().id,
            Operation::Ack => self.received[*self.acks.next().unwrap()],
            // With the other bit it would be a new message: that the one before is delivered must be known.
            Operation::Chat => {
                let place = self.by_text[datagram.payload.as_slice()];
                assert_eq!(usize::from(datagram.seq), place % 2);
                let before = place.checked_sub(1).map_or(0, |before| self.delivered[before]);
                before.max(self.sent[place].0)
            }
            other => panic!("{other:?} left simpd"),
        };
        self.promise(entry, 0);
    }

    fn stream(&mut self, record: &Record<'_>) {
        let mut stream = self.streams.remove(&record.descriptor).unwrap_or_default();
        stream.push(record.bytes);
        while let Some(answer) = stream.take().unwrap() {
            match answer {
                Answer::Reply(Reply::Queued { message, .. }) => {
                    assert_eq!(Some(message), self.queued.next().map(|(id, _)| *id));
                    self.promise(message, 0);
                }
                Answer::Reply(Reply::Done) => {
                    let mark = *self.marks.next().unwrap();
                    self.promise(0, mark);
                }
                Answer::Reply(_) => {}
                Answer::Event(event) => {
                    let entry = &self.log.entries[event.id as usize - 1];
                    assert!(entry.is(&event), "{event:?} was told, the log has {entry:?}");
                    self.promise(event.id, 0);
                }
                Answer::Failure(failure) => panic!("{failure}"),
            }
        }
        self.streams.insert(record.descriptor, stream);
    }
}
