//! Files of peers: each is fetched over a channel of its chat that is for files alone, from the byte on that is not there
//! yet, and the peer is told what became of it until it knows.

use std::time::Duration;

use simp_control::{State, What};
use simp_proto::secure::{Bytes, ChannelId, FILE_WINDOW, Frame, KeyId};
use simp_proto::text::read_payload_up_to;
use simp_store::{FileStands, KeptFile, StoreError};

use crate::channels::Owner;
use crate::engine::Engine;
use crate::files::{Fetch, FileCommand, Line, Progress, Pull, Saving};
use crate::now::Now;
use crate::ongoing::Ongoing;
use crate::timer::Timer;

/// Of so many files a peer is told at once what became of them.
const TOLD_MAX: usize = 64;

/// A peer of whom nothing comes is reminded this often: if it is another run of it by now, it says so.
const REMIND_EVERY: Duration = Duration::from_secs(2);

/// A channel that came to nothing is dialled again so much later, twice that after two, and so on.
const DIAL_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// But no later than twice that so many times.
const DOUBLED_AT_MOST: u32 = 5;

/// The peer hears of room once it is this much.
const ROOM_TOLD_FROM: u64 = FILE_WINDOW / 4;

/// What we keep of a peer's words on a file, in bytes.
pub const WORDS_MAX: usize = 256;

impl Engine {
    /// Goes on with what is to be fetched in this chat, and with what its peer is to be told of that.
    pub(crate) fn go_on_with_files(&mut self, now: Now, key: usize) -> Result<(), StoreError> {
        let Some(ongoing) = self.chats.get(key).filter(|ongoing| ongoing.carries_files()) else {
            return Ok(());
        };
        let chat = ongoing.id;
        let is_fetching = self.files.pulls.get(&chat).is_some_and(|pull| pull.fetch.is_some());
        let next = if is_fetching { None } else { self.store.taken_file(chat)? };
        let untold = self.store.untold_files(chat, TOLD_MAX)?;
        if !is_fetching && next.is_none() && untold.is_empty() {
            self.end_pull(chat);
            return Ok(());
        }
        let new = || Pull { key, line: Line::Down { failures: 0 }, fetch: None, told: 0, timer: None };
        let pull = self.files.pulls.entry(chat).or_insert_with(new);
        if let Some((saving, file)) = next.and_then(|file| Some((saving(&file)?, file))) {
            pull.fetch = Some(Fetch::new(&file, saving.folder.clone()));
            self.files.command(FileCommand::Save(saving));
        }
        self.tell(chat, &untold);
        self.dial_for_files(now, chat, !untold.is_empty());
        Ok(())
    }

    /// Opens the channel, if there is something to say on it and none is there.
    fn dial_for_files(&mut self, now: Now, chat: u64, has_untold: bool) {
        let Some(pull) = self.files.pulls.get_mut(&chat) else { return };
        let is_ready = pull.fetch.as_ref().is_some_and(|fetch| fetch.progress.is_some());
        let Line::Down { failures } = pull.line else { return };
        let Some(ongoing) = self.chats.get(pull.key).filter(|_| pull.timer.is_none()) else { return };
        if has_untold || is_ready {
            let channel = self.channels.name(Owner::Files(chat));
            pull.line = Line::Dialled { failures, channel };
            pull.timer = Some(self.wheel.set(now.instant + REMIND_EVERY, Timer::Files(chat)));
            self.channels.open(channel, ongoing.place.address(), ongoing.peer_key());
        }
    }

    /// The channel for files is there.
    pub(crate) fn handle_files_opened(
        &mut self,
        now: Now,
        chat: u64,
        (channel, key): (ChannelId, KeyId),
    ) -> Result<(), StoreError> {
        let pull = self.files.pulls.get_mut(&chat).filter(|pull| pull.line.channel() == Some(channel));
        let ongoing = pull.as_ref().and_then(|pull| self.chats.get(pull.key));
        let is_peer = ongoing.is_some_and(|ongoing| ongoing.id == chat && ongoing.peer_key() == Some(key));
        let Some(pull) = pull.filter(|_| is_peer) else {
            self.channels.end(channel);
            return Ok(());
        };
        (pull.line, pull.told) = (Line::Up(channel), 0);
        if pull.timer.is_none() {
            pull.timer = Some(self.wheel.set(now.instant + REMIND_EVERY, Timer::Files(chat)));
        }
        let untold = self.store.untold_files(chat, TOLD_MAX)?;
        self.tell(chat, &untold);
        for file in self.store.files_of(chat)? {
            self.claim(&file);
        }
        self.ask(chat);
        Ok(())
    }

