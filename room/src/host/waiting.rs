//! Operators that wait for what becomes of their orders.

use std::collections::HashMap;
use std::sync::mpsc::Sender;

use crate::files::name_option;
use crate::room::OrderResult;

/// Operators that wait until all doors have done what they want.
#[derive(Debug)]
pub struct Orders {
    waiting: HashMap<u64, (Sender<OrderResult>, Wanted)>,
    next: u64,
}

/// What was wanted.
#[derive(Debug)]
pub enum Wanted {
    /// Something said to everybody.
    Said,
    /// Somebody sent away, who was called so.
    Away(String),
}

impl Orders {
    /// Nobody waits. `first`: a number that no earlier run has given to an order.
    pub fn new(first: u64) -> Self {
        Self { waiting: HashMap::new(), next: first }
    }

    /// An operator waits for what becomes of this. Gives the number of the order.
    pub fn add(&mut self, operator: &Sender<OrderResult>, wanted: Wanted) -> u64 {
        self.next += 1;
        self.waiting.insert(self.next, (operator.clone(), wanted));
        self.next
    }

    /// What an operator is told of an order that concerned so many; `None` if nobody waits for that.
    pub fn answer(
        &mut self,
        order: u64,
        count: usize,
        room: &str,
    ) -> Option<(Sender<OrderResult>, OrderResult)> {
        let (operator, wanted) = self.waiting.remove(&order)?;
        let answer = match (wanted, count) {
            (Wanted::Said, count) => OrderResult::Done(format!("sent to {count}")),
            (Wanted::Away(who), 0) => {
                let room = name_option(room);
                OrderResult::NoSuch(format!("{}: not here (see: simp-room who{room})", who.trim()))
            }
            (Wanted::Away(_), count) => OrderResult::Done(format!("{count} sent away")),
        };
        Some((operator, answer))
    }

    /// What all operators that wait are told when the other doors cannot be reached, for this reason: nobody knows for how
    /// long.
    pub fn delay(&mut self, why: &str) -> impl Iterator<Item = (Sender<OrderResult>, OrderResult)> {
        let line = format!("{why}; it is done once the other doors can be reached");
        self.waiting.drain().map(move |(_, (operator, _))| (operator, OrderResult::Failed(line.clone())))
    }
}
