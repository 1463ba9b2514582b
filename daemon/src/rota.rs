//! Clients that want some of a turn's work: each has its share, and who comes too late in one turn is first in the next.
//! Those who want little do not wait for all who want much.

use simp_engine::ClientId;

/// Two lists of clients: those who want little are served before those who want much, who have half of the work whatever
/// the others want.
#[derive(Debug, Default)]
pub struct Rotas {
    little: Rota,
    much: Rota,
}

impl Rotas {
    /// Gives each of these clients, whose keys go up in both lists, its share of the work. `serve` is as for
    /// [`Rota::share`].
    pub fn share(
        &mut self,
        (little, much): (Vec<ClientId>, Vec<ClientId>),
        work: u64,
        mut serve: impl FnMut(ClientId, u64) -> u64,
    ) {
        let kept = if much.is_empty() { 0 } else { work / 2 };
        let left = self.little.share(little, work - kept, &mut serve);
        self.much.share(much, kept + left, serve);
    }
}

/// Who is first.
#[derive(Debug, Default)]
struct Rota {
    first: ClientId,
}

impl Rota {
    /// Gives each of these clients, whose keys go up, its share of the work, until that is used up. `serve` is told the
    /// share and says how much of it was used, which may be more or less. Returns the work that is left.
    fn share(
        &mut self,
        mut clients: Vec<ClientId>,
        work: u64,
        mut serve: impl FnMut(ClientId, u64) -> u64,
    ) -> u64 {
        let share = work / clients.len().max(1) as u64;
        let first = clients.partition_point(|key| *key < self.first);
        clients.rotate_left(first);
        let mut left = work;
        for key in clients {
            if left == 0 {
                self.first = key;
                break;
            }
            left = left.saturating_sub(serve(key, share));
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many turns in which each of these clients wants this much work, at once if it does not fit its share: how
    /// often each was served, and the most work of a turn.
    fn turns(count: u64, clients: &[(ClientId, u64)]) -> (Vec<u64>, u64) {
        let (mut rota, mut served, mut most) = (Rota::default(), vec![0; clients.len()], 0);
        for _ in 0..count {
            let mut done = 0;
            rota.share(clients.iter().map(|(key, _)| *key).collect(), 100, |key, share| {
                let place = clients.iter().position(|(other, _)| *other == key).unwrap();
                // Whole requests, and one at least.
                let request = clients[place].1;
                let used = (share / request).max(1) * request;
                served[place] += 1;
                done += used;
                used
            });
            most = most.max(done);
        }
        (served, most)
    }

    #[test]
    fn who_wants_little_is_served_in_each_turn_and_leaves_half_to_those_who_want_much() {
        let mut rotas = Rotas::default();
        let (mut little, mut much) = (0, 0);
        for _ in 0..50 {
            rotas.share((vec![3], (10..510).collect()), 100, |key, _| {
                *if key == 3 { &mut little } else { &mut much } += 1;
                if key == 3 { 1 } else { 20 }
            });
        }
        // Five of those who want much have all that is left of a turn.
        assert_eq!((little, much), (50, 50 * 5));
        let (mut little, mut much) = (0, 0);
        for _ in 0..50 {
            rotas.share(((0..500).collect(), vec![600]), 100, |key, _| {
                *if key < 500 { &mut little } else { &mut much } += 1;
                10
            });
        }
        assert_eq!((little, much), (50 * 5, 50));
        // Nobody keeps what nobody else wants.
        let mut alone = 0;
        rotas.share(((0..500).collect(), Vec::new()), 100, |_, _| {
            alone += 1;
            10
        });
        assert_eq!(alone, 10);
    }

    #[test]
    fn a_turn_has_little_more_than_its_work_and_nobody_is_passed_over() {
        // One who has all to itself uses all; of those who want little all are served in each turn.
        assert_eq!(turns(7, &[(3, 10)]), (vec![7], 100));
        assert_eq!(turns(7, &[(0, 10), (5, 1), (9, 10)]), (vec![7, 7, 7], 93));
        // Each wants more than there is: one in each turn, in turn.
        assert_eq!(turns(9, &[(0, 150), (5, 150), (9, 150)]), (vec![3, 3, 3], 150));
        // A thousand: a hundred in each.
        let many: Vec<_> = (0..1_000).map(|key| (key, 1)).collect();
        assert_eq!(turns(20, &many), (vec![2; 1_000], 100));
        // Whoever wants much does not keep those from being served who want little.
        let (served, most) = turns(30, &[(0, 90), (1, 5), (2, 90), (3, 5)]);
        assert!(served.iter().all(|times| *times >= 14) && most <= 190, "{served:?} {most}");
    }
}
