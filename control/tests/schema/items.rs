//! Every item that there is: they are made by matches without `_`, so a new variant does not compile until it has its place
//! here.

use std::iter::successors;

use simp_control::{
    Answer, ChatInfo, Consumer, Counters, Digest, Epoch, Epochs, Event, Failure, FailureKind, Filter,
    FollowFrom, Forgotten, KeyId, Kind, KnownKey, LogId, Lookup, MessageState, NotLeaving, OldestWaiting,
    OutboxMessage, Peer, PeerInfo, PeerNote, Reason, Refused, Reply, Request, Secure, State, Status, Takes,
    Transfer, TransferState, TrustedKey, VERSION, What,
};

pub fn requests() -> Vec<Request> {
    let who = || Some("ann@10.0.0.2:7777".to_owned());
    let full = successors(Some(Request::Hello { version: VERSION }), |request| {
        Some(match request {
            Request::Hello { .. } => Request::Status,
            Request::Status => {
                let (timeout_ms, secure) = (Some(u64::MAX), Some(true));
                Request::Connect { address: "10.0.0.2".to_owned(), timeout_ms, secure }
            }
            Request::Connect { .. } => Request::Accept { who: who() },
            Request::Accept { .. } => Request::Decline { who: who() },
            Request::Decline { .. } => Request::Send {
                who: who(),
                chat: Some(u64::MAX),
                text: "hi".to_owned(),
                queue: true,
                expire_ms: Some(7_200_000),
                token: Some(u64::MAX),
                again_after: Some(0),
                once: Some("report 2026-11-29".to_owned()),
                host: Some("nas.example:7777".to_owned()),
                answers: None,
            },
            Request::Send { .. } => send_file(who(), Some(u64::MAX)),
            Request::SendFile { .. } => Request::TakeFile { message: 5, folder: "/tmp".to_owned() },
            Request::TakeFile { .. } => Request::RefuseFile { message: 5, reason: "too large".to_owned() },
            Request::RefuseFile { .. } => Request::Transfers { after: 4 },
            Request::Transfers { .. } => Request::Outbox { after: 4 },
            Request::Outbox { .. } => Request::States { messages: vec![5, u64::MAX] },
            Request::States { .. } => Request::Cancel { message: 5 },
            Request::Cancel { .. } => Request::CancelAll { who: who(), after: 4 },
            Request::CancelAll { .. } => Request::Resend { message: 6, expire_ms: Some(1) },
            Request::Resend { .. } => Request::Quit { who: who(), chat: Some(7), now: true },
            Request::Quit { .. } => Request::Chats { after: 0 },
            Request::Chats { .. } => Request::History { before: Some(9), limit: 20, filter: filter() },
            Request::History { .. } => Request::Follow { from: FollowFrom::After(0), filter: filter() },
            Request::Follow { .. } => Request::Seen { consumer: "mail".to_owned(), id: 7 },
            Request::Seen { .. } => Request::Consumers,
            Request::Consumers => Request::Forget { consumer: "mail".to_owned() },
            Request::Forget { .. } => Request::Peers { after: "10.0.0.2:7777".to_owned() },
            Request::Peers { .. } => Request::Read { address: "10.0.0.2:7777".to_owned(), id: 9 },
            Request::Read { .. } => Request::ForgetPeer(Forgotten::All),
            Request::ForgetPeer(Forgotten::All) => Request::ForgetPeer(Forgotten::Who("ann".to_owned())),
            Request::ForgetPeer(Forgotten::Who(_)) => Request::Keys { after: "bob".to_owned() },
            Request::Keys { .. } => {
                Request::TrustKeys { keys: vec![TrustedKey { who: "ann".to_owned(), key: key() }] }
            }
            Request::TrustKeys { .. } => Request::ForgetKey { who: "bob".to_owned() },
            Request::ForgetKey { .. } => Request::HoldLog,
            Request::HoldLog => Request::ReleaseLog,
            Request::ReleaseLog => Request::Stop,
            Request::Stop => return None,
        })
    });
    let follow = places().into_iter().map(|from| Request::Follow { from, filter: Filter::default() });
    let bare = [
        Request::Connect { address: String::new(), timeout_ms: None, secure: None },
        Request::TrustKeys { keys: vec![] },
        Request::Accept { who: None },
        Request::Decline { who: None },
        Request::Send {
            who: None,
            chat: None,
            text: String::new(),
            queue: false,
            expire_ms: None,
            token: None,
            again_after: None,
            once: None,
            host: None,
            answers: None,
        },
        send_file(None, None),
        Request::CancelAll { who: None, after: 0 },
        Request::Resend { message: u64::MAX, expire_ms: None },
        Request::Quit { who: None, chat: None, now: false },
        Request::History { before: None, limit: u32::MAX, filter: Filter::default() },
    ];
    full.chain(follow).chain(bare).collect()
}

