//! All that can differ between SIMP implementations. [`Traits::PLAIN`] is the specification; a row names what it
//! does otherwise. `choices` has what each of them can be.

mod choices;

pub use choices::*;

/// One implementation: what it does on the wire, and with its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traits {
    /// How User is filled.
    pub padding: Padding,
    /// Whose name is in User.
    pub named: Named,
    /// Another name in User of its SYN.
    pub syn_name: Option<&'static str>,
    /// Another name in User of its SYN+ACK.
    pub syn_ack_name: Option<&'static str>,
    /// Its Type of chats is that of control datagrams for others, and the other way about.
    pub swaps_types: bool,
    /// What Length says.
    pub length: Length,
    /// A checksum of two bytes after each datagram, which it demands too.
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
    pub fatal: FatalDatagram,
}

impl Traits {
    /// The specification.
    pub const PLAIN: Self = Self {
        padding: Padding::Nul,
        named: Named::Sender,
        syn_name: None,
        syn_ack_name: None,
        swaps_types: false,
        length: Length::Payload,
        checksum: false,
        chat_operation: 1,
        form: Form::Plain,
        receives_at_most: 65_536,
        sends: Sends::Alternating(0),
        repeats: Some(Repeats {
            every: 5_000,
            times: Some(5),
            then: Then::Leaves,
            wants: Some(Number::Echo),
        }),
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
        fatal: FatalDatagram { seq: false, high_byte: false, operation: false },
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