    /// Says of a file that it is taken, and will be asked for in its turn: a want of nothing. Whoever sends it stays until then.
    pub(crate) fn claim(&mut self, file: &KeptFile) {
        let (FileStands::Taken(_), Some(pull)) = (&file.stands, self.files.pulls.get(&file.chat)) else {
            return;
        };
        let name = self.chats.get(pull.key).and_then(|ongoing| Some(ongoing.chat.secure()?.id()));
        if let (Some(channel), Some(chat)) = (pull.line.up(), name) {
            self.channels.write(channel, Frame::Want { chat, number: file.number, from: 0, upto: 0 });
        }
    }

    /// Tells the peer what became of files, if it has settled what it was told before.
    fn tell(&mut self, chat: u64, untold: &[KeptFile]) {
        let Some(pull) = self.files.pulls.get_mut(&chat).filter(|pull| pull.told == 0) else { return };
        let name = self.chats.get(pull.key).and_then(|ongoing| Some(ongoing.chat.secure()?.id()));
        let (Some(channel), Some(chat)) = (pull.line.up(), name) else { return };
        for file in untold {
            let number = file.number;
            let frame = match &file.stands {
                FileStands::Refused { reason, .. } => Frame::Refused { chat, number, reason: reason.clone() },
                _ => Frame::Done { chat, number },
            };
            self.channels.write(channel, frame);
        }
        pull.told = untold.len();
    }

    /// Asks for what is not there yet.
    fn ask(&mut self, chat: u64) {
        let Some(pull) = self.files.pulls.get_mut(&chat) else { return };
        let name = self.chats.get(pull.key).and_then(|ongoing| Some(ongoing.chat.secure()?.id()));
        let (Some(channel), Some(chat), Some(fetch)) = (pull.line.up(), name, &mut pull.fetch) else {
            return;
        };
        let Some(progress) = fetch.progress.as_mut().filter(|progress| progress.come < fetch.size) else {
            return;
        };
        let (from, upto) = (progress.come, progress.come + FILE_WINDOW);
        (progress.asked, progress.seen) = (upto, from);
        self.channels.write(channel, Frame::Want { chat, number: fetch.number, from, upto });
    }

    /// This came over the channel for files.
    pub(crate) fn handle_frame_of_files(
        &mut self,
        now: Now,
        chat: u64,
        channel: ChannelId,
        frame: Frame,
    ) -> Result<(), StoreError> {
        let pull = self.files.pulls.get(&chat).filter(|pull| pull.line.up() == Some(channel));
        let Some(key) = pull.map(|pull| pull.key) else { return Ok(()) };
        self.note_sign_of_files(now, key);
        match frame {
            Frame::Part { from, bytes } => self.handle_part(now, chat, from, bytes),
            Frame::Settled { number } => return self.handle_settled(now, chat, number),
            Frame::Gone { number, reason } => return self.handle_gone(now, chat, number, &reason),
            _ => self.lose_line(now, chat),
        }
        Ok(())
    }

    /// The peer of this chat has said something of files.
    pub(crate) fn note_sign_of_files(&mut self, now: Now, key: usize) {
        // In any other chat nothing comes of it, and there may be very many in a moment.
        if self.chats.get(key).is_none_or(|ongoing| ongoing.chat.state() != State::Closing) {
            return;
        }
        self.chats.change(key, |it| it.chat.secure_mut().map(|chat| chat.handle_sign_of_files(now.instant)));
    }

    fn handle_part(&mut self, now: Now, chat: u64, from: u64, Bytes(bytes): Bytes) {
        let fetch = self.files.pulls.get_mut(&chat).and_then(|pull| pull.fetch.as_mut());
        let Some(fetch) = fetch else { return };
        let (message, length) = (fetch.message, bytes.len() as u64);
        let progress = fetch.progress.as_mut();
        let Some(progress) =
            progress.filter(|it| it.come == from && length > 0 && from + length <= it.asked.min(fetch.size))
        else {
            return self.lose_line(now, chat);
        };
        progress.come += length;
        self.files.command(FileCommand::Write(message, bytes));
    }

    fn handle_settled(&mut self, now: Now, chat: u64, number: u64) -> Result<(), StoreError> {
        let untold = self.store.untold_files(chat, TOLD_MAX)?;
        let Some(settled) = untold.iter().find(|file| file.number == number) else { return Ok(()) };
        self.store.drop_file(settled.message)?;
        let Some(pull) = self.files.pulls.get_mut(&chat) else { return Ok(()) };
        pull.told = pull.told.saturating_sub(1);
        let key = pull.key;
        self.chats.touch(key);
        if pull.told == 0 { self.go_on_with_files(now, key) } else { Ok(()) }
    }