fn send_file(who: Option<String>, number: Option<u64>) -> Request {
    Request::SendFile {
        who,
        chat: number,
        path: "/tmp/x.txt".to_owned(),
        name: "x.txt".to_owned(),
        size: 7,
        sha256: Digest::new([0xa7; 32]),
        token: number,
        again_after: number,
    }
}

fn places() -> Vec<FollowFrom> {
    let all = successors(Some(FollowFrom::After(u64::MAX)), |from| match from {
        FollowFrom::After(_) => Some(FollowFrom::Consumer("mail".to_owned())),
        FollowFrom::Consumer(_) => Some(FollowFrom::Resume { consumer: "mail".to_owned(), after: 9 }),
        FollowFrom::Resume { .. } => Some(FollowFrom::End),
        FollowFrom::End => None,
    });
    all.collect()
}

fn filter() -> Filter {
    Filter {
        kinds: kinds(),
        chat: Some(3),
        who: Some("ann".to_owned()),
        since_ms: Some(1_700_000_000_000),
        until_ms: Some(u64::MAX),
        text: Some("Grüße".to_owned()),
    }
}

pub fn kinds() -> Vec<Kind> {
    let all = successors(Some(Kind::Request), |kind| {
        Some(match kind {
            Kind::Request => Kind::Inviting,
            Kind::Inviting => Kind::Opened,
            Kind::Opened => Kind::Closed,
            Kind::Closed => Kind::Message,
            Kind::Message => Kind::Queued,
            Kind::Queued => Kind::Delivered,
            Kind::Delivered => Kind::Undelivered,
            Kind::Undelivered => Kind::Error,
            Kind::Error => Kind::Unconfirmed,
            Kind::Unconfirmed => Kind::File,
            Kind::File => Kind::FileSaved,
            Kind::FileSaved => Kind::FileFailed,
            Kind::FileFailed => return None,
        })
    });
    all.collect()
}

pub fn reasons() -> Vec<Reason> {
    let all = successors(Some(Reason::Quit), |reason| {
        Some(match reason {
            Reason::Quit => Reason::PeerQuit,
            Reason::PeerQuit => Reason::WeDeclined,
            Reason::WeDeclined => Reason::PeerDeclined,
            Reason::PeerDeclined => Reason::PeerBusy,
            Reason::PeerBusy => Reason::Withdrawn,
            Reason::Withdrawn => Reason::NoAnswer,
            Reason::NoAnswer => Reason::RequestExpired,
            Reason::RequestExpired => Reason::NobodyThere,
            Reason::NobodyThere => Reason::PeerGone,
            Reason::PeerGone => Reason::PeerRestarted,
            Reason::PeerRestarted => Reason::Cancelled,
            Reason::Cancelled => Reason::Expired,
            Reason::Expired => Reason::TooLong,
            Reason::TooLong => Reason::OtherKey,
            Reason::OtherKey => return None,
        })
    });
    all.collect()
}

