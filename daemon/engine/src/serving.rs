//! Files of ours: whoever takes one asks for it, part after part, and says what became of it.

use simp_control::What;
use simp_proto::secure::{Bytes, ChannelId, ChatId, Frame, KeyId};
use simp_proto::text::read_payload_up_to;
use simp_store::{FileStands, KeptFile, StoreError};

use crate::channels::Owner;
use crate::engine::Engine;
use crate::fetching::WORDS_MAX;
use crate::files::{Fault, FileCommand, Serving, Source};
use crate::now::Now;

impl Engine {
    /// The peer with this key has opened a channel for files, and begins with this.
    pub(crate) fn meet_for_files(
        &mut self,
        now: Now,
        channel: ChannelId,
        key: KeyId,
        (name, frame): (ChatId, Frame),
    ) -> Result<(), StoreError> {
        let with_key = self.chats.with_key(key).and_then(|key| Some((key, self.chats.get(key)?)));
        let its = with_key.filter(|(_, it)| it.chat.secure().is_some_and(|machine| machine.id() == name));
        let Some((key, chat)) = its.and_then(|(key, ongoing)| Some((key, ongoing.logged()?))) else {
            self.channels.end(channel);
            return Ok(());
        };
        // Whoever opens another has lost the one before.
        self.end_serving(chat);
        self.channels.give(channel, Owner::Served(chat));
        self.files.served.insert(channel, Serving { chat, key, file: None });
        self.handle_frame_of_served(now, chat, channel, frame)
    }

    /// A peer says this of files of ours.
    pub(crate) fn handle_frame_of_served(
        &mut self,
        now: Now,
        chat: u64,
        channel: ChannelId,
        frame: Frame,
    ) -> Result<(), StoreError> {
        let Some(key) = self.files.served.get(&channel).map(|serving| serving.key) else { return Ok(()) };
        self.note_sign_of_files(now, key);
        match frame {
            Frame::Want { number, from, upto, .. } => {
                return self.begin_serving(channel, (chat, number), from, upto);
            }
            Frame::More { upto } => self.serve(channel, Some(upto)),
            Frame::Done { number, .. } => {
                return self.settle_ours(now, channel, (chat, number), |message| What::Delivered { message });
            }
            Frame::Refused { number, reason, .. } => {
                let reason = read_payload_up_to(reason.as_bytes(), WORDS_MAX);
                let why = format!("refused by the peer: {reason}");
                return self
                    .settle_ours(now, channel, (chat, number), |message| What::FileFailed { message, why });
            }
            _ => self.drop_served(channel),
        }
        Ok(())
    }

    /// The file of ours with this number in this chat.
    fn ours(&self, (chat, number): (u64, u64)) -> Result<Option<KeptFile>, StoreError> {
        let file = self.store.file(number)?;
        Ok(file.filter(|file| file.chat == chat && file.stands.ours().is_some()))
    }

    /// A file of ours is taken, and asked for from this byte on; with nothing to come, it is asked for later.
    fn begin_serving(
        &mut self,
        channel: ChannelId,
        (chat, number): (u64, u64),
        from: u64,
        upto: u64,
    ) -> Result<(), StoreError> {
        let Some(mut file) = self.ours((chat, number))? else {
            let reason = "it is not offered any more".to_owned();
            self.channels.write(channel, Frame::Gone { number, reason });
            return Ok(());
        };
        if let FileStands::Ours(path) = file.stands {
            file.stands = FileStands::Fetched(path);
            self.store.keep_file(&file)?;
        }
        let (FileStands::Fetched(path), true) = (file.stands, upto > from) else { return Ok(()) };
        if let Some(serving) = self.files.served.get_mut(&channel) {
            let (message, size, read) = (file.message, file.offer.size, from.min(file.offer.size));
            serving.file = Some(Source { message, path, size, read, upto: read, is_reading: false });
            self.serve(channel, Some(upto));
        }
        Ok(())
    }

    /// Goes on with a file, for which there is room up to this byte.
    fn serve(&mut self, channel: ChannelId, upto: Option<u64>) {
        let source = self.files.served.get_mut(&channel).and_then(|serving| serving.file.as_mut());
        let Some(source) = source else { return };
        if let Some(upto) = upto {
            source.allow(upto);
        }
        if let Some(reading) = source.next(channel) {
            self.files.command(FileCommand::Read(reading));
        }
    }

    /// A part of a file of ours has been read.
    pub(crate) fn handle_read(&mut self, channel: ChannelId, message: u64, from: u64, bytes: Vec<u8>) {
        let source = self.files.served.get_mut(&channel).and_then(|serving| serving.file.as_mut());
        // What was asked for before is of no use any more.
        let awaited =
            |it: &&mut Source| it.is_reading && it.message == message && from + bytes.len() as u64 == it.read;
        let Some(source) = source.filter(awaited) else { return };
        source.is_reading = false;
        self.channels.write(channel, Frame::Part { from, bytes: Bytes(bytes) });
        self.serve(channel, None);
    }

    /// A file of ours cannot be read.
    pub(crate) fn handle_unreadable(
        &mut self,
        now: Now,
        message: u64,
        Fault { why, told }: Fault,
    ) -> Result<(), StoreError> {
        let is_it = |serving: &Serving| serving.file.as_ref().is_some_and(|it| it.message == message);
        let served = self.files.served.iter_mut().filter(|(_, serving)| is_it(serving));
        for (channel, serving) in served {
            serving.file = None;
            self.channels.write(*channel, Frame::Gone { number: message, reason: told.to_owned() });
        }
        let Some(file) = self.store.file(message)? else { return Ok(()) };
        self.end_ours(now, &file, What::FileFailed { message, why })
    }

    /// The peer says what became of a file of ours; once that is durable it is told so, however often it says it.
    fn settle_ours(
        &mut self,
        now: Now,
        channel: ChannelId,
        (chat, number): (u64, u64),
        what: impl FnOnce(u64) -> What,
    ) -> Result<(), StoreError> {
        if let Some(file) = self.ours((chat, number))? {
            self.end_ours(now, &file, what(file.message))?;
        }
        self.channels.write(channel, Frame::Settled { number });
        Ok(())
    }

    fn end_ours(&mut self, now: Now, file: &KeptFile, what: What) -> Result<(), StoreError> {
        self.store.drop_file(file.message)?;
        self.files.command(FileCommand::Close(file.message));
        let key = self.chats.iter().find(|(_, ongoing)| ongoing.id == file.chat).map(|(key, _)| key);
        let Some(key) = key else { return Ok(()) };
        self.chats.touch(key);
        self.append_of_file(now, key, what);
        Ok(())
    }

    /// A channel for files of ours has broken, or is of no use.
    pub(crate) fn drop_served(&mut self, channel: ChannelId) {
        self.channels.end(channel);
        let source = self.files.served.remove(&channel).and_then(|serving| serving.file);
        if let Some(source) = source {
            self.files.command(FileCommand::Close(source.message));
        }
    }

    /// Nothing more is sent of the files of this chat.
    pub(crate) fn end_serving(&mut self, chat: u64) {
        let served = self.files.served.iter().filter(|(_, serving)| serving.chat == chat);
        for channel in served.map(|(channel, _)| *channel).collect::<Vec<_>>() {
            self.drop_served(channel);
        }
    }
}