    /// The peer cannot send it any more, and knows that.
    fn handle_gone(&mut self, now: Now, chat: u64, number: u64, reason: &str) -> Result<(), StoreError> {
        let Some(pull) = self.files.pulls.get_mut(&chat) else { return Ok(()) };
        let key = pull.key;
        let Some(fetch) = pull.fetch.take_if(|fetch| fetch.number == number) else { return Ok(()) };
        let why = read_payload_up_to(reason.as_bytes(), WORDS_MAX);
        self.discard(fetch.message)?;
        self.append_of_file(now, key, What::FileFailed { message: fetch.message, why });
        self.store.drop_file(fetch.message)?;
        self.chats.touch(key);
        self.go_on_with_files(now, key)
    }

    /// So much of a file is there, of an earlier run perhaps: the rest may come.
    pub(crate) fn handle_ready(&mut self, now: Now, message: u64, length: u64) -> Result<(), StoreError> {
        let Some((chat, pull)) = self.files.fetch(message) else { return Ok(()) };
        let key = pull.key;
        if let Some(fetch) = &mut pull.fetch {
            fetch.progress = Some(Progress { come: length, asked: length, seen: length });
        }
        self.ask(chat);
        self.go_on_with_files(now, key)
    }

    /// There is room for more of a file.
    pub(crate) fn handle_written(&mut self, message: u64, upto: u64) {
        let Some((_, pull)) = self.files.fetch(message) else { return };
        let (Some(channel), Some(fetch)) = (pull.line.up(), &mut pull.fetch) else { return };
        let Some(progress) = &mut fetch.progress else { return };
        let room = upto + FILE_WINDOW;
        if progress.asked < fetch.size && room >= progress.asked + ROOM_TOLD_FROM {
            progress.asked = room;
            self.channels.write(channel, Frame::More { upto: room });
        }
    }

    /// A file is whole, durable, and at this path.
    pub(crate) fn handle_saved(&mut self, now: Now, message: u64, path: String) -> Result<(), StoreError> {
        let Some((_, pull)) = self.files.fetch(message) else { return Ok(()) };
        let (key, size) = (pull.key, pull.fetch.take().map_or(0, |fetch| fetch.size));
        self.discard(message)?;
        if let Some(mut file) = self.store.file(message)?
            && let FileStands::Taken(folder) = file.stands
        {
            file.stands = FileStands::Saved(folder);
            self.store.keep_file(&file)?;
        }
        self.append_of_file(now, key, What::FileSaved { message, path, size });
        self.go_on_with_files(now, key)
    }

    /// A file cannot be saved, or is not wanted any more: why, and what its peer is told of that.
    pub(crate) fn fail_fetch(
        &mut self,
        now: Now,
        message: u64,
        (why, told): (String, String),
    ) -> Result<(), StoreError> {
        let Some(mut file) = self.store.file(message)? else { return Ok(()) };
        let folder = match file.stands {
            FileStands::Offered => None,
            FileStands::Taken(folder) => Some(folder),
            FileStands::Ours(_)
            | FileStands::Fetched(_)
            | FileStands::Saved(_)
            | FileStands::Refused { .. } => return Ok(()),
        };
        file.stands = FileStands::Refused { reason: told, folder: folder.clone() };
        self.store.keep_file(&file)?;
        if let Some(folder) = folder {
            self.files.command(FileCommand::Discard(message, folder));
        }
        let key = self.chats.iter().find(|(_, ongoing)| ongoing.id == file.chat).map(|(key, _)| key);
        let Some(key) = key else { return Ok(()) };
        if let Some((chat, pull)) = self.files.fetch(message) {
            pull.fetch = None;
            // Parts of it may be on their way, and are not to be taken for those of the next.
            self.end_line(chat);
        }
        self.append_of_file(now, key, What::FileFailed { message, why });
        self.go_on_with_files(now, key)
    }

    /// What is there of a file goes, but for what was saved.
    fn discard(&mut self, message: u64) -> Result<(), StoreError> {
        if let Some(FileStands::Taken(folder)) = self.store.file(message)?.map(|file| file.stands) {
            self.files.command(FileCommand::Discard(message, folder));
        }
        Ok(())
    }