pub fn states() -> Vec<State> {
    let all = successors(Some(State::Inviting), |state| {
        Some(match state {
            State::Inviting => State::Invited,
            State::Invited => State::Accepting,
            State::Accepting => State::Open,
            State::Open => State::Closing,
            State::Closing => State::Closed,
            State::Closed => return None,
        })
    });
    all.collect()
}

fn failure_kinds() -> Vec<FailureKind> {
    let all = successors(Some(FailureKind::Failed), |kind| {
        Some(match kind {
            FailureKind::Failed => FailureKind::Usage,
            FailureKind::Usage => FailureKind::NoDaemon,
            FailureKind::NoDaemon => FailureKind::Declined,
            FailureKind::Declined => FailureKind::Busy,
            FailureKind::Busy => FailureKind::NoAnswer,
            FailureKind::NoAnswer => FailureKind::NoSuch,
            FailureKind::NoSuch => FailureKind::Undelivered,
            FailureKind::Undelivered => FailureKind::OtherKey,
            FailureKind::OtherKey => return None,
        })
    });
    all.collect()
}

fn peer() -> Peer {
    Peer { user: "ann".to_owned(), address: "10.0.0.2:7777".to_owned() }
}

/// Entries of every kind, with every reason.
pub fn events() -> Vec<Event> {
    let text = || "gr\u{fc}n\u{1b}".to_owned();
    let all = successors(Some(What::Request), |what| {
        Some(match what {
            What::Request => What::Inviting,
            What::Inviting => What::Opened { note: Some("takes turns".to_owned()) },
            What::Opened { .. } => What::Closed { reason: Reason::PeerBusy, text: Some(text()) },
            What::Closed { .. } => What::Message { text: text() },
            What::Message { .. } => What::Queued { text: text(), again: Some(1), size: None },
            What::Queued { .. } => What::Delivered { message: 1 },
            What::Delivered { .. } => What::Undelivered { message: 1, reason: Reason::Quit },
            What::Undelivered { .. } => What::Error { text: text() },
            What::Error { .. } => What::Unconfirmed { message: 1 },
            What::Unconfirmed { .. } => What::File { name: "x.txt".to_owned(), size: u64::MAX },
            What::File { .. } => {
                What::FileSaved { message: 1, path: "/tmp/x-1.txt".to_owned(), size: u64::MAX }
            }
            What::FileSaved { .. } => What::FileFailed { message: 1, why: text() },
            What::FileFailed { .. } => return None,
        })
    });
    let ends = reasons().into_iter().flat_map(|reason| {
        [What::Closed { reason, text: None }, What::Undelivered { message: u64::MAX, reason }]
    });
    let bare = [
        What::Queued { text: text(), again: None, size: None },
        What::Queued { text: text(), again: None, size: Some(7) },
        What::Opened { note: None },
    ];
    all.chain(ends)
        .chain(bare)
        .map(|what| {
            let secure = matches!(what, What::Request | What::Opened { note: None }).then(|| secure(true));
            let answers = matches!(what, What::Message { .. }).then_some(u64::MAX);
            Event { id: 2, at_ms: 1_700_000_000_000, chat: 1, peer: peer(), secure, answers, what }
        })
        .collect()
}

fn chats() -> Vec<ChatInfo> {
    let chat = |(state, note)| ChatInfo {
        chat: 1,
        peer: peer(),
        state,
        queued: 0,
        since_ms: 1_700_000_000_000,
        note,
        ends_ms: (state == State::Closing).then_some(1_700_000_030_000),
        secure: (state == State::Open).then(|| secure(false)),
    };
    let notes = [Some("takes turns".to_owned())].into_iter().chain(std::iter::repeat(None));
    states().into_iter().zip(notes).map(chat).collect()
}

fn peers() -> Vec<PeerInfo> {
    let pinned = PeerInfo {
        peer: peer(),
        dialect: "plain".to_owned(),
        notes: vec![],
        seen_ms: None,
        pinned: true,
        read: None,
    };
    let notes = vec!["takes turns".to_owned(), "cuts at 500 bytes".to_owned()];
    let learned =
        PeerInfo { notes, seen_ms: Some(1_700_000_000_000), pinned: false, read: Some(7), ..pinned.clone() };
    vec![pinned, learned]
}

