//! What each trait can be.

/// How User is filled up to 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// NUL after the name.
    Nul,
    /// Spaces after the name.
    Space,
    /// NUL before the name.
    LeadingNul,
    /// The digit 0 before the name, and all zeros of a name are dropped.
    Zeros,
}

/// Whose name is in User.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// The sender's.
    Sender,
    /// The receiver's.
    Receiver,
    /// Nobody's.
    Nobody,
}

/// What Length says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// Bytes of the payload.
    Payload,
    /// The same, with the lowest byte first.
    LittleEndian,
    /// Header and payload together.
    WithHeader,
    /// 0, whatever comes after it.
    Zero,
    /// Control datagrams end before it; in chats it is that of the payload.
    OnlyInChats,
    /// Bytes of the payload, in two bytes.
    InTwoBytes,
    /// Bytes of the payload, in one byte.
    InOneByte,
}

/// What a text looks like in a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As it is.
    Plain,
    /// Behind a NUL, and the first byte of what comes is dropped.
    BehindNul,
    /// With a NUL at its end.
    BeforeNul,
    /// Filled up with NUL to so many bytes, which Length counts.
    FilledTo(usize),
    /// With a line feed at its end.
    Line,
    /// `name: text`.
    WithName,
}

/// Which Sequence its chats carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sends {
    /// This one, the other one, this one ...
    Alternating(u8),
    /// Always this one.
    Always(u8),
    /// One counter for both directions that each chat turns over, from this one.
    Shared(u8),
    /// This one and up, modulo 256.
    Counting(u8),
    /// Of the side that invited 0 and up, of the other 100 and up.
    CountingBySide,
    /// It says whether the datagram is a repeat.
    Marked {
        /// Of a first copy.
        first: u8,
        /// Of a repeat.
        repeat: u8,
    },
}

/// Which Sequence it expects of the chats that come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expects {
    /// It does not look.
    Anything,
    /// This one, the other one, this one ...
    Alternating(u8),
    /// What the one counter of both directions says.
    Shared,
    /// Another one than that of the last chat.
    NotTheLast,
    /// This one says that it is a repeat, and a repeat of the last text is a duplicate.
    NotARepeat(u8),
    /// This one and up, modulo 256.
    Counting(u8),
    /// Of the side that invited 0 and up, of the other 100 and up.
    CountingBySide,
}

/// What it does with a chat whose Sequence it does not expect. It never shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unexpected {
    /// Nothing.
    Ignored,
    /// ACK.
    Acknowledged,
    /// ERR.
    Error,
}

/// Which Sequence an answer carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Number {
    /// That of the datagram it answers.
    Echo,
    /// Always this one.
    Always(u8),
    /// The one that it would expect next: the other bit.
    Next,
    /// One more than that of the datagram it answers.
    Successor,
    /// How many chats it has accepted, modulo 256.
    Count,
}

/// When a chat is transmitted again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeats {
    /// After so many milliseconds without an answer.
    pub every: u64,
    /// So many times; `None`: for ever.
    pub times: Option<u32>,
    /// What comes then.
    pub then: Then,
    /// Only an ACK with this number is an answer; `None`: any.
    pub wants: Option<Number>,
}

/// What follows a chat that was repeated in vain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// The next chat.
    Next,
    /// It leaves and says nothing.
    Leaves,
    /// It ends the chat with ERR|FIN (0x09).
    EndsIt,
}

/// What it does at once with a SYN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answers {
    /// It asks its user and says nothing.
    Asks,
    /// It says SYN+ACK and asks its user, whose acceptance is the first chat, `NAME accepted.`.
    Rings,
    /// It accepts.
    Accepts,
}

/// What its acceptance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acceptance {
    /// SYN+ACK.
    SynAck,
    /// ACK alone.
    Ack,
}

/// What it does with a SYN while its user thinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondSyn {
    /// Nothing.
    Ignored,
    /// It asks its user once more; the first line of the chat is then taken for the answer, and not sent.
    AsksAgain,
    /// SYN+ACK again.
    SynAck,
}

/// What it does with a SYN of the peer in an open chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SynInChat {
    /// Nothing.
    Ignored,
    /// SYN+ACK, for ever.
    SynAck,
    /// SYN+ACK for 10 s; later it is a new invitation.
    AsSpecified,
    /// It is acknowledged, and its text shown.
    IsALine,
}

/// What it says when its user declines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decline {
    /// FIN.
    Fin,
    /// FIN, seq 1, with a text.
    FinWithText,
    /// ERR|FIN (0x09) with a text, until it is acknowledged.
    ErrFin,
    /// ERR with a text, then SYN+ACK.
    ErrSynAck,
    /// ACK with a text.
    AckWithText,
}

/// What it says to a SYN while it is in another chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Busy {
    /// ERR with a text, then FIN.
    ErrAndFin,
    /// ERR with a text.
    Err,
    /// FIN.
    Fin,
    /// ERR|FIN (0x09) with a text.
    ErrFin,
    /// ACK with a text.
    AckWithText,
    /// 33 bytes that are no datagram.
    Undecodable,
}

/// What it says to a FIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFin {
    /// ACK.
    Ack,
    /// FIN|ACK (0x0c).
    FinAck,
    /// Nothing, and it leaves.
    Silent,
    /// Nothing, and it stays in the chat.
    Ignored,
}

/// What its own FIN waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinWaits {
    /// Nothing.
    Nothing,
    /// ACK, repeated like a chat.
    Ack,
    /// FIN|ACK (0x0c), repeated like a chat.
    FinAck,
}

/// What it takes for the acceptance of its own invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// SYN+ACK.
    SynAck,
    /// The first chat; SYN+ACK says only that it rings there.
    FirstChat,
    /// An ACK without SYN.
    Ack,
}

/// What ends its listener: it hears nothing from then on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FatalDatagram {
    /// Sequence above 1.
    pub seq: bool,
    /// A byte over 127 in User or in the payload.
    pub high_byte: bool,
    /// An operation that the specification does not have.
    pub operation: bool,
}
