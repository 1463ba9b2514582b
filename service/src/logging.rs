//! Log lines on standard error, which is a file if the program runs in the background.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

use crate::messages;
use crate::throttle::Throttle;

/// From now on writes what is logged at `most`, or is more important than that. Once for each process.
///
/// What strangers can cause is logged at `info`: unless `most` is `debug`, a flood of those lines is cut.
pub fn start(most: Level) {
    let info = (most < Level::DEBUG).then(|| Mutex::new(Throttle::new(Instant::now())));
    tracing_subscriber::fmt().with_max_level(most).with_writer(Lines { info }).with_target(false).init();
}

struct Lines {
    info: Option<Mutex<Throttle>>,
}

/// What becomes of one line.
enum Line {
    /// It is written, after the number of those that were not.
    Written {
        left_out: u64,
    },
    LeftOut,
}

impl MakeWriter<'_> for Lines {
    type Writer = Line;

    fn make_writer(&self) -> Line {
        Line::Written { left_out: 0 }
    }

    fn make_writer_for(&self, line: &Metadata<'_>) -> Line {
        let Some(info) = self.info.as_ref().filter(|_| *line.level() == Level::INFO) else {
            return self.make_writer();
        };
        let mut info = info.lock().unwrap_or_else(PoisonError::into_inner);
        info.pass(Instant::now()).map_or(Line::LeftOut, |left_out| Line::Written { left_out })
    }
}

impl Write for Line {
    /// The whole line comes at once.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self {
            Self::Written { left_out: 0 } => messages::write(line),
            Self::Written { left_out } => {
                let note = format!("{left_out} lines were left out here (--log debug shows all)\n");
                messages::write(&[note.as_bytes(), line].concat());
            }
            Self::LeftOut => {}
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
