//! What is refused to clients that may not ask everything.

use simp_control::{Failure, FailureKind, FollowFrom, Request};

use crate::rights::Rights;

/// Why this is refused to a client with these rights; `None` if it is not. `writes`: it changes the log.
pub fn refuses(rights: Rights, request: &Request, writes: bool) -> Option<Failure> {
    let line = match (rights, request) {
        (Rights::Shared, Request::SendFile { .. } | Request::TakeFile { .. }) => {
            "files are read and written as the user of simpd: only that user and root can send and save them"
        }
        (Rights::Shared, Request::HoldLog | Request::ReleaseLog) => {
            "a backup has the private key: only the user of simpd and root can make one (by its own control socket)"
        }
        (
            Rights::Reading,
            Request::Follow { from: FollowFrom::Consumer(_) | FollowFrom::Resume { .. }, .. },
        ) => {
            "this socket is only for reading, and the mark of a consumer moves (without one: simpctl listen --since T)"
        }
        (Rights::Reading, Request::Stop | Request::ReleaseLog) => ONLY_READING,
        (Rights::Reading, _) if writes => ONLY_READING,
        (Rights::All | Rights::Shared | Rights::Reading, _) => return None,
    };
    Some(Failure::new(FailureKind::Failed, line))
}

const ONLY_READING: &str = "this socket is only for reading (use the control socket of simpd, if you may)";
