//! Log lines on standard error, which is a file if the program runs in the background.

use tracing::Level;

/// From now on writes what is logged at `most`, or is more important than that. Once for each process.
pub fn start(most: Level) {
    tracing_subscriber::fmt().with_max_level(most).with_writer(std::io::stderr).with_target(false).init();
}
