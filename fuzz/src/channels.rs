//! What happens to channels, and what peers say over them: most of it makes sense where it comes.

use std::net::SocketAddr;

use arbitrary::{Result, Unstructured};
use simp_engine::{ChannelCommand, ChannelEvent};
use simp_proto::secure::{Broken, ChannelId, ChatId, Frame, Hello, KeyId, PROTOCOL, Stands};

/// Who may be at the other end.
const KEYS: u8 = 3;

/// What is known of the daemon's channels.
#[derive(Debug, Default)]
pub struct Known {
    channels: Vec<ChannelId>,
    chats: Vec<ChatId>,
    /// How many peers have opened.
    incoming: u64,
}

impl Known {
    /// The daemon wants this done.
    pub fn note(&mut self, command: &ChannelCommand) {
        match command {
            ChannelCommand::Open(channel, ..) => self.channels.push(*channel),
            ChannelCommand::Write(_, Frame::Hello(hello)) if !self.chats.contains(&hello.chat) => {
                self.chats.push(hello.chat);
            }
            _ => {}
        }
    }
}

/// What happens next, with one channel; `last_id` is the newest entry of the daemon's log.
pub fn events(
    input: &mut Unstructured<'_>,
    known: &mut Known,
    (from, last_id): (SocketAddr, u64),
) -> Result<Vec<ChannelEvent>> {
    let key = KeyId::new([input.int_in_range(1..=KEYS)?; 32]);
    if known.channels.is_empty() || input.ratio(1, 6)? {
        known.incoming += 1;
        let channel = ChannelId(2 * known.incoming - 1);
        known.channels.push(channel);
        let mut events = vec![ChannelEvent::Incoming(channel, key, from)];
        if input.ratio(7, 8)? {
            events.push(ChannelEvent::Frame(channel, Frame::Hello(hello(input, known, last_id)?)));
        }
        return Ok(events);
    }
    let channel = *input.choose(&known.channels)?;
    Ok(vec![match input.int_in_range(0..=9)? {
        0 | 1 => ChannelEvent::Opened(channel, key),
        2 => ChannelEvent::Broken(channel, broken(input)?),
        3 => ChannelEvent::NotSent(from, "no way leads there"),
        _ => ChannelEvent::Frame(channel, frame(input, known, last_id)?),
    }])
}

fn broken(input: &mut Unstructured<'_>) -> Result<Broken> {
    let other = Broken::OtherKey(KeyId::new([9; 32]));
    let all = [Broken::Unreachable, Broken::NoAnswer, Broken::Lost, Broken::Refused, other];
    Ok(*input.choose(&all)?)
}

fn hello(input: &mut Unstructured<'_>, known: &Known, last_id: u64) -> Result<Hello> {
    let chat = match known.chats.is_empty() || input.ratio(1, 3)? {
        true => ChatId(input.int_in_range(0..=3)?),
        false => *input.choose(&known.chats)?,
    };
    Ok(Hello {
        version: PROTOCOL,
        features: Vec::new(),
        user: (*input.choose(&["ann", "bob", "", "x\u{1b}[2J", "j\u{f6}rg"])?).to_owned(),
        chat,
        stands: *input.choose(&[Stands::Inviting, Stands::Invited, Stands::Open, Stands::Over])?,
        received: *input.choose(&[0, 0, last_id, u64::MAX])?,
        text_max: *input.choose(&[1 << 18, 0, 3])?,
        log: "log".to_owned(),
    })
}

fn frame(input: &mut Unstructured<'_>, known: &Known, last_id: u64) -> Result<Frame> {
    Ok(match input.int_in_range(0..=11)? {
        0..2 => Frame::Hello(hello(input, known, last_id)?),
        2 => Frame::Accept,
        3 => Frame::Busy,
        4..8 => Frame::Text {
            number: *input.choose(&[0, 1, 2, 3, 5, 1 << 40, u64::MAX])?,
            text: (*input.choose(&["hi", "", "\0\u{1b}"])?).to_owned(),
            kept: input.arbitrary()?,
            answers: *input.choose(&[None, Some(0), Some(last_id), Some(u64::MAX)])?,
        },
        8..10 => Frame::Ack { upto: *input.choose(&[0, 1, last_id, u64::MAX])? },
        10 => Frame::Bye { reason: Some("\u{1b}why".to_owned()) },
        _ => Frame::Bye { reason: None },
    })
}
