//! What comes over channels goes to its chat, and what chats have to say goes out over them. Whoever opens one is met in
//! `meeting`.

use std::time::Duration;

use simp_proto::Operation;
use simp_proto::secure::{Broken, ChannelId, Frame, Hello, KeyId, Leaving};
use simp_store::StoreError;

use crate::budgets::Sender;
use crate::channels::Owner;
use crate::engine::Engine;
use crate::files::{Fault, FileEvent};
use crate::inputs::ChannelEvent;
use crate::now::Now;
use crate::ongoing::Ongoing;
use crate::timer::Timer;

/// What has come from a peer that may add no more to the log waits, and so does the peer. It is looked at again after this
/// long.
const HELD_FOR: Duration = Duration::from_millis(250);

impl Engine {
    /// Something happened to a channel.
    pub(crate) fn handle_channel(&mut self, now: Now, event: ChannelEvent) -> Result<(), StoreError> {
        if let ChannelEvent::Opened(channel, _) | ChannelEvent::Frame(channel, _) = &event {
            self.note_heard(*channel);
        }
        match event {
            ChannelEvent::Opened(channel, key) => return self.handle_opened(now, channel, key),
            ChannelEvent::Incoming(channel, key, address) => {
                self.channels.note_incoming(channel, key, address);
            }
            ChannelEvent::Frame(channel, frame) => return self.handle_frame(now, channel, frame),
            ChannelEvent::NotSent(address, why) => {
                self.note_unsent(now, address, why);
                if let Some(key) = self.chats.known_at(address) {
                    self.chats.change(key, |it| it.chat.secure_mut().map(|chat| chat.excuse(now.instant)));
                }
            }
            ChannelEvent::Moved(channel, address) => {
                if let Some(Owner::Chat(chat)) = self.channels.owner(channel) {
                    return self.roam(now, chat, address);
                }
            }
            ChannelEvent::Broken(channel, why) => return self.handle_broken(now, channel, why),
        }
        Ok(())
    }

    /// What comes over a channel answers something that has left.
    fn note_heard(&mut self, channel: ChannelId) {
        if self.unsent.is_any()
            && let Some(Owner::Chat(chat)) = self.channels.owner(channel)
            && let Some(ongoing) = self.chats.get(chat)
        {
            self.unsent.note_heard(ongoing.place.address());
        }
    }

    fn handle_opened(&mut self, now: Now, channel: ChannelId, key: KeyId) -> Result<(), StoreError> {
        let chat = match self.channels.owner(channel) {
            Some(Owner::Chat(chat)) => chat,
            Some(Owner::Files(chat)) => return self.handle_files_opened(now, chat, (channel, key)),
            Some(Owner::Served(_) | Owner::Stranger(..)) | None => return Ok(()),
        };
        let is_key_known = self.store.is_known(key)?;
        self.chats.change(chat, |ongoing| {
            if ongoing.peer_key().is_none() {
                ongoing.noted.is_key_known = is_key_known;
            }
            ongoing.chat.become_secure();
            if let Some(machine) = ongoing.chat.secure_mut() {
                machine.handle_connected(now.instant, channel, key);
            }
        });
        self.bring_outbox(now, chat, key)
    }

    fn handle_frame(&mut self, now: Now, channel: ChannelId, frame: Frame) -> Result<(), StoreError> {
        let Some(owner) = self.channels.owner(channel) else { return Ok(()) };
        if self.channels.holds(channel) {
            self.hold(now, channel, frame);
            return Ok(());
        }
        match (owner, frame) {
            (Owner::Chat(key), frame) => self.handle_frame_of_chat(now, channel, key, frame),
            (Owner::Files(chat), frame) => self.handle_frame_of_files(now, chat, channel, frame),
            (Owner::Served(chat), frame) => self.handle_frame_of_served(now, chat, channel, frame),
            (Owner::Stranger(key, address), Frame::Hello(hello)) => {
                self.meet(now, channel, (key, address), hello)
            }
            (
                Owner::Stranger(key, _),
                frame @ (Frame::Want { chat, .. } | Frame::Done { chat, .. } | Frame::Refused { chat, .. }),
            ) => self.meet_for_files(now, channel, key, (chat, frame)),
            (Owner::Stranger(..), _) => {
                self.channels.end(channel);
                Ok(())
            }
        }
    }

    fn handle_frame_of_chat(
        &mut self,
        now: Now,
        channel: ChannelId,
        key: usize,
        frame: Frame,
    ) -> Result<(), StoreError> {
        if matches!(frame, Frame::Text { .. } | Frame::File { .. }) && !self.has_room_for_text(now, key) {
            self.counters.refused.budget += 1;
            self.hold(now, channel, frame);
            return Ok(());
        }
        let is_hello = matches!(frame, Frame::Hello(_));
        let already = match (&frame, self.chats.get(key).and_then(|it| it.chat.secure()?.them().key)) {
            (Frame::Hello(hello), Some(key)) => self.already(key, hello)?,
            _ => Vec::new(),
        };
        self.chats.change(key, |ongoing| {
            if let Some(machine) = ongoing.chat.secure_mut() {
                machine.handle_frame(now.instant, channel, frame, |_| already);
            }
        });
        if is_hello {
            self.note_likeness(key)?;
        }
        self.settle_if_over(now, key)
    }

