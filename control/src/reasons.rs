//! Reasons as they travel: one that clients of 0.2 do not know is `detail`, and beside it in `reason` stands the one of
//! theirs that comes nearest. They could not read on otherwise.

use serde::de::{Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use simp_values::Reason;

/// What is written.
#[derive(Serialize)]
struct Told {
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<Reason>,
}

/// What is read.
#[derive(Deserialize)]
struct Heard {
    #[serde(default)]
    reason: Option<Reason>,
    #[serde(default)]
    detail: Option<Detail>,
}

/// A reason, or what only a newer daemon knows.
#[derive(Deserialize)]
#[serde(untagged)]
enum Detail {
    Known(Reason),
    Unknown(IgnoredAny),
}

impl Told {
    fn new(reason: Option<Reason>) -> Self {
        // One match without `_`: whoever adds a reason has to decide here.
        let nearest = reason.map(|reason| match reason {
            Reason::Quit
            | Reason::PeerQuit
            | Reason::WeDeclined
            | Reason::PeerDeclined
            | Reason::PeerBusy
            | Reason::Withdrawn
            | Reason::NoAnswer
            | Reason::RequestExpired
            | Reason::NobodyThere
            | Reason::PeerGone
            | Reason::PeerRestarted
            | Reason::Cancelled
            | Reason::Expired
            | Reason::TooLong => reason,
            Reason::OtherKey => Reason::PeerGone,
        });
        let detail = reason.filter(|_| nearest != reason);
        Self { reason: nearest, detail }
    }
}

impl Heard {
    fn reason(self) -> Option<Reason> {
        match self.detail {
            Some(Detail::Known(reason)) => Some(reason),
            Some(Detail::Unknown(_)) | None => self.reason,
        }
    }
}

/// Writes a reason that is always there.
pub(crate) fn tell<S: Serializer>(reason: &Reason, to: S) -> Result<S::Ok, S::Error> {
    Told::new(Some(*reason)).serialize(to)
}

/// Reads one that is always there.
pub(crate) fn hear<'de, D: Deserializer<'de>>(from: D) -> Result<Reason, D::Error> {
    let heard = Heard::deserialize(from)?;
    heard.reason.and_then(|_| heard.reason()).ok_or_else(|| D::Error::missing_field("reason"))
}

/// Writes one that may be absent.
pub(crate) fn tell_if_any<S: Serializer>(reason: &Option<Reason>, to: S) -> Result<S::Ok, S::Error> {
    Told::new(*reason).serialize(to)
}

/// Reads one that may be absent.
pub(crate) fn hear_if_any<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Reason>, D::Error> {
    Heard::deserialize(from).map(Heard::reason)
}
