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

/// Gives clients that follow the log its entries, as many as each has room for, until the work of a turn is done. Those who
/// look through much of the log do not keep what has just come from those who have seen the rest.
pub fn serve_all(clients: &mut Clients, rotas: &mut Rotas, log: &Store) {
    clients.serve_audience(log, WORK_PER_TURN);
    if clients.roll().behind.is_empty() {
        return;
    }
    let near = log.last_id().saturating_sub(NEAR.max(log.fresh().len() as u64));
    let is_near = |key: &ClientId| clients.get(*key).is_some_and(|client| client.cursor() >= near);
    let (near, far) = clients.roll().behind.iter().copied().partition(is_near);
    rotas.share((near, far), WORK_PER_TURN, |key, share| {
        clients.change(key, |client| serve(client, log, share)).unwrap_or_default()
    });
}

/// Gives a client the entries after its cursor until that is as much work as its share; says how much it was.
fn serve(client: &mut ClientConnection, log: &Store, share: u64) -> u64 {
    let mut work = 0;
    // One piece at least: under full load, who is behind comes nearer only if it gets more in a turn than that brings.
    loop {
        work += serve_piece(client, log);
        let is_behind = client.is_behind() && client.cursor() < log.last_id();
        if !is_behind || work >= share {
            return work;
        }
    }
}

