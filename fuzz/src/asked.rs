//! Requests as clients may make them: most are about something that there is.

use arbitrary::{Result, Unstructured};
use simp_control::{Filter, FollowFrom, Forgotten, KeyId, Kind, Request, TrustedKey};

/// Peers as users name them, and what is none.
const WHO: [&str; 14] = [
    "127.0.0.2",
    "127.0.0.2:7777",
    "127.0.0.2:7778",
    "127.0.0.3",
    "[::1]:7777",
    "ann",
    "bob",
    "ann@127.0.0.2:7777",
    "127.0.0.1",
    "127.0.0.4:0",
    "0.0.0.0",
    "fe80::1%2",
    "",
    "\x1b[2J\n",
];

/// A host as users name it.
pub const HOST: &str = "nas.example";

const TEXTS: [&str; 5] = ["hi", "a longer text, of a few words", "", "gr\u{fc}n", "a\nb"];

/// In milliseconds.
const LIMITS: [u64; 6] = [0, 1, 1_000, 60_000, 86_400_000, u64::MAX];

/// The next request. Entries of the log have ids up to about `last`.
pub fn request(input: &mut Unstructured<'_>, last: u64) -> Result<Request> {
    Ok(match input.int_in_range(0..=31)? {
        0..6 => send(input, last)?,
        6..10 => {
            Request::Connect { address: who(input)?, timeout_ms: limit(input)?, secure: input.arbitrary()? }
        }
        10..13 => Request::Accept { who: some_who(input)? },
        13 => Request::Decline { who: some_who(input)? },
        14..17 => {
            Request::Quit { who: some_who(input)?, chat: some_id(input, last)?, now: input.arbitrary()? }
        }
        17 => Request::Outbox { after: id(input, last)? },
        18 => match input.ratio(1, 4)? {
            true => Request::CancelAll { who: some_host(input)?, after: 0 },
            false => Request::Cancel { message: id(input, last)? },
        },
        19 | 20 => Request::Resend { message: id(input, last)?, expire_ms: limit(input)? },
        21 => Request::Chats { after: id(input, last)? },
        22 => Request::History {
            before: some_id(input, last)?,
            limit: input.arbitrary()?,
            filter: filter(input)?,
        },
        23 => Request::Follow { from: from(input, last)?, filter: filter(input)? },
        24 | 25 => Request::Seen { consumer: name(input)?, id: id(input, last)? },
        26 => Request::Consumers,
        27 => Request::Forget { consumer: name(input)? },
        28 => keys(input)?,
        29 => match input.arbitrary()? {
            true => Request::ForgetPeer(Forgotten::All),
            false => Request::ForgetPeer(Forgotten::Who(who(input)?)),
        },
        30 => match input.arbitrary()? {
            true => Request::Status,
            false => Request::Read { address: who(input)?, id: id(input, last)? },
        },
        _ => match input.arbitrary()? {
            true => match input.int_in_range(0..=2)? {
                0 => Request::HoldLog,
                1 => Request::ReleaseLog,
                _ => Request::Stop,
            },
            false => Request::Hello { version: input.arbitrary()? },
        },
    })
}

fn keys(input: &mut Unstructured<'_>) -> Result<Request> {
    let who = who(input)?;
    let key = KeyId::new([input.int_in_range(0..=3)?; 32]);
    Ok(match input.int_in_range(0..=4)? {
        0 => Request::Peers { after: who },
        1 => Request::Keys { after: who },
        2 => Request::ForgetKey { who },
        3 => Request::ForgetKey { who: key.to_string() },
        _ => Request::TrustKeys { keys: vec![TrustedKey { who, key }] },
    })
}

fn send(input: &mut Unstructured<'_>, last: u64) -> Result<Request> {
    let (who, queue) = (some_who(input)?, input.arbitrary()?);
    // What is odd is seldom, or hardly any would be sent.
    if input.ratio(3, 4)? {
        let text = (*input.choose(&TEXTS[..2])?).to_owned();
        return Ok(Request::Send {
            who,
            chat: None,
            text,
            queue,
            expire_ms: None,
            token: None,
            again_after: None,
            once: None,
            host: None,
            answers: None,
        });
    }
    let text = match input.ratio(1, 4)? {
        true => "x".repeat(input.int_in_range(900..=1_000)?),
        false => (*input.choose(&TEXTS)?).to_owned(),
    };
    Ok(Request::Send {
        who,
        chat: some_id(input, last)?,
        text,
        queue,
        expire_ms: limit(input)?,
        token: input.ratio(1, 2)?.then_some(7),
        again_after: some_id(input, last)?,
        once: input.ratio(1, 4)?.then(|| "once".to_owned()),
        host: some_host(input)?,
        answers: input.arbitrary()?,
    })
}

fn who(input: &mut Unstructured<'_>) -> Result<String> {
    if input.ratio(1, 32)? {
        return Ok(input.arbitrary::<&str>()?.to_owned());
    }
    Ok((*input.choose(&WHO)?).to_owned())
}

/// For a host now and then.
fn some_host(input: &mut Unstructured<'_>) -> Result<Option<String>> {
    Ok(input.ratio(1, 2)?.then(|| HOST.to_owned()))
}

fn some_who(input: &mut Unstructured<'_>) -> Result<Option<String>> {
    Ok(if input.ratio(1, 2)? { None } else { Some(who(input)?) })
}

fn id(input: &mut Unstructured<'_>, last: u64) -> Result<u64> {
    Ok(match input.int_in_range(0..=15)? {
        0 => u64::MAX,
        1 => i64::MAX as u64,
        2 => 0,
        _ => last.saturating_sub(u64::from(input.int_in_range(0..=31u8)?)),
    })
}

fn some_id(input: &mut Unstructured<'_>, last: u64) -> Result<Option<u64>> {
    Ok(if input.ratio(3, 4)? { None } else { Some(id(input, last)?) })
}

fn limit(input: &mut Unstructured<'_>) -> Result<Option<u64>> {
    Ok(if input.ratio(1, 2)? { None } else { Some(*input.choose(&LIMITS)?) })
}

fn name(input: &mut Unstructured<'_>) -> Result<String> {
    Ok((*input.choose(&["one", "two", "", "\n"])?).to_owned())
}

fn from(input: &mut Unstructured<'_>, last: u64) -> Result<FollowFrom> {
    Ok(match input.int_in_range(0..=2)? {
        0 => FollowFrom::After(id(input, last)?),
        1 => FollowFrom::Consumer(name(input)?),
        _ => FollowFrom::End,
    })
}

fn filter(input: &mut Unstructured<'_>) -> Result<Filter> {
    if input.ratio(1, 2)? {
        return Ok(Filter::default());
    }
    let kinds =
        (0..input.int_in_range(0..=3)?).map(|_| Ok(*input.choose(&Kind::ALL)?)).collect::<Result<_>>()?;
    let (chat, who) = (some_id(input, 20)?, some_who(input)?);
    let text = if input.ratio(3, 4)? { None } else { Some((*input.choose(&TEXTS)?).to_owned()) };
    Ok(Filter { kinds, chat, who, since_ms: limit(input)?, until_ms: limit(input)?, text })
}
