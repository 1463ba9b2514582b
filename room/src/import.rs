//! The accounts of another chat, from the file that it keeps them in: `json`, or a `table` with its `fields`. `hashes`, `shapes`, `algorithms`: what
//! is none of its passwords.

mod algorithms;
mod fields;
mod found;
mod hashes;
mod json;
mod shapes;
mod table;

pub use found::Found;
pub use hashes::Looks;

/// All accounts in the file, as they are: whether they can be accounts here is not looked at.
///
/// # Errors
/// What in it is no account, and where.
pub fn read(text: &str) -> Result<Vec<Found>, String> {
    // By what it says: nobody knows what such files are called.
    let is_json = text.trim_start_matches('\u{feff}').trim_start().starts_with(['{', '[']);
    let found = if is_json { json::read(text.trim_start_matches('\u{feff}')) } else { table::read(text) }?;
    if found.is_empty() { Err("no accounts in it".to_owned()) } else { Ok(found) }
}
