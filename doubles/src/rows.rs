//! All rows: for each kind of program that was seen, and for others that may well exist.

mod invented;
mod real;
mod seen;
mod table;

use crate::row::Row;

/// All of them.
pub fn rows() -> Vec<Row> {
    let mut rows = table::rows();
    rows.extend(seen::rows());
    rows.extend(real::rows());
    rows.iter_mut().for_each(|row| row.is_seen = true);
    rows.extend(invented::rows());
    rows
}