    fn has_room_for_text(&mut self, now: Now, key: usize) -> bool {
        let Some(ongoing) = self.chats.get(key) else { return true };
        let from = Sender { ip: ongoing.place.address().ip(), is_established: ongoing.is_established() };
        self.budgets.has_room(now.instant, from, self.policy.budget, Operation::Chat)
    }

    /// Numbers of messages that came in an earlier chat with this peer, and may come again.
    pub(crate) fn already(&self, key: KeyId, hello: &Hello) -> Result<Vec<u64>, StoreError> {
        self.store.kept_numbers(key, &hello.log)
    }

    fn hold(&mut self, now: Now, channel: ChannelId, frame: Frame) {
        if self.channels.hold(channel, frame) {
            self.wheel.set(now.instant + HELD_FOR, Timer::Held);
        }
    }

    /// Goes on with what came over channels and had no room.
    pub(crate) fn go_on_with_held(&mut self, now: Now) -> Result<(), StoreError> {
        // The first that has no room is held again, and all after it.
        for (channel, frames) in self.channels.take_held() {
            for frame in frames {
                self.handle_frame(now, channel, frame)?;
            }
        }
        Ok(())
    }

    fn handle_broken(&mut self, now: Now, channel: ChannelId, why: Broken) -> Result<(), StoreError> {
        // What came before it broke has been sent, and comes again.
        let key = match self.channels.forget(channel) {
            Some(Owner::Chat(key)) => key,
            Some(Owner::Files(chat)) => {
                if self.files.pulls.get(&chat).is_some_and(|pull| pull.line.channel() == Some(channel)) {
                    self.lose_line(now, chat);
                }
                return Ok(());
            }
            Some(Owner::Served(_)) => {
                self.drop_served(channel);
                return Ok(());
            }
            Some(Owner::Stranger(..)) | None => return Ok(()),
        };
        self.tell_of_other_key(now, key, why);
        let is_its = |ongoing: &Ongoing| ongoing.chat.secure().and_then(|it| it.channel()) == Some(channel);
        let is_tried = self.chats.get(key).is_some_and(|it| is_its(it) && it.chat.may_be_plain());
        // Who has no room now has shown that it can have secure chats.
        if is_tried && why != Broken::Refused {
            self.fall_back(now, key, why)?;
        } else {
            self.chats.change(key, |ongoing| {
                if let Some(machine) = ongoing.chat.secure_mut() {
                    machine.handle_broken(now.instant, channel, why);
                }
            });
        }
        self.settle_if_over(now, key)
    }

    /// Somebody else is where a peer was: that is to be seen while the chat is still tried.
    fn tell_of_other_key(&mut self, now: Now, key: usize, why: Broken) {
        let Broken::OtherKey(found) = why else { return };
        let Some(ongoing) = self.chats.get(key) else { return };
        let (peer, expected) = (ongoing.place.address(), ongoing.peer_key());
        if self.limits.allow_notice(now.instant, peer.ip()) {
            let expected = expected.map(tracing::field::display);
            tracing::warn!(%peer, key = %found, expected, "whoever answers there has another key than before");
        }
    }

    /// Something became of a file.
    pub(crate) fn handle_file(&mut self, now: Now, event: FileEvent) -> Result<(), StoreError> {
        match event {
            FileEvent::Ready(message, length) => self.handle_ready(now, message, length),
            FileEvent::Written(message, upto) => {
                self.handle_written(message, upto);
                Ok(())
            }
            FileEvent::Saved(message, path) => self.handle_saved(now, message, path),
            FileEvent::Failed(message, Fault { why, told }) => {
                self.fail_fetch(now, message, (why, told.to_owned()))
            }
            FileEvent::Part(channel, message, from, bytes) => {
                self.handle_read(channel, message, from, bytes);
                Ok(())
            }
            FileEvent::Unreadable(message, fault) => self.handle_unreadable(now, message, fault),
        }
    }

    /// What a chat has to say over channels leaves; if it needs one, one is opened.
    pub(crate) fn let_out(&mut self, now: Now, key: usize) {
        let Some(ongoing) = self.chats.settling(key) else { return };
        let address = ongoing.place.address();
        let Some(machine) = ongoing.chat.secure_mut() else { return };
        while let Some(leaving) = machine.poll_leaving() {
            match leaving {
                Leaving::Frame(channel, frame) => self.channels.write(channel, frame),
                Leaving::End(channel) => self.channels.end(channel),
            }
        }
        if machine.wants_channel(now.instant) {
            let channel = self.channels.name(Owner::Chat(key));
            machine.dial(channel);
            self.channels.open(channel, address, machine.them().key);
        }
    }
}
