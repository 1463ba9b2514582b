//! The requests of clients: whose are read in a turn, and by when a client must have paid what it owes: its hello, the rest of
//! a frame, or reading what it was answered.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use simp_control::Request;
use simp_engine::wheel::{TimerId, Wheel};
use simp_engine::{ClientId, Engine, Inputs, Rights, WORK_PER_TURN, costs_much, may_wait};

use crate::clients::Clients;
use crate::connection::{ClientConnection, Debt};
use crate::rota::Rotas;

/// To read from a client is so much work, even if nothing comes of it.
const READING: u64 = 16;

/// So many bytes of requests are read and decoded with the work that it is to look at an entry.
const BYTES_READ: u64 = 64;

/// How long a client may owe us its hello or the rest of a frame; and how long it may read nothing once it has closed its
/// side.
const CLIENT_OWES_FOR: Duration = Duration::from_secs(10);

/// Whose requests are read, and what clients owe.
pub struct Requests {
    /// When clients must have paid.
    debts: Wheel<ClientId>,
    /// Whose are read first.
    order: Rotas,
}

impl Requests {
    /// Nobody owes anything.
    pub fn new(now: Instant) -> Self {
        Self { debts: Wheel::new(now), order: Rotas::default() }
    }

    /// When the next client must have paid.
    pub fn deadline(&self) -> Option<Instant> {
        self.debts.next()
    }

    /// Reads as many as one turn takes in.
    pub fn read(&mut self, clients: &mut Clients, engine: &Engine, inputs: &mut Inputs) {
        let keys = |list: &BTreeSet<ClientId>| list.iter().copied().collect();
        let (little, much) = (keys(&clients.roll().asking), keys(&clients.roll().holding));
        let debts = &mut self.debts;
        self.order.share((little, much), WORK_PER_TURN, |key, share| {
            let read = clients.change(key, |client| {
                if client.rights != Rights::All {
                    inputs.rights.insert(key, client.rights);
                }
                read_client(client, share, debts, |request| {
                    let work = engine.work_of(&request);
                    inputs.requests.push((key, request));
                    work
                })
            });
            read.unwrap_or(0)
        });
    }

    /// Whoever has not paid in time is told so, and dropped.
    pub fn dismiss_debtors(&mut self, clients: &mut Clients, now: Instant) {
        while let Some(key) = self.debts.pop_expired(now) {
            clients.change(key, |client| {
                if let Some(debt) = client.debt.take() {
                    client.fails_to(debt.owed, CLIENT_OWES_FOR);
                }
            });
        }
    }

    /// Gives a client that owes us something until a deadline, and no deadline to one that does not. What it owes changes
    /// only with the client.
    pub fn watch(&mut self, key: ClientId, client: &mut ClientConnection, now: Instant) {
        let owed = client.owes();
        if client.debt.map(|debt| debt.owed) == owed {
            return;
        }
        if let Some(debt) = client.debt.take() {
            self.debts.cancel(debt.timer);
        }
        client.debt = owed.map(|owed| Debt { owed, timer: self.debts.set(now + CLIENT_OWES_FOR, key) });
    }

    /// The client that this was of is gone.
    pub fn forget(&mut self, timer: TimerId) {
        self.debts.cancel(timer);
    }
}

/// Takes requests of a client until they are this much work, one at least and one at most that costs much; says how much they
/// are. One that costs much is held until a further turn, in which it is its turn among those that do. `take` says how much
/// work a request is.
fn read_client(
    client: &mut ClientConnection,
    share: u64,
    debts: &mut Wheel<ClientId>,
    mut take: impl FnMut(Request) -> u64,
) -> u64 {
    let mut work = READING;
    let mut is_held = client.holds_request();
    // Until its socket has no more: only then an event says that there is, together with those of datagrams that
    // came before.
    while let Some(request) = client.next_request() {
        if costs_much(&request) && !std::mem::take(&mut is_held) {
            client.hold(request);
            break;
        }
        // It has paid: what it owes from here on, it owes from now on.
        if let Some(debt) = client.debt.take() {
            debts.cancel(debt.timer);
        }
        let may_wait = may_wait(&request);
        work += take(request);
        if may_wait || work >= share {
            break;
        }
    }
    work + client.read_since() / BYTES_READ
}
