//! Commands that run side by side, a thread for each, and what becomes of them.

use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use simp_control::FailureKind;
use simp_control::error::{Outcome, fail, system};

use super::attend::{self, Failed, Terms};
use super::environment::{MAY_BE_SET, environment, input};
use super::jobs::{Run, Task};

/// Runs commands.
pub(super) struct Commands {
    command: String,
    /// For what is given up.
    failed: Option<String>,
    terms: Terms,
    ended: Receiver<Ended>,
    report: Sender<Ended>,
    /// Can be read as soon as one has ended.
    call: PipeReader,
    caller: Arc<PipeWriter>,
}

/// A run that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// Which.
    pub(super) run: Run,
    /// Its output, or how it has failed.
    pub(super) outcome: Result<Vec<u8>, Failed>,
}

impl Commands {
    /// Runs this one, on these terms, and `failed` for what is given up.
    ///
    /// # Errors
    /// If this process has no descriptor left.
    pub(super) fn new(command: &str, failed: Option<&str>, terms: Terms) -> Outcome<Self> {
        let no_pipe = |error: io::Error| fail(FailureKind::Failed, format!("pipe: {}", system(&error)));
        let (call, caller) = io::pipe().map_err(no_pipe)?;
        for end in [call.as_fd(), caller.as_fd()] {
            fcntl(end, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(|errno| no_pipe(errno.into()))?;
        }
        let (report, ended) = mpsc::channel();
        let (command, failed) = (command.to_owned(), failed.map(str::to_owned));
        Ok(Self { command, failed, terms, ended, report, call, caller: Arc::new(caller) })
    }

    /// Starts this run.
    pub(super) fn start(&self, run: Run) {
        let (command, terms) = match (&run.task, &self.failed) {
            // What is printed of what was given up is no answer.
            (Task::GiveUp { .. }, Some(failed)) => {
                (failed.clone(), Terms { keeps_output: false, ..self.terms })
            }
            (Task::Try | Task::GiveUp { .. }, _) => (self.command.clone(), self.terms),
        };
        let (report, caller, running) = (self.report.clone(), Arc::clone(&self.caller), run.clone());
        let thread = thread::Builder::new().spawn(move || {
            let environment = environment(&running.event, &running.task);
            let prepare = |sh: &mut Command| {
                for name in MAY_BE_SET {
                    sh.env_remove(name);
                }
                sh.envs(environment);
            };
            let outcome = attend::run(&command, prepare, &input(&running.event), terms);
            tell(&report, &caller, Ended { run: running, outcome });
        });
        if let Err(error) = thread {
            tell(
                &self.report,
                &self.caller,
                Ended { run, outcome: Err(Failed::Other(format!("thread: {}", system(&error)))) },
            );
        }
    }

    /// Can be read as soon as one has ended.
    pub(super) fn call(&self) -> BorrowedFd<'_> {
        self.call.as_fd()
    }

    /// One that has ended.
    pub(super) fn ended(&mut self) -> Option<Ended> {
        // Before it is looked: who ends after that calls again.
        let _ = self.call.read(&mut [0; 64]);
        self.ended.try_recv().ok()
    }

    /// The next that ends, which is waited for.
    pub(super) fn next_ended(&self) -> Option<Ended> {
        self.ended.recv().ok()
    }
}

fn tell(report: &Sender<Ended>, mut caller: &PipeWriter, ended: Ended) {
    // Nobody waits for it any more, or has been called often enough to look.
    let _ = report.send(ended);
    let _ = caller.write(b"!");
}
