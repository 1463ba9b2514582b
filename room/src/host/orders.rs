//! What the operator wants done.

use std::sync::mpsc::Sender;

use simp_control::escape;

use super::Host;
use super::waiting::Wanted;
use crate::cluster::{BanRecord, Key};
use crate::doors::Doors;
use crate::files::name_option;
use crate::member::Member;
use crate::now::Now;
use crate::room::{DoorsStatus, Order, OrderResult, RoomStatus};
use crate::simpd::Simpd;
use crate::store::RoomStoreError;
use crate::store::people::Kept;
use crate::whom::Whom;

impl<S: Simpd> Host<S> {
    /// Carries out an order, or begins to. Gives the answer if there is one already.
    pub(super) fn carry_out(
        &mut self,
        now: Now,
        order: Order,
        operator: &Sender<OrderResult>,
    ) -> Result<Option<OrderResult>, RoomStoreError> {
        let is_posted = matches!(order, Order::Say { .. } | Order::Kick { .. });
        let is_kept = matches!(
            order,
            Order::Ban { .. } | Order::Unban { .. } | Order::Topic { .. } | Order::RemoveDoor { .. }
        );
        let trouble =
            self.doors.as_ref().and_then(|doors| doors.trouble().map(|why| (why, doors.is_cut_off())));
        // It would be done whenever the server is back, and the operator be gone by then. A stream that is full does not
        // keep it from records, with which the operator may mend that.
        if let Some((why, is_cut_off)) = trouble
            && (is_posted || is_kept && is_cut_off)
        {
            return Ok(Some(OrderResult::Failed(format!("{why}; nothing was done"))));
        }
        Ok(match order {
            Order::Status { all } => Some(OrderResult::Status(Box::new(self.status(now, all)?))),
            Order::Doors => Some(self.doors_status()),
            Order::RemoveDoor { door } => self.remove_door(door, operator),
            Order::Who => Some(OrderResult::Who(self.room.seen())),
            Order::Say { text } if text.trim().is_empty() => {
                let room = name_option(&self.room.settings().name);
                let line = format!("nothing to say (give a text: simp-room say{room} TEXT)");
                Some(OrderResult::Usage(line))
            }
            Order::Say { text } => {
                let order = self.orders.add(operator, Wanted::Said);
                self.room.say(now.wall_ms, order, &text);
                None
            }
            Order::Kick { who, .. } if who.is_empty() => {
                Some(OrderResult::Usage("no member given".to_owned()))
            }
            Order::Kick { who, why } => match Whom::read(&who) {
                Ok(whom) => {
                    let order = self.orders.add(operator, Wanted::Away(who));
                    self.room.kick(now.wall_ms, order, whom.as_str(), &why);
                    None
                }
                Err(line) => Some(OrderResult::Usage(line)),
            },
            Order::Ban { who, why } => match Whom::read(&who).and_then(|whom| whom.check().map(|()| whom)) {
                Ok(whom) => self.ban(now.wall_ms, &whom, &who, &why, operator)?,
                Err(line) => Some(OrderResult::Usage(line)),
            },
            Order::Bans => Some(OrderResult::Bans(self.store.bans()?)),
            Order::Unban { who } if who.trim().is_empty() => {
                Some(OrderResult::Usage("no name or host given".to_owned()))
            }
            Order::Unban { who } => self.unban(&who, operator)?,
            Order::Topic { text } => self.set_topic(&escape::ascii(text.trim()), operator),
            Order::Stop => Some(OrderResult::Usage("the room is stopping".to_owned())),
        })
    }

    fn ban(
        &mut self,
        now_ms: u64,
        whom: &Whom,
        typed: &str,
        why: &str,
        operator: &Sender<OrderResult>,
    ) -> Result<Option<OrderResult>, RoomStoreError> {
        let (who, why) = (whom.name_or_host(), escape::ascii(why).into_owned());
        let count = self.room.count_called(who);
        let done = OrderResult::Done(format!("{} is banned, {count} sent away", whom.shown(typed)));
        if let Some(doors) = &mut self.doors {
            let record = BanRecord { who: who.to_owned(), why };
            let record = serde_json::to_vec(&record).unwrap_or_default();
            doors.keep(Key::ban(who), Some(record), (operator.clone(), done));
            return Ok(None);
        }
        // Stored before anybody is sent away: they may come again at once.
        self.store.ban(who, &why)?;
        self.room.banned(now_ms, who, &why);
        Ok(Some(done))
    }

