//! The loop: takes in what has come, draws once, and waits.

use std::env;
use std::io::{self, IsTerminal as _};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, raise};
use ratatui_core::layout::Rect;
use signal_hook::consts::{SIGCONT, SIGTSTP};
use signal_hook::low_level::emulate_default_handler;
use simp_control::error::{Error, Outcome, fail, system};
use simp_control::{Client, FailureKind, State, names};

use crate::app::{App, Next};
use crate::keys::folders::Folders;
use crate::model::job::Job;
use crate::model::state::{Contact, Gaze, Model};
use crate::run::asking::{Asker, carry_out};
use crate::run::console::Console;
use crate::run::first::snapshot;
use crate::run::inputs::{INPUTS_MAX, Input};
use crate::run::{following, reading};
use crate::view::palette::Palette;

/// How long simpd may take to say that it has what was typed last, when the user leaves.
const LEAVING: Duration = Duration::from_secs(2);

/// So much is taken in at most before the screen is drawn.
const AT_A_TIME: usize = 100;

/// What a user left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// Chats that are open still.
    pub open: usize,
}

/// Checks that there is a screen.
///
/// # Errors
/// `usage` if there is none: it names what to use instead.
pub fn check() -> Outcome {
    let is_dumb = env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    match (io::stdin().is_terminal() && io::stdout().is_terminal(), is_dumb) {
        (true, false) => Ok(()),
        (true, true) => {
            let line =
                "this terminal has no screen; TERM is not set, or dumb (use simpctl listen and simpctl send)";
            Err(fail(FailureKind::Usage, line))
        }
        (false, _) => {
            let line =
                "chat needs a terminal for its input and output (in a script: simpctl listen, simpctl send)";
            Err(fail(FailureKind::Usage, line))
        }
    }
}

/// Shows the screen until the user leaves it. With `whom`, the chat with that user or address comes first: it is shown,
/// accepted, or asked for.
///
/// # Errors
/// `no_such` and `usage` if `whom` means nobody, `no_daemon` if simpd is gone for good, or had not taken all that was
/// typed when the user left.
pub fn run(mut client: Client, whom: Option<&str>) -> Outcome<Left> {
    client.tell(|_, _| ());
    let mut model = Model::new(snapshot(&mut client)?);
    if let Some(whom) = whom {
        let is_known = model.list.meant_for_certain(whom).is_some();
        let address = if is_known { whom.to_owned() } else { names::address(&mut client, whom)? };
        model.connect(&address).map_err(|why| fail(FailureKind::Usage, why))?;
    }
    let folders = Folders { here: env::current_dir().unwrap_or_default(), home: env::home_dir() };
    let mut app = App::new(model, palette(), Rect::default(), folders);
    app.settle();
    let later = open(&mut client, &mut app)?;
    let (sender, inputs) = sync_channel(INPUTS_MAX);
    // Before the terminal is ours: from then on nothing may end this that does not give it back.
    reading::signals(sender.clone()).map_err(|error| no_screen(&error))?;
    let mut console = Console::enter().map_err(|error| no_screen(&error))?;
    console.draw(&mut app).map_err(|error| no_screen(&error))?;
    let asker = Asker::start(&client, &sender)?;
    later.into_iter().for_each(|asked| asker.ask(0, asked));
    reading::keys(sender.clone());
    following::follow(client, app.model.ours.last_id, sender);
    let mut screen = Screen { app, console, asker, log: 0 };
    let ended = screen.show(&inputs);
    drop(screen.console);
    match ended? {
        End::Left => left(&screen.app.model),
        End::Signal(signal) => {
            // As it would have been without us, now that the terminal is as it was.
            let _ = emulate_default_handler(signal);
            Err(Error::Abandoned)
        }
        End::Gone => Err(Error::Abandoned),
    }
}

/// What the first frame shows is asked for before it; the other jobs follow it.
fn open(client: &mut Client, app: &mut App) -> Outcome<Vec<crate::model::job::Asked>> {
    let (now, later): (Vec<_>, Vec<_>) =
        app.model.jobs.take().into_iter().partition(|asked| matches!(asked.job, Job::Older { .. }));
    for asked in now {
        let outcome = carry_out(client, &asked)?;
        app.model.answer(crate::model::job::Answered { asked, outcome });
    }
    Ok(later)
}

fn palette() -> Palette {
    let is_set = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if is_set { Palette::None } else { Palette::Colours }
}

fn no_screen(error: &io::Error) -> Error {
    fail(FailureKind::Failed, format!("the terminal: {}", system(error)))
}

