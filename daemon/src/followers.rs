//! Entries of the log for those who follow it: those of this turn as they are, older ones from the store, each reader
//! at its own pace, and all together with the work of one turn.

use simp_control::{Failure, FailureKind};
use simp_engine::{ClientId, Follower, WORK_PER_TURN};
use simp_store::Store;

use crate::clients::Clients;
use crate::connection::ClientConnection;
use crate::rota::Rotas;

/// So many bytes are written to a client with the work that it is to look at an entry.
const BYTES_WRITTEN: u64 = 64;

/// Whoever is so few entries behind the newest wants little.
const NEAR: u64 = 256;

/// Gives those who are behind entries of the log, as many as each has room for, until the work of a turn is done. Those who
/// look through much of the log do not keep what has just come from those who have seen the rest.
pub fn serve_all(clients: &mut Clients, rotas: &mut Rotas, log: &Store) {
    let newest = log.last_id();
    let near = newest.saturating_sub(NEAR.max(log.fresh().len() as u64));
    let behind = clients.iter_mut().filter(|(_, client)| client.is_behind(newest));
    let behind = behind.map(|(key, client)| (key, client.is_behind(near)));
    let (far, near): (Vec<_>, Vec<_>) = behind.partition(|(_, is_far)| *is_far);
    let keys = |those: Vec<(ClientId, bool)>| those.into_iter().map(|(key, _)| key).collect();
    rotas.share((keys(near), keys(far)), WORK_PER_TURN, |key, _| {
        clients.get_mut(key).map_or(0, |client| serve(client, log))
    });
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
    use crate::entrance::Entrance;

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
        let entrance = Entrance::own(folder, "127.0.0.1:7777".parse().unwrap());
        let path = entrance.socket.clone();
        let mut clients = Clients::listen([(entrance, Token(0))].into_iter(), poll.registry(), 1).unwrap();
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
        let (mut rota, mut looked, mut turns) = (Rotas::default(), 0, 0);
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
    fn whoever_has_seen_the_rest_gets_what_has_just_come_although_hundreds_look_through_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = log(folder.path(), 10_000, "x");
        let (_poll, mut clients, _streams) = followers(folder.path(), 501, Kind::Message);
        for (key, client) in clients.iter_mut() {
            let kind = if key == 250 { Kind::Message } else { Kind::Error };
            let wanted = EntryFilter::new(&Filter { kinds: vec![kind], ..Filter::default() });
            let cursor = if key == 250 { 10_000 } else { 0 };
            client.follow_from(Follower { cursor, wanted, given: cursor, consumer: None });
        }
        let mut rotas = Rotas::default();
        for turn in 1..=20 {
            let peer = Peer { user: "bob".to_owned(), address: "127.0.0.2:7777".to_owned() };
            log.begin_turn();
            log.append(1, Some(1), peer, What::Message { text: "x".to_owned() }, None).unwrap();
            log.commit().unwrap();
            serve_all(&mut clients, &mut rotas, &log);
            assert_eq!(clients.get_mut(250).unwrap().follower().unwrap().given, 10_000 + turn);
        }
        let (looked, _) = served(&mut clients);
        assert!(looked > 20 * WORK_PER_TURN / 2, "the others have their half: {looked}");
    }

    #[test]
    fn a_turn_writes_so_many_bytes_to_all_followers_together() {
        let folder = tempfile::tempdir().unwrap();
        let log = log(folder.path(), 100, &"x".repeat(60_000));
        let (_poll, mut clients, _streams) = followers(folder.path(), 50, Kind::Message);
        let (mut rota, mut unread) = (Rotas::default(), 0);
        for _ in 0..3 {
            serve_all(&mut clients, &mut rota, &log);
            let (_, now) = served(&mut clients);
            assert!(now > unread && now - unread <= 512 << 10, "{} bytes", now - unread);
            unread = now;
        }
    }
}