fn message_states() -> Vec<Option<MessageState>> {
    let all = successors(Some(MessageState::Waiting), |state| match state {
        MessageState::Waiting => Some(MessageState::Delivered),
        MessageState::Delivered => Some(MessageState::Unconfirmed),
        MessageState::Unconfirmed => Some(MessageState::Undelivered { reason: Reason::OtherKey }),
        MessageState::Undelivered { .. } => None,
    });
    all.map(Some).chain([None]).collect()
}

fn outbox() -> Vec<OutboxMessage> {
    let bare = OutboxMessage {
        message: 4,
        peer: peer(),
        host: None,
        lookup: None,
        text: "hi".to_owned(),
        at_ms: 1_700_000_000_000,
        expires_ms: None,
        tries: 0,
        reason: None,
        next_ms: None,
    };
    let tried = |reason| OutboxMessage {
        expires_ms: Some(u64::MAX),
        tries: 5,
        reason: Some(reason),
        next_ms: Some(1_700_000_040_000),
        ..bare.clone()
    };
    let mut all: Vec<OutboxMessage> = reasons().into_iter().map(tried).collect();
    let host = Some("nas.example:7777".to_owned());
    for lookup in [Lookup::Asked, Lookup::Failed("unknown host".to_owned())] {
        all.push(OutboxMessage { host: host.clone(), lookup: Some(lookup), ..bare.clone() });
    }
    all.push(bare);
    all
}

fn transfers() -> Vec<Transfer> {
    let states = successors(Some(TransferState::Offered), |state| match state {
        TransferState::Offered => Some(TransferState::Receiving),
        TransferState::Receiving => Some(TransferState::Waiting),
        TransferState::Waiting => Some(TransferState::Sending),
        TransferState::Sending => None,
    });
    let name = "gr\u{fc}n".to_owned();
    let transfer = |state| Transfer { message: 1, peer: peer(), name: name.clone(), size: 7, done: 1, state };
    states.map(transfer).collect()
}

