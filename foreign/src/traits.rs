//! All that can differ between SIMP implementations. [`Traits::PLAIN`] is the specification; a row names what it
//! does otherwise.

/// How User is filled up to 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// NUL behind the name.
    Nul,
    /// Spaces behind the name.
    Space,
    /// NUL before the name.
    LeadingNul,
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
    /// 0, whatever comes behind it.
    Zero,
    /// Control datagrams end before it; in chats it is that of the payload.
    OnlyInChats,
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
    /// Only the ACK with its own number is an answer.
    pub wants_its_number: bool,
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
pub struct Fatal {
    /// Sequence above 1.
    pub seq: bool,
    /// A byte over 127 in User or in the payload.
    pub high_byte: bool,
    /// An operation that the specification does not have.
    pub operation: bool,
}

/// One implementation: what it does on the wire, and with its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traits {
    /// How User is filled.
    pub padding: Padding,
    /// Whose name is in User.
    pub named: Named,
    /// Another name in User of its SYN+ACK.
    pub syn_ack_name: Option<&'static str>,
    /// What Length says.
    pub length: Length,
    /// A checksum of two bytes behind each datagram, which it demands too.
    pub checksum: bool,
    /// Operation of chats.
    pub chat_operation: u8,
    /// What a text looks like.
    pub form: Form,
    /// It receives so many bytes of a datagram and cuts the rest off.
    pub receives_at_most: usize,

    /// Which Sequence its chats carry.
    pub sends: Sends,
    /// When they are transmitted again; `None`: never, and none waits for an ACK.
    pub repeats: Option<Repeats>,
    /// An ACK that comes within so many milliseconds is missed.
    pub misses_acks_within: Option<u64>,
    /// Each line leaves as a SYN with the text before it leaves as a chat.
    pub syn_per_line: bool,
    /// Its user may write only when it is the user's turn; the inviter begins.
    pub takes_turns: bool,

    /// Which Sequence it expects.
    pub expects: Expects,
    /// Its numbers go on in the next chat, in both directions.
    pub keeps_numbers: bool,
    /// What it does with another one.
    pub unexpected: Unexpected,
    /// Which Sequence its ACK of a chat carries; `None`: it never acknowledges chats.
    pub chat_acks: Option<Number>,
    /// Type of its ACKs of chats.
    pub chat_ack_type: u8,
    /// What is in the payload of its ACKs.
    pub ack_payload: &'static [u8],
    /// The next chat that comes is the answer to its own. An ACK is taken for that of the handshake.
    pub chats_answer_chats: bool,
    /// It sends each text back.
    pub echoes: bool,
    /// It shows its user nothing.
    pub is_mute: bool,

    /// What it does at once with a SYN.
    pub answers: Answers,
    /// What its acceptance is.
    pub acceptance: Acceptance,
    /// Which Sequence its SYN+ACK carries.
    pub syn_ack_seq: Number,
    /// Its SYN+ACK is repeated every 5 s until an ACK or a chat comes.
    pub repeats_syn_ack: bool,
    /// What is in the payload of its SYN.
    pub syn_payload: &'static [u8],
    /// Its SYN is repeated after so many milliseconds.
    pub repeats_syn: Option<u64>,
    /// Without SYN+ACK its invitation ends after so many milliseconds.
    pub gives_up_after: Option<u64>,
    /// What it takes for acceptance.
    pub takes: Takes,
    /// It answers SYN+ACK with ACK.
    pub acks_syn_ack: bool,
    /// What it does with a further SYN while its user thinks.
    pub second_syn: SecondSyn,
    /// What it does with a SYN in an open chat.
    pub syn_in_chat: SynInChat,
    /// What it says when its user declines.
    pub decline: Decline,
    /// What it says while it is in another chat.
    pub busy: Busy,

    /// What it says to a FIN.
    pub on_fin: OnFin,
    /// A FIN must have the Sequence that the next chat would have.
    pub fin_wants_seq: bool,
    /// Its own FIN has the Sequence that its next chat would have; otherwise 0.
    pub fin_has_seq: bool,
    /// What its own FIN waits for.
    pub fin_waits: FinWaits,
    /// A FIN is acknowledged outside of a chat too.
    pub acks_stray_fin: bool,
    /// The program ends when the chat does.
    pub ends_with_chat: bool,

    /// Which Sequence its ACKs of other datagrams carry.
    pub other_acks: Number,
    /// It answers an ACK with ERR.
    pub errs_to_acks: bool,
    /// It answers an ACK with ACK.
    pub acks_acks: bool,
    /// Where it is addressed does not matter: it answers to port 7777.
    pub answers_to_7777: bool,
    /// An invitation is answered, and the chat held, from another port.
    pub answers_from_other: bool,
    /// It invites, and holds the chat, from another port than 7777.
    pub invites_from_other: bool,
    /// It looks for datagrams and lines of its user only every so many milliseconds.
    pub polls_every: Option<u64>,
    /// It looks for invitations only for so many milliseconds after its user said that it should.
    pub waits_for: Option<u64>,
    /// It drops so many of 100 datagrams instead of transmitting them.
    pub drops: u64,
    /// What ends its listener.
    pub fatal: Fatal,
}

impl Traits {
    /// The specification.
    pub const PLAIN: Self = Self {
        padding: Padding::Nul,
        named: Named::Sender,
        syn_ack_name: None,
        length: Length::Payload,
        checksum: false,
        chat_operation: 1,
        form: Form::Plain,
        receives_at_most: 65_536,
        sends: Sends::Alternating(0),
        repeats: Some(Repeats { every: 5_000, times: Some(5), then: Then::Leaves, wants_its_number: true }),
        misses_acks_within: None,
        syn_per_line: false,
        takes_turns: false,
        expects: Expects::Alternating(0),
        keeps_numbers: false,
        unexpected: Unexpected::Acknowledged,
        chat_acks: Some(Number::Echo),
        chat_ack_type: 1,
        ack_payload: b"",
        chats_answer_chats: false,
        echoes: false,
        is_mute: false,
        answers: Answers::Asks,
        acceptance: Acceptance::SynAck,
        syn_ack_seq: Number::Echo,
        repeats_syn_ack: true,
        syn_payload: b"",
        repeats_syn: None,
        gives_up_after: None,
        takes: Takes::SynAck,
        acks_syn_ack: true,
        second_syn: SecondSyn::Ignored,
        syn_in_chat: SynInChat::AsSpecified,
        decline: Decline::Fin,
        busy: Busy::ErrAndFin,
        on_fin: OnFin::Ack,
        fin_wants_seq: false,
        fin_has_seq: false,
        fin_waits: FinWaits::Ack,
        acks_stray_fin: true,
        ends_with_chat: false,
        other_acks: Number::Echo,
        errs_to_acks: false,
        acks_acks: false,
        answers_to_7777: false,
        answers_from_other: false,
        invites_from_other: false,
        polls_every: None,
        waits_for: None,
        drops: 0,
        fatal: Fatal { seq: false, high_byte: false, operation: false },
    };

    /// A program of few lines: the specification's datagrams, each sent once, nothing resumed.
    pub const SIMPLE: Self = Self {
        repeats: None,
        repeats_syn_ack: false,
        syn_in_chat: SynInChat::Ignored,
        fin_waits: FinWaits::Nothing,
        acks_stray_fin: false,
        ..Self::PLAIN
    };
}
