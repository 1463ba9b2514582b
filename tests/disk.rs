//! A disk that is full, may not be written or fails, while simpd starts, runs and stops: what was promised is
//! kept, nothing else is told, and simpd goes on by itself once the disk takes writes again.

mod calls;
mod full;
mod pace;
pub mod refuse;
