//! `simp-web open`: the browser of the user, at the page of a simp-web that runs.

use std::process::{Command, Stdio};

use simp_control::error::Outcome;

use crate::files::Found;
use crate::output::{print, say};

/// What opens whatever a user has for web pages.
const OPENER: &str = "xdg-open";

/// Opens the page, or says where it is.
///
/// # Errors
/// If no simp-web runs.
pub fn run(named: Option<String>) -> Outcome {
    let found = Found::find(named)?;
    // Not the URL: the arguments of a program can be read by everybody on this machine.
    let opened = Command::new(OPENER)
        .arg(&found.page)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match opened {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => {
            say("xdg-open found no browser; open this one yourself:");
            print(&found.url)
        }
        Err(_) => {
            say("xdg-open is not installed; open this one yourself:");
            print(&found.url)
        }
    }
}