fn serve_piece(client: &mut ClientConnection, log: &Store) -> u64 {
    let newest = log.last_id();
    let before_turn = newest - log.fresh().len() as u64;
    let (had, from) = (client.given_bytes(), client.cursor());
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
    let looked_at = client.cursor().saturating_sub(from);
    looked_at + (client.given_bytes() - had) / BYTES_WRITTEN
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    use mio::{Events, Poll, Token};
    use simp_control::frame::FrameBuffer;
    use simp_control::{Answer, Filter, Kind, Peer, What};
    use simp_store::{Durability, EntryFilter};

    use super::*;
    use crate::entrance::Entrance;

    /// A log of so many messages and nothing else.
    fn log(folder: &std::path::Path, messages: u64, text: &str) -> Store {
        let mut log = Store::open(&folder.join("log.db"), Durability::Process, 1).unwrap();
        let peer = Peer { user: "bob".to_owned(), address: "127.0.0.2:7777".to_owned() };
        for _ in 0..messages {
            log.append(1, Some(1), peer.clone(), What::Message { text: text.to_owned() }, None);
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
        (0..count).for_each(|key| follow(&mut clients, key, kind, 0));
        (poll, clients, streams)
    }

    fn follow(clients: &mut Clients, key: ClientId, kind: Kind, cursor: u64) {
        let wanted = EntryFilter::new(&Filter { kinds: vec![kind], ..Filter::default() });
        clients.follow_from(key, Follower { cursor, wanted, given: cursor, consumer: None });
    }

    /// What all of them have been looked through for, and what waits for them.
    fn served(clients: &Clients) -> (u64, u64) {
        let all = (0..clients.len()).map(|key| clients.get(key).unwrap());
        all.fold((0, 0), |all, one| (all.0 + one.cursor(), all.1 + one.given_bytes()))
    }

    #[test]
    fn a_turn_looks_at_so_many_entries_for_all_followers_together_and_none_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let log = log(folder.path(), 10_000, "x");
        let (_poll, mut clients, _streams) = followers(folder.path(), 50, Kind::Error);
        let (mut rota, mut looked, mut turns) = (Rotas::default(), 0, 0);
        while looked < 50 * 10_000 {
            serve_all(&mut clients, &mut rota, &log);
            let (now, given) = served(&clients);
            assert!(now > looked && now - looked < WORK_PER_TURN + 2_048 && given == 0, "{}", now - looked);
            (looked, turns) = (now, turns + 1);
            let cursors = (0..50).map(|key| clients.get(key).unwrap().cursor());
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
        for key in (0..501).filter(|key| *key != 250) {
            follow(&mut clients, key, Kind::Error, 0);
        }
        follow(&mut clients, 250, Kind::Message, 10_000);
        let mut rotas = Rotas::default();
        for turn in 1..=20 {
            let peer = Peer { user: "bob".to_owned(), address: "127.0.0.2:7777".to_owned() };
            log.begin_turn();
            log.append(1, Some(1), peer, What::Message { text: "x".to_owned() }, None);
            log.commit().unwrap();
            serve_all(&mut clients, &mut rotas, &log);
            assert_eq!(clients.get(250).unwrap().follower().unwrap().given, 10_000 + turn);
        }
        let (looked, _) = served(&clients);
        assert!(looked > 20 * WORK_PER_TURN / 2, "the others have their half: {looked}");
    }

    #[test]
    fn a_turn_writes_so_many_bytes_to_all_followers_together() {
        let folder = tempfile::tempdir().unwrap();
        let log = log(folder.path(), 100, &"x".repeat(60_000));
        let (_poll, mut clients, _streams) = followers(folder.path(), 50, Kind::Message);
        let (mut rota, mut given) = (Rotas::default(), 0);
        for _ in 0..3 {
            serve_all(&mut clients, &mut rota, &log);
            let (_, now) = served(&clients);
            assert!(now > given && now - given <= 512 << 10, "{} bytes", now - given);
            given = now;
        }
    }

    /// An entry of this chat, in a turn of its own.
    fn happens(log: &mut Store, chat: u64) {
        let peer = Peer { user: "bob".to_owned(), address: "127.0.0.2:7777".to_owned() };
        log.begin_turn();
        log.append(1, Some(chat), peer, What::Message { text: "x".to_owned() }, None);
        log.commit().unwrap();
    }

    #[test]
    fn a_turn_looks_only_at_followers_of_the_chats_in_which_something_happens() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = log(folder.path(), 10, "x");
        let (poll, mut clients, _streams) = followers(folder.path(), 300, Kind::Message);
        for key in 0..300 {
            let filter = Filter { chat: Some(key as u64), ..Filter::default() };
            let wanted = EntryFilter::new(&filter);
            clients.follow_from(key, Follower { cursor: 10, wanted, given: 10, consumer: None });
        }
        let mut rotas = Rotas::default();
        serve_all(&mut clients, &mut rotas, &log);
        clients.flush(poll.registry(), |_, _| {});
        assert!(clients.roll().behind.is_empty());
        for turn in 1..=3 {
            happens(&mut log, 7);
            serve_all(&mut clients, &mut rotas, &log);
            let mut looked_at = Vec::new();
            clients.flush(poll.registry(), |key, client| looked_at.push((key, client.cursor())));
            assert_eq!(looked_at.len(), 1);
            assert_eq!(clients.get(7).unwrap().follower().unwrap().given, 10 + turn);
            // The others are as far, although nobody has told them.
            assert_eq!(clients.roll().audience.upto(), 10 + turn);
        }
    }

    /// All that has come for a client.
    fn read(mut stream: &UnixStream, into: &mut FrameBuffer) -> Vec<u64> {
        let (mut bytes, mut ids) = (vec![0; 1 << 20], Vec::new());
        stream.set_nonblocking(true).unwrap();
        while let Ok(length) = stream.read(&mut bytes) {
            into.push(&bytes[..length]);
        }
        while let Some(answer) = into.take().unwrap() {
            let Answer::Event(event) = answer else { panic!("{answer:?}") };
            ids.push(event.id);
        }
        ids
    }

    #[test]
    fn whoever_falls_behind_for_want_of_room_or_of_work_gets_each_entry_once_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = log(folder.path(), 10, "x");
        let (mut poll, mut clients, streams) = followers(folder.path(), 10, Kind::Message);
        let (mut rotas, mut events) = (Rotas::default(), Events::with_capacity(64));
        let mut come: Vec<_> = (0..10).map(|_| (FrameBuffer::default(), Vec::new())).collect();
        let newest = 10 + 3 * 60 + 27 * 4;
        for turn in 0.. {
            log.begin_turn();
            // Few turns in ten fill what a client has room for, and one brings more than that alone.
            let entries = match turn {
                0..30 if turn % 10 == 9 => 60,
                0..30 => 4,
                _ => 0,
            };
            for _ in 0..entries {
                let (peer, text) = (
                    Peer { user: "bob".to_owned(), address: "127.0.0.2:7777".to_owned() },
                    "x".repeat(9_000),
                );
                log.append(1, Some(1), peer, What::Message { text }, None);
            }
            log.commit().unwrap();
            if turn % 2 == 0 {
                clients.serve_audience(&log, 100);
            }
            serve_all(&mut clients, &mut rotas, &log);
            clients.flush(poll.registry(), |_, _| {});
            // One reads all the time, one never before the end, the others now and then.
            for (key, (stream, (frames, ids))) in streams.iter().zip(&mut come).enumerate() {
                if key == 0 || turn >= 30 || (key > 1 && (turn + key) % 5 == 0) {
                    ids.extend(read(stream, frames));
                }
            }
            poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
            events.iter().for_each(|event| clients.woken(event));
            if come.iter().all(|(_, ids)| ids.last() == Some(&newest)) {
                break;
            }
        }
        for (key, (_, ids)) in come.iter().enumerate() {
            assert!(ids.iter().copied().eq(1..=newest), "{key}: {ids:?}");
        }
    }

    #[test]
    fn whoever_is_behind_is_given_more_in_a_turn_than_the_turn_brings() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = log(folder.path(), 10_000, &"x".repeat(64));
        let (poll, mut clients, streams) = followers(folder.path(), 1, Kind::Message);
        let (mut rotas, mut frames) = (Rotas::default(), FrameBuffer::default());
        for _ in 0..14 {
            log.begin_turn();
            for _ in 0..256 {
                let peer = Peer { user: "bob".to_owned(), address: "127.0.0.2:7777".to_owned() };
                log.append(1, Some(1), peer, What::Message { text: "x".repeat(64) }, None);
            }
            log.commit().unwrap();
            serve_all(&mut clients, &mut rotas, &log);
            clients.flush(poll.registry(), |_, _| {});
            read(&streams[0], &mut frames);
        }
        assert_eq!(clients.get(0).unwrap().follower().unwrap().given, 10_000 + 14 * 256);
    }
}
