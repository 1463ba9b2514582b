//! The values that SIMP and the control API have in common: states and reasons, names, texts, keys. No I/O, and nothing of
//! what chats do with them: who shows them to people need not know how the protocol works.
//!
//! - `state`: where a chat stands, and why it ended. `text`: texts and names as SIMP has them. `ascii`: what stands for other
//!   characters there.
//! - `key`, `name`, `digest`: what secure chats have besides.

pub mod ascii;
mod digest;
mod key;
mod name;
mod state;
pub mod text;

pub use digest::{Digest, DigestError};
pub use key::{KeyId, KeyIdError};
pub use name::{Name, NameError};
pub use state::{Reason, State};
