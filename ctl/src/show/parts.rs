//! Parts of what people read, for every form of it.

use std::fmt::Write as _;

use simp_control::Peer;
use unicode_width::UnicodeWidthStr as _;

/// What to type for this peer: its user name if that means nothing to a shell, else its address.
pub(super) fn handle(peer: &Peer) -> &str {
    let harmless = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !peer.user.is_empty() && peer.user.chars().all(harmless) { &peer.user } else { &peer.address }
}

/// Rows with their columns aligned.
pub(super) fn table<const N: usize>(rows: impl Iterator<Item = [String; N]>) -> String {
    let rows: Vec<[String; N]> = rows.collect();
    let widths: Vec<usize> =
        (0..N).map(|column| rows.iter().map(|row| row[column].width()).max().unwrap_or(0)).collect();
    let mut out = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let space = width - cell.width() + 2;
            let _ = write!(line, "{cell}{:space$}", "");
        }
        // The last column may be empty, and spaces at the end of a line mean nothing.
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}
