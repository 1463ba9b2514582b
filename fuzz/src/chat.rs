//! The machine of one chat: whatever its user does, its peer says and the clock shows, and killed and taken up again
//! from what was kept. `Watched` holds it to what its contract says; here is what happens to it.

mod watched;

use std::time::{Duration, Instant};

use arbitrary::{Result, Unstructured};
use simp_proto::{Chat, Dialect, Habit, Known, Operation, Seq, Settings, Snapshot, State, Us};

use crate::heard::{self, Before};
use watched::Watched;

/// Longer inputs show nothing that shorter ones do not.
const STEPS_MAX: usize = 300;

/// In milliseconds: what means something to a chat, and much more.
const PAUSES: [u64; 12] = [0, 1, 29, 250, 499, 1_000, 2_500, 4_999, 5_000, 10_000, 120_000, 86_400_000];

/// Lets all this happen to one chat.
pub fn run(bytes: &[u8]) {
    let mut input = Unstructured::new(bytes);
    let mut before = Before::default();
    let Ok(mut chat) = begin(&mut input, &mut before) else { return };
    chat.drain();
    for _ in 0..STEPS_MAX {
        // An error says that the input has ended.
        if input.is_empty() || step(&mut chat, &mut input, &mut before).is_err() {
            break;
        }
    }
    chat.hears_nothing_more();
}

fn begin(input: &mut Unstructured<'_>, before: &mut Before) -> Result<Watched> {
    let now = Instant::now();
    let expiry = Duration::from_millis(*input.choose(&PAUSES)?);
    let attempts = input.int_in_range(1..=8)?;
    let message_max = *input.choose(&[4_096, 985, 65_000])?;
    let settings = Settings { attempts, request_expiry: expiry, message_max };
    let us = Us { user: watched::me(), settings };
    let known =
        Known { dialect: dialect(input)?, is_pinned: input.arbitrary()?, is_stranger: input.arbitrary()? };
    let mut chat = match input.int_in_range(0..=3)? {
        0 => Chat::invite(now, us, known, expiry),
        1 => {
            let syn = heard::datagram(input, before)?
                .1
                .ok()
                .filter(|datagram| datagram.operation == Operation::Syn);
            let syn = syn.unwrap_or(simp_proto::Datagram::new(Operation::Syn, 0, watched::me(), Vec::new()));
            Chat::invited(now, us, known, &syn)
        }
        _ => {
            let mut kept = Snapshot {
                state: *input.choose(&[State::Inviting, State::Invited, State::Accepting, State::Open])?,
                user: watched::me(),
                seq: Seq::of(input.arbitrary()?),
                received: None,
                dialect: known.dialect,
            };
            if input.arbitrary()? {
                kept.note_received(input.int_in_range(0..=2)?, "hi");
            }
            return Ok(Watched::resumed(now, us, kept, expiry));
        }
    };
    let until = now + Duration::from_millis(*input.choose(&PAUSES)?);
    match input.int_in_range(0..=3)? {
        0 => chat.answer_from(until),
        1 => chat.hold_until(until),
        _ => {}
    }
    crate::trace(&chat);
    Ok(Watched::new(now, us, chat))
}

/// Half of the peers are as specified; the others have any habits.
fn dialect(input: &mut Unstructured<'_>) -> Result<Dialect> {
    let mut dialect = Dialect::default();
    if input.arbitrary()? {
        let bits: u32 = input.arbitrary()?;
        for (at, (habit, _)) in Habit::ALL.iter().enumerate() {
            dialect.set(*habit, bits >> at & 1 == 1);
        }
        // As whatever was kept is read: some habits come with others.
        let form = input.choose(&["plain", "form-2021", "one-byte-length", "two-byte-length"])?;
        dialect = Dialect::from_kept(&format!("{form},{dialect}"));
    }
    Ok(dialect)
}

fn step(chat: &mut Watched, input: &mut Unstructured<'_>, before: &mut Before) -> Result<()> {
    match input.int_in_range(0..=31)? {
        0..10 => {
            if let (_, Ok(datagram)) = heard::datagram(input, before)? {
                chat.hears(&datagram);
            }
        }
        10..15 => chat.wait(*input.choose(&PAUSES)?),
        15 => chat.wait(input.arbitrary::<u32>()?.into()),
        16..21 => chat.wait_until_due(),
        21..25 => chat.send("hi"),
        25 => chat.accept(),
        26 => chat.decline(),
        27 => chat.close(input.arbitrary()?),
        28 => chat.take_back(input.arbitrary::<u8>()?.into()),
        29 => chat.cannot_be_reached(),
        30 => chat.is_taken_up_again(Duration::from_millis(*input.choose(&PAUSES)?)),
        _ => match input.int_in_range(0..=15)? {
            0 => chat.abandon(),
            1 => chat.gives_way(),
            2 => chat.has_not_answered(),
            3..6 => chat.is_asked_whether_it_is_there(),
            6 | 7 => chat.is_refused(input.arbitrary()?),
            8..12 => chat.is_held_back(),
            _ => chat.is_released(),
        },
    }
    before.ours = chat.last_number;
    Ok(())
}