    fn unban(
        &mut self,
        typed: &str,
        operator: &Sender<OrderResult>,
    ) -> Result<Option<OrderResult>, RoomStoreError> {
        // An interface may be gone by now, and the ban is not.
        let whom = Whom::read(typed).ok();
        let who = whom.as_ref().map_or(typed, Whom::name_or_host);
        let shown = whom.as_ref().map_or(typed.to_owned(), |whom| whom.shown(typed));
        let done = OrderResult::Done(format!("{shown} is no longer banned"));
        let kept = match &mut self.doors {
            Some(doors) if self.store.is_banned(who)? => {
                self.store.pardon(who)?;
                doors.keep(Key::ban(who), None, (operator.clone(), done));
                return Ok(None);
            }
            _ => self.store.unban(who)?,
        };
        Ok(Some(match kept {
            Kept::Ban => done,
            Kept::Pause => {
                OrderResult::Done(format!("{shown} was not banned; the pause after wrong passwords is over"))
            }
            Kept::Nothing => {
                let room = name_option(&self.room.settings().name);
                OrderResult::NoSuch(format!("{shown}: not banned (see: simp-room bans{room})"))
            }
        }))
    }

    fn set_topic(&mut self, topic: &str, operator: &Sender<OrderResult>) -> Option<OrderResult> {
        let done = OrderResult::Done(match topic.is_empty() {
            true => "no topic".to_owned(),
            false => format!("topic: {topic}"),
        });
        if let Some(doors) = &mut self.doors {
            let record = serde_json::to_vec(topic).unwrap_or_default();
            doors.keep(Key::Topic, Some(record), (operator.clone(), done));
            return None;
        }
        self.room.set_topic(topic);
        Some(done)
    }

    fn doors_known(&self, doors: &Doors) -> DoorsStatus {
        doors.status(self.simpd.name(), self.room.count_inside() as u64)
    }

    fn doors_status(&self) -> OrderResult {
        match &self.doors {
            Some(doors) => OrderResult::Doors(self.doors_known(doors)),
            None => OrderResult::Usage(format!(
                "the room {} has one door (more of them: see simp-room(1), --nats)",
                self.room.settings().name
            )),
        }
    }

    fn remove_door(&mut self, door: String, operator: &Sender<OrderResult>) -> Option<OrderResult> {
        let room = name_option(&self.room.settings().name);
        let Some(doors) = &mut self.doors else { return Some(self.doors_status()) };
        match doors.is_gone(&door) {
            Some(true) => {
                let done = OrderResult::Done(format!("{door} is no door any more"));
                doors.keep(Key::Door(door), None, (operator.clone(), done));
                None
            }
            Some(false) => Some(OrderResult::Failed(format!(
                "{door}: this door is here (stop it first, there: simp-room stop{room})"
            ))),
            None if self.room.settings().door.as_deref() == Some(&door) => Some(OrderResult::Failed(
                format!("{door}: this is the door that was asked (ask another one, once this is stopped)"),
            )),
            None => Some(OrderResult::NoSuch(format!("{door}: no such door (see: simp-room doors{room})"))),
        }
    }

    fn status(&self, now: Now, all: bool) -> Result<RoomStatus, RoomStoreError> {
        let count =
            |is: fn(&Member) -> bool| self.room.members().filter(|(_, member)| is(member)).count() as u64;
        let settings = self.room.settings();
        Ok(RoomStatus {
            room: settings.name.clone(),
            door: settings.door.clone(),
            simpd: self.simpd.name(),
            inside: count(Member::is_inside),
            at_the_door: count(Member::is_at_the_door),
            max_members: settings.max_members as u64,
            open: settings.is_open,
            accounts: self.store.count_accounts()? as u64,
            bans: self.store.bans()?.len() as u64,
            topic: self.room.topic().to_owned(),
            lines: self.lines,
            uptime_ms: now.steady_ms.saturating_sub(self.started_ms),
            all: self.doors.as_ref().filter(|_| all).map(|doors| self.doors_known(doors)),
            trouble: self.doors.as_ref().and_then(Doors::trouble).cloned(),
        })
    }
}
