//! Clients that may not ask everything.

use simp_control::{FailureKind, Filter, FollowFrom, Forgotten, Request};
use simp_engine::Rights;
use simp_proto::secure::Digest;

use super::{Host, peer};
use crate::driver;

/// What is refused to a client with these rights, and why.
fn refused(rights: Rights, request: Request) -> Option<String> {
    let mut host = Host::new(2);
    let now = host.moment();
    let failure = host.driver.ask_as(now, rights, request).err()?;
    // Other failures are those that anybody would have.
    let is_ours = failure.line.starts_with("this socket is only for reading")
        || failure.line.starts_with("files are read");
    (is_ours && failure.kind == FailureKind::Failed).then_some(failure.line)
}

fn follow(from: FollowFrom) -> Request {
    Request::Follow { from, filter: Filter::default() }
}

fn files() -> [Request; 2] {
    let (path, name, sha256) = ("/etc/shadow".to_owned(), "x".to_owned(), Digest::new([0; 32]));
    let (who, chat, token, again_after) = (None, None, None, None);
    [
        Request::SendFile { who, chat, path, name, size: 1, sha256, token, again_after },
        Request::TakeFile { message: 1, folder: "/root".to_owned() },
    ]
}

#[test]
fn whoever_may_only_read_changes_nothing() {
    let consumer = || "mail".to_owned();
    let writes = [
        driver::send(Some(peer(2)), "hi"),
        driver::keep(peer(2), "hi", None),
        driver::connect(peer(2)),
        driver::quit(None, true),
        Request::Accept { who: None },
        Request::Decline { who: None },
        Request::Cancel { message: 1 },
        Request::Resend { message: 1, expire_ms: None },
        Request::RefuseFile { message: 1, reason: "no".to_owned() },
        Request::Seen { consumer: consumer(), id: 0 },
        Request::Forget { consumer: consumer() },
        Request::Read { address: peer(2).to_string(), id: 0 },
        Request::ForgetPeer(Forgotten::All),
        Request::ForgetKey { who: "bob".to_owned() },
        Request::TrustKeys { keys: vec![] },
        Request::HoldLog,
        Request::ReleaseLog,
        Request::Stop,
    ];
    let only_reading = "this socket is only for reading (use the control socket of simpd, if you may)";
    for request in writes.into_iter().chain(files()) {
        assert_eq!(refused(Rights::Reading, request.clone()).as_deref(), Some(only_reading), "{request:?}");
    }
    // A mark would keep entries, or let them go.
    for from in [FollowFrom::Consumer(consumer()), FollowFrom::Resume { consumer: consumer(), after: 0 }] {
        assert!(refused(Rights::Reading, follow(from)).unwrap().contains("the mark of a consumer moves"));
    }
    let reads = [
        Request::Status,
        Request::Chats { after: 0 },
        Request::Outbox { after: 0 },
        Request::History { before: None, limit: 1, filter: Filter::default() },
        Request::Consumers,
        Request::Peers { after: String::new() },
        Request::Keys { after: String::new() },
        Request::Transfers { after: 0 },
        follow(FollowFrom::After(0)),
        follow(FollowFrom::End),
    ];
    for request in reads {
        assert_eq!(refused(Rights::Reading, request.clone()), None, "{request:?}");
    }
}

#[test]
fn members_of_a_group_may_do_all_but_have_files_of_the_user_read_and_written() {
    for request in files() {
        assert!(
            refused(Rights::Shared, request.clone()).unwrap().starts_with("files are read and written as")
        );
        assert_eq!(refused(Rights::All, request), None);
    }
    for request in
        [driver::keep(peer(2), "hi", None), Request::Stop, follow(FollowFrom::Consumer("m".to_owned()))]
    {
        assert_eq!(refused(Rights::Shared, request), None);
    }
}
