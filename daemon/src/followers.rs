//! Entries of the log for those who follow it: those of this turn as they are, older ones from the store, each reader
//! at its own pace, and all together with the work of one turn.

use simp_control::{Failure, FailureKind};
use simp_engine::{ClientId, Follower, WORK_PER_TURN};
use simp_store::Store;

use crate::clients::{ClientConnection, Clients};
use crate::rota::Rota;

/// So many bytes are written to a client with the work that it is to look at an entry.
const BYTES_WRITTEN: u64 = 64;

/// Gives those who are behind entries of the log, as many as each has room for, until the work of a turn is done.
pub fn serve_all(clients: &mut Clients, rota: &mut Rota, log: &Store) {
    let newest = log.last_id();
    let behind: Vec<ClientId> =
        clients.iter_mut().filter(|(_, client)| client.is_behind(newest)).map(|(key, _)| key).collect();
    rota.share(behind, WORK_PER_TURN, |key, _| clients.get_mut(key).map_or(0, |client| serve(client, log)));
}

/// Gives a client the entries after its cursor, and says how much work that was.
fn serve(client: &mut ClientConnection, log: &Store) -> u64 {
    let newest = log.last_id();
    let before_turn = newest - log.fresh().len() as u64;
    let (had, from) = (client.unread(), client.follower().map_or(newest, |follower| follower.cursor));
    // One piece for each in a turn: others wait too.
    if let Some(Follower { cursor, wanted, .. }) = client.follower()
        && *cursor < before_turn
    {
        match log.read(*cursor, usize::MAX, wanted) {
            Ok((events, looked)) => client.follow(&events, looked),
            Err(error) => client.dismiss(Failure::new(FailureKind::Failed, error.to_string())),
        }
    }
    // Looked at again: what was read may have brought it up to those of this turn.
    if let Some(cursor) = client.follower().map(|follower| follower.cursor)
        && (before_turn..newest).contains(&cursor)
    {
        let unseen = log.fresh().get((cursor - before_turn) as usize..).unwrap_or_default();
        client.follow(unseen, newest);
    }
    let looked_at = client.follower().map_or(newest, |follower| follower.cursor) - from;
    looked_at + (client.unread() - had) as u64 / BYTES_WRITTEN
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use mio::{Poll, Token};
    use simp_control::{Filter, Kind, Peer, What};
    use simp_store::{Durability, EntryFilter};

    use super::*;

    /// A log of so many messages and nothing else.
    fn log(folder: &std::path::Path, messages: u64, text: &str) -> Store {
        let mut log = Store::open(&folder.join("log.db"), Durability::Process, 1).unwrap();
        let peer = Peer { user: "bob".to_owned(), address: "127.0.0.2:7777".to_owned() };
        for _ in 0..messages {
            log.append(1, Some(1), peer.clone(), What::Message { text: text.to_owned() }, None).unwrap();
        }
        log.commit().unwrap();
        log.begin_turn();
        log
    }

    /// So many clients that follow what this filter lets pass; the other ends must stay open.
    fn followers(folder: &std::path::Path, count: usize, kind: Kind) -> (Poll, Clients, Vec<UnixStream>) {
        let poll = Poll::new().unwrap();
        let path = folder.join("simpd.sock");
        let mut clients = Clients::listen(&path, poll.registry(), Token(0), 1).unwrap();
        let streams = (0..count).map(|_| UnixStream::connect(&path).unwrap()).collect();
        clients.accept(poll.registry());
        for (_, client) in clients.iter_mut() {
            let wanted = EntryFilter::new(&Filter { kinds: vec![kind], ..Filter::default() });
            client.follow_from(Follower { cursor: 0, wanted, given: 0, consumer: None });
        }
        (poll, clients, streams)
    }

    /// What all of them have been looked through for, and what waits for them.
    fn served(clients: &mut Clients) -> (u64, u64) {
        let one = |client: &ClientConnection| (client.follower().unwrap().cursor, client.unread() as u64);
        clients
            .iter_mut()
            .map(|(_, client)| one(client))
            .fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
    }

    #[test]
    fn a_turn_looks_at_so_many_entries_for_all_followers_together_and_none_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let log = log(folder.path(), 10_000, "x");
        let (_poll, mut clients, _streams) = followers(folder.path(), 50, Kind::Error);
        let (mut rota, mut looked, mut turns) = (Rota::default(), 0, 0);
        while looked < 50 * 10_000 {
            serve_all(&mut clients, &mut rota, &log);
            let (now, unread) = served(&mut clients);
            assert!(now > looked && now - looked < WORK_PER_TURN + 2_048 && unread == 0, "{}", now - looked);
            (looked, turns) = (now, turns + 1);
            let cursors = clients.iter_mut().map(|(_, client)| client.follower().unwrap().cursor);
            let (least, most) =
                cursors.fold((u64::MAX, 0), |(least, most), one| (least.min(one), most.max(one)));
            assert!(most - least <= 2_048, "one is at {least}, another at {most}");
        }
        assert!(turns < 150, "{turns} turns");
    }

    #[test]
    fn a_turn_writes_so_many_bytes_to_all_followers_together() {
        let folder = tempfile::tempdir().unwrap();
        let log = log(folder.path(), 100, &"x".repeat(60_000));
        let (_poll, mut clients, _streams) = followers(folder.path(), 50, Kind::Message);
        let (mut rota, mut unread) = (Rota::default(), 0);
        for _ in 0..3 {
            serve_all(&mut clients, &mut rota, &log);
            let (_, now) = served(&mut clients);
            assert!(now > unread && now - unread <= 512 << 10, "{} bytes", now - unread);
            unread = now;
        }
    }
}
