//! Old entries go, and what must stay stays.

use std::fs;

use simp_control::Kind;

use crate::harness::{TestClient, World};

/// Lets a host accept everybody and keep 100 entries.
fn configure(world: &World, more: &str) -> String {
    let path = world.path("simpd.toml");
    fs::write(&path, format!("accept = 'all'\nretain_count = 100\n{more}")).unwrap();
    path.display().to_string()
}

/// Sends so many messages from host 1 to host 2, and waits until all are there.
fn send(world: &World, numbers: std::ops::Range<u32>) {
    let lines: String = numbers.map(|number| format!("{number} {}\n", "x".repeat(900))).collect();
    world.ctl_with(1, &["send"], &lines).ok();
}

/// The ids of the oldest and the newest entry, once at most this many lie between them.
fn extent(client: &mut TestClient, most: u64) -> (u64, u64) {
    let status = client.status_when(|status| status.last_id - status.first_id < most);
    (status.first_id, status.last_id)
}

#[test]
fn the_log_keeps_the_newest_entries_and_what_a_consumer_has_not_read() {
    let world = World::new();
    let config = configure(&world, "");
    let _alice = world.start(1, &["--config", &config]);
    let bob = world.start(2, &["--config", &config]);
    world.ctl(1, &["connect", &world.address(2)]).ok();
    send(&world, 0..1_000);
    let mut client = bob.client();
    let (first, last) = extent(&mut client, u64::MAX);
    assert!(first <= 3 && last >= 1_000, "nobody has read anything: {first}..{last}");
    let before = client.status().log_bytes;

    let texts = world.ctl(2, &["listen", "-n", "700", "--text"]).ok();
    assert!(texts.lines().next_back().unwrap().starts_with("699 "));
    send(&world, 1_000..1_020);
    let status = client.status_when(|status| status.first_id > 690);
    assert!(status.first_id < 710, "300 are unread: {}", status.first_id);

    world.ctl(2, &["listen", "-n", "320", "--text"]).ok();
    send(&world, 1_020..1_040);
    let (_, last) = extent(&mut client, 125);
    // What is left is in order, and the rest is read as if nothing had been removed.
    let texts = world.ctl(2, &["listen", "-n", "20", "--text"]).ok();
    let numbers: Vec<u32> =
        texts.lines().map(|line| line.split(' ').next().unwrap().parse().unwrap()).collect();
    assert!(numbers.into_iter().eq(1_020..1_040));
    let ids: Vec<u64> = client.log().into_iter().map(|event| event.id).collect();
    assert!(ids.is_sorted() && ids.last() == Some(&last));
    client.status_when(|status| status.log_bytes < before / 3);
    drop(client);

    // Alice has sent only, and no consumer reads there: nothing of hers is unread.
    extent(&mut TestClient::connect(&world.socket(1)), 125);
}

#[test]
fn what_was_given_up_or_waits_is_kept_unless_the_setting_says_otherwise() {
    let world = World::new();
    let config = configure(&world, "max_chats = 2\nretain_discard = ['unread']");
    let alice = world.start(1, &["--config", &config]);
    let _bob = world.start(2, &["--config", &config]);
    let off = world.address(9);
    world.ctl(1, &["send", "--queue", "-t", &off, "waits"]).ok();
    world.ctl(1, &["send", "--queue", "-t", &off, "given up"]).ok();
    world.ctl(1, &["outbox", "cancel", "2"]).ok();
    world.ctl(1, &["connect", &world.address(2)]).ok();
    send(&world, 0..150);
    let mut client = alice.client();
    let kept = |client: &mut TestClient| {
        let old = client.log().into_iter().filter(|event| event.id <= 5);
        old.map(|event| (event.id, event.what.kind())).collect::<Vec<_>>()
    };
    let all = [(1, Kind::Queued), (2, Kind::Queued), (3, Kind::Undelivered)];
    let deadline = std::time::Instant::now() + crate::harness::DEADLINE;
    while kept(&mut client) != all {
        assert!(std::time::Instant::now() < deadline, "{:?}", kept(&mut client));
    }
    fs::write(
        &config,
        "accept = 'all'\nmax_chats = 2\nretain_count = 100\nretain_discard = ['unread', 'undelivered']",
    )
    .unwrap();
    alice.signal(nix::sys::signal::Signal::SIGHUP);
    while kept(&mut client) != all[..1] {
        assert!(std::time::Instant::now() < deadline, "{:?}", kept(&mut client));
    }
    assert_eq!(client.status().first_id, 1);
}

/// The mark of host 1's only consumer.
fn mark(world: &World) -> u64 {
    let consumers = world.ctl(1, &["consumers", "--json"]).ok();
    let mark: serde_json::Value = serde_json::from_str(consumers.lines().next().unwrap()).unwrap();
    mark["seen"].as_u64().unwrap()
}

#[test]
fn a_listener_that_has_seen_all_there_is_for_it_does_not_keep_what_it_leaves_out() {
    let world = World::new();
    let config = configure(&world, "");
    let alice = world.start(1, &["--user", "alice", "--config", &config]);
    let _bob = world.start(2, &["--user", "bob", "--config", &config]);
    world.ctl(1, &["connect", &world.address(2)]).ok();
    world.ctl(2, &["send", "first"]).ok();
    let mut client = alice.client();

    // One that runs, goes on when simpd was away, and is given nothing.
    let listener = world.spawn_ctl(1, &["listen", "--exec", "true"]);
    client.status_when(|status| status.clients == 2);
    while world.ctl(1, &["consumers"]).ok().is_empty() {}
    let seen = mark(&world);
    send(&world, 0..300);
    let (first, last) = extent(&mut client, 125);
    assert!(first > seen && mark(&world) >= first - 1, "{seen} {first}..{last}");
    alice.signal(nix::sys::signal::Signal::SIGKILL);
    alice.wait();
    let alice = world.start(1, &["--user", "alice", "--config", &config]);
    let mut client = alice.client();
    client.status_when(|status| status.clients == 2);
    send(&world, 300..600);
    let (first, _) = extent(&mut client, 125);
    assert!(first > last - 100, "{first}, with {last} before");

    // What it is still busy with stays, and all after it.
    listener.signal(nix::sys::signal::Signal::SIGTERM);
    listener.wait();
    client.status_when(|status| status.clients == 1);
    let (begun, done) = (world.path("begun"), world.path("done"));
    nix::unistd::mkfifo(&done, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let command = format!("touch {}; read -r _ <{}", begun.display(), done.display());
    let busy = world.spawn_ctl(1, &["listen", "-n", "1", "--exec", &command]);
    client.status_when(|status| status.clients == 2);
    world.ctl(2, &["send", "second"]).ok();
    while !begun.exists() {}
    let kept = |client: &mut TestClient| {
        client.log().into_iter().filter(|event| event.what.kind() == Kind::Message).count()
    };
    let before = client.status().last_id;
    send(&world, 600..900);
    assert!(kept(&mut client) == 1 && mark(&world) < before);
    fs::write(done, "\n").unwrap();
    busy.wait().ok();
    send(&world, 900..930);
    client.status_when(|status| status.first_id >= before - 100);

    // One that comes now and then, and finds nothing.
    send(&world, 930..1_100);
    world.ctl(1, &["listen", "--timeout", "1"]).fails(6, "simpctl: no message within 1 s");
    let before = client.status_when(|status| status.clients == 1).last_id;
    send(&world, 1_100..1_130);
    client.status_when(|status| status.first_id >= before - 100);
}
