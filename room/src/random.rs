//! Names that nobody else comes upon.

use argon2::password_hash::rand_core::{OsRng, RngCore as _};

/// 128 bits, as hexadecimal digits.
pub fn random() -> String {
    let mut bytes = [0; 16];
    OsRng.fill_bytes(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