fn status(trouble: Option<String>) -> Status {
    let refused = Refused { short: 1, r#type: 2, operation: 3, port: 4, rate: 5, budget: 6 };
    let counters = Counters {
        datagrams_in: 1,
        datagrams_out: 2,
        not_transmitted: 3,
        retransmitted: 4,
        duplicates: 5,
        ignored: 6,
        refused,
        commits: 7,
    };
    Status {
        version: "0.1.0".to_owned(),
        pid: 1,
        address: "127.0.0.1:7777".to_owned(),
        user: "bob".to_owned(),
        key: trouble.is_none().then(key),
        accept: "ask".to_owned(),
        uptime_ms: 1,
        chats: 2,
        max_chats: 3,
        requests: 4,
        clients: 5,
        counters,
        log: trouble.is_some().then(log),
        last_id: 6,
        first_id: 1,
        log_bytes: u64::MAX,
        outbox: 7,
        notes: vec![PeerNote { peer: peer(), note: "takes turns".to_owned() }],
        plain: trouble.clone(),
        not_leaving: trouble
            .iter()
            .flat_map(|why| [None, Some(peer().address)].map(|to| not_leaving(to, why)))
            .collect(),
        waiting: trouble.iter().flat_map(|_| [None, Some(u64::MAX)].map(waiting)).collect(),
        trouble,
    }
}

fn not_leaving(to: Option<String>, why: &str) -> NotLeaving {
    NotLeaving { to, since_ms: 7, why: why.to_owned() }
}

fn waiting(chat: Option<u64>) -> OldestWaiting {
    OldestWaiting { peer: peer(), message: 5, chat, since_ms: 7 }
}

fn key() -> KeyId {
    KeyId::new([0xa7; 32])
}

fn secure(known: bool) -> Secure {
    Secure { key: key(), known }
}

fn keys() -> Vec<KnownKey> {
    let noted =
        KnownKey { who: peer().address, key: key(), user: "ann".to_owned(), seen_ms: 7, trusted: false };
    let trusted = KnownKey { who: "ann".to_owned(), user: String::new(), trusted: true, ..noted.clone() };
    vec![noted, trusted]
}

fn log() -> LogId {
    LogId::new("0123456789abcdef0123456789abcdef")
}

fn replies() -> Vec<Reply> {
    let hello = Reply::Hello {
        version: VERSION,
        minor: 1,
        program: "0.1.0".to_owned(),
        address: "127.0.0.1:7777".to_owned(),
        user: "bob".to_owned(),
        log: Some(log()),
        epochs: Epochs::new(vec![Epoch { id: u64::MAX, after: 0 }, Epoch { id: 0, after: 7 }]),
        key: Some(key()),
        features: vec!["keys".to_owned()],
    };
    let all = successors(Some(hello), |reply| {
        Some(match reply {
            Reply::Hello { .. } => Reply::Status(Box::new(status(Some("the disk is full".to_owned())))),
            Reply::Status(_) => Reply::Chat { chat: chats().remove(0), after: 3 },
            Reply::Chat { .. } => Reply::Queued { message: 4, chat: 1 },
            Reply::Queued { .. } => Reply::Chats { chats: chats(), more: true },
            Reply::Chats { .. } => Reply::History { events: events(), older: Some(1) },
            Reply::History { .. } => Reply::Following { after: 9 },
            Reply::Following { .. } => Reply::HeldLog { path: "/log.db".to_owned(), bytes: u64::MAX },
            Reply::HeldLog { .. } => Reply::Outbox { messages: outbox(), more: true },
            Reply::Outbox { .. } => Reply::States { states: message_states() },
            Reply::States { .. } => {
                Reply::Cancelled { messages: vec![4], in_flight: vec![5], after: Some(5) }
            }
            Reply::Cancelled { .. } => {
                Reply::Consumers { consumers: vec![Consumer { name: "mail".to_owned(), seen: 7 }] }
            }
            Reply::Consumers { .. } => Reply::Peers { peers: peers(), more: true },
            Reply::Peers { .. } => Reply::Forgotten { peers: 2 },
            Reply::Forgotten { .. } => Reply::Keys { keys: keys(), more: true },
            Reply::Keys { .. } => Reply::ForgottenKeys { keys: 2 },
            Reply::ForgottenKeys { .. } => Reply::Transfers { transfers: transfers(), more: true },
            Reply::Transfers { .. } => Reply::Done,
            Reply::Done => return None,
        })
    });
    let bare = [
        Reply::Status(Box::new(status(None))),
        Reply::Chats { chats: vec![], more: false },
        Reply::History { events: vec![], older: None },
        Reply::Outbox { messages: vec![], more: false },
        Reply::Cancelled { messages: vec![], in_flight: vec![], after: None },
        Reply::Consumers { consumers: vec![] },
        Reply::Peers { peers: vec![], more: false },
        Reply::Keys { keys: vec![], more: false },
    ];
    all.chain(bare).collect()
}

pub fn answers() -> Vec<Answer> {
    let takes = [(u64::MAX, false), (985, true)].map(|(bytes, ascii)| Takes { bytes, ascii });
    let of_text = takes.map(|takes| Failure::of_text(takes, "too long"));
    let failures = failure_kinds().into_iter().map(|kind| Failure::new(kind, "what: why")).chain(of_text);
    let first = Answer::Reply(Reply::Done);
    let kinds = successors(Some(first), |answer| match answer {
        Answer::Reply(_) => Some(Answer::Failure(Failure::new(FailureKind::Failed, ""))),
        Answer::Failure(_) => Some(Answer::Event(events().remove(0))),
        Answer::Event(_) => None,
    });
    kinds
        .chain(replies().into_iter().map(Answer::Reply))
        .chain(failures.map(Answer::Failure))
        .chain(events().into_iter().map(Answer::Event))
        .collect()
}