    /// An entry on a file of this chat.
    pub(crate) fn append_of_file(&mut self, now: Now, key: usize, what: What) {
        let Some(ongoing) = self.chats.get(key) else { return };
        let message = match &what {
            What::FileSaved { message, .. } | What::FileFailed { message, .. } => Some(*message),
            _ => None,
        };
        ongoing.trace(what.kind(), message, None);
        self.store.append(now.ms, ongoing.logged(), ongoing.peer(), what, None);
    }

    /// It is time to look at a channel for files again.
    pub(crate) fn remind_of_files(&mut self, now: Now, chat: u64) -> Result<(), StoreError> {
        let Some(pull) = self.files.pulls.get_mut(&chat) else { return Ok(()) };
        pull.timer = None;
        let key = pull.key;
        let Some(channel) = pull.line.up() else {
            return self.go_on_with_files(now, key);
        };
        pull.timer = Some(self.wheel.set(now.instant + REMIND_EVERY, Timer::Files(chat)));
        let progress = pull.fetch.as_mut().and_then(|fetch| fetch.progress.as_mut());
        if let Some(progress) = progress {
            if progress.come == progress.seen {
                self.channels.write(channel, Frame::More { upto: progress.asked });
            }
            progress.seen = progress.come;
        }
        if std::mem::take(&mut pull.told) > 0 {
            let untold = self.store.untold_files(chat, TOLD_MAX)?;
            self.tell(chat, &untold);
        }
        Ok(())
    }

    /// The channel for files has broken, or is of no use.
    pub(crate) fn lose_line(&mut self, now: Now, chat: u64) {
        let failures = match self.files.pulls.get(&chat).map(|pull| pull.line) {
            Some(Line::Dialled { failures, .. }) => failures + 1,
            _ => 1,
        };
        self.end_line(chat);
        let Some(pull) = self.files.pulls.get_mut(&chat) else { return };
        pull.line = Line::Down { failures };
        let later = DIAL_AGAIN_AFTER * (1 << failures.min(DOUBLED_AT_MOST));
        pull.timer = Some(self.wheel.set(now.instant + later, Timer::Files(chat)));
    }

    fn end_line(&mut self, chat: u64) {
        let Some(pull) = self.files.pulls.get_mut(&chat) else { return };
        let line = std::mem::replace(&mut pull.line, Line::Down { failures: 0 });
        pull.told = 0;
        if let Some(timer) = pull.timer.take() {
            self.wheel.cancel(timer);
        }
        if let Some(channel) = line.channel() {
            self.channels.end(channel);
        }
    }

    fn end_pull(&mut self, chat: u64) {
        self.end_line(chat);
        self.files.pulls.remove(&chat);
    }

    /// A chat is over, and the log has nothing more of its files.
    pub(crate) fn end_files(&mut self, chat: u64) {
        let fetch = self.files.pulls.get_mut(&chat).and_then(|pull| pull.fetch.take());
        if let Some(fetch) = fetch {
            self.files.command(FileCommand::Discard(fetch.message, fetch.folder));
        }
        self.end_pull(chat);
        self.end_serving(chat);
    }

    /// Takes up what the log has of files that others send.
    pub(crate) fn resume_files(&mut self, now: Now) -> Result<(), StoreError> {
        self.files.clear(&mut self.wheel);
        let mut chats = Vec::new();
        for file in self.store.fetched_files()? {
            chats.push(file.chat);
            match file.stands {
                FileStands::Saved(folder) | FileStands::Refused { folder: Some(folder), .. } => {
                    // The last run may have been killed before it did that.
                    self.files.command(FileCommand::Discard(file.message, folder));
                }
                _ => {}
            }
        }
        chats.sort_unstable();
        let is_among = |ongoing: &Ongoing| chats.binary_search(&ongoing.id).is_ok();
        let keys: Vec<_> = self.chats.iter().filter(|(_, it)| is_among(it)).map(|(key, _)| key).collect();
        keys.into_iter().try_for_each(|key| self.go_on_with_files(now, key))
    }
}

impl Ongoing {
    /// Whether files can be fetched in it.
    fn carries_files(&self) -> bool {
        let is_going_on = match self.chat.state() {
            State::Open => true,
            State::Closing => !self.chat.is_leaving(),
            State::Inviting | State::Invited | State::Accepting | State::Closed => false,
        };
        is_going_on && self.chat.secure().is_some() && self.id != 0
    }
}

/// How a file is saved that is to be.
fn saving(file: &KeptFile) -> Option<Saving> {
    let FileStands::Taken(folder) = &file.stands else { return None };
    let (message, folder, offer) = (file.message, folder.clone(), file.offer.clone());
    Some(Saving { message, folder, name: offer.name, size: offer.size, sha256: offer.sha256 })
}