/// What is told to a user who leaves.
fn left(model: &Model) -> Outcome<Left> {
    let unsaid = &model.jobs.unsaid;
    if let Some((_, text)) = unsaid.first() {
        let what = match unsaid.len() {
            1 => format!("simpd is away and has not taken what was written last: {text}"),
            count => format!("simpd is away and has not taken the last {count} texts, from: {text}"),
        };
        return Err(fail(FailureKind::NoDaemon, what));
    }
    Ok(Left { open: model.list.newest_first().filter(|row| row.state() == Some(State::Open)).count() })
}

/// How it ends.
enum End {
    Left,
    Signal(i32),
    /// Nobody is there to see anything.
    Gone,
}

/// What becomes of the loop after an input.
enum Flow {
    On,
    Redraw,
    Leave,
    End(End),
}

/// The screen at work.
struct Screen {
    app: App,
    console: Console,
    asker: Asker,
    /// How many logs simpd has had since the start: answers of older ones mean nothing.
    log: u64,
}

impl Screen {
    fn show(&mut self, inputs: &Receiver<Input>) -> Outcome<End> {
        while let Ok(first) = inputs.recv() {
            let more = std::iter::from_fn(|| inputs.try_recv().ok());
            for input in std::iter::once(first).chain(more).take(AT_A_TIME) {
                match self.take(input)? {
                    Flow::On => (),
                    Flow::Redraw if self.console.clear().is_err() => return Ok(End::Gone),
                    Flow::Redraw => (),
                    Flow::Leave => return self.leave(inputs),
                    Flow::End(end) => return Ok(end),
                }
            }
            if self.draw().is_err() {
                return Ok(End::Gone);
            }
        }
        Ok(End::Gone)
    }

    fn draw(&mut self) -> io::Result<()> {
        let drawn = self.console.draw(&mut self.app);
        self.ask();
        drawn
    }

    fn ask(&mut self) {
        for asked in self.app.model.jobs.take() {
            self.asker.ask(self.log, asked);
        }
    }

    fn take(&mut self, input: Input) -> Outcome<Flow> {
        let model = &mut self.app.model;
        match input {
            Input::Key(key) => match self.app.key(key) {
                Next::GoOn => (),
                Next::Leave => return Ok(Flow::Leave),
                Next::Redraw => return Ok(Flow::Redraw),
                Next::Suspend => return Ok(self.suspend()),
            },
            Input::Paste(text) => self.app.paste(&text),
            Input::Resized => (),
            Input::Gaze(true) => model.gaze = Gaze::Here,
            Input::Gaze(false) => model.gaze = Gaze::Elsewhere,
            Input::Events(events) => events.into_iter().for_each(|event| model.hear(event)),
            Input::Away => model.contact = Contact::Away,
            Input::Back => model.contact = Contact::Here,
            Input::Anew(snapshot) => {
                self.log += 1;
                self.app.begin_anew(*snapshot);
            }
            Input::Answer(log, answered) if log == self.log => model.answer(*answered),
            Input::Answer(_, answered) => model.answer_of_old_log(*answered),
            Input::Signal(SIGTSTP) => return Ok(self.suspend()),
            Input::Signal(SIGCONT) => return Ok(self.resume()),
            Input::Signal(signal) => return Ok(Flow::End(End::Signal(signal))),
            Input::Gone => return Ok(Flow::End(End::Gone)),
            Input::Failed(error) => return Err(error),
        }
        Ok(Flow::On)
    }

    /// Stops, as the shell is used to, until it is told to go on.
    fn suspend(&mut self) -> Flow {
        self.console.lend();
        // Whoever cannot be stopped goes on.
        let _ = raise(Signal::SIGSTOP);
        self.resume()
    }

    /// Goes on after it was stopped, by us or by somebody else: the shell has made the terminal its own.
    fn resume(&mut self) -> Flow {
        self.console.lend();
        match self.console.take() {
            Ok(()) => Flow::Redraw,
            Err(_) => Flow::End(End::Gone),
        }
    }

    /// Waits until simpd has what was typed last, if it is there.
    fn leave(&mut self, inputs: &Receiver<Input>) -> Outcome<End> {
        self.ask();
        let deadline = Instant::now() + LEAVING;
        while !self.app.model.jobs.unsaid.is_empty() && self.app.model.contact == Contact::Here {
            match inputs.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(input @ (Input::Answer(..) | Input::Away)) => {
                    self.take(input)?;
                }
                Ok(_) => (),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        Ok(End::Left)
    }
}
