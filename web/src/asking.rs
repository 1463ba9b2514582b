//! What a page may ask of simpd, and how: less than simpctl may.

use simp_control::error::Outcome;
use simp_control::{Answer, Client, Failure, FailureKind, Reply, Request, names};

use crate::bridge::Bridge;
use crate::downloads;

/// What is said to a page.
#[derive(Debug, PartialEq, Eq)]
pub enum Said {
    /// simpd's answer, or why there is none.
    Answer(Box<Answer>),
    /// What the page has shown is of another log: the ids in its request are those of something else.
    OtherLog,
    /// Pages are not for that.
    NotAllowed,
}

/// Asks simpd for a page that knows the log with this number. It waits for simpd, and for whoever knows names of hosts.
pub fn ask(bridge: &Bridge, log: u64, request: Request) -> Said {
    if !is_allowed(&request) {
        return Said::NotAllowed;
    }
    let reply = match bridge.client() {
        Ok((_, number)) if number != log => return Said::OtherLog,
        Ok((client, _)) => carry_out(client, request),
        Err(error) => Err(error),
    };
    Said::Answer(Box::new(match reply {
        Ok(reply) => Answer::Reply(reply),
        Err(error) => Answer::Failure(
            error
                .failure()
                .unwrap_or_else(|| Failure::new(FailureKind::Failed, "nobody waits for it any more")),
        ),
    }))
}

fn carry_out(mut client: Client, request: Request) -> Outcome<Reply> {
    let request = match request {
        // The daemon never resolves a name, and a browser cannot.
        Request::Connect { address, timeout_ms, secure } => {
            let address = names::address(&mut client, &address)?;
            Request::Connect { address, timeout_ms, secure }
        }
        Request::TakeFile { message, .. } => Request::TakeFile { message, folder: downloads::folder()? },
        request => request,
    };
    client.ask(&request)
}

/// Whether the page has a use for it. Whoever takes a page over must not get at files, keys or the daemon itself.
fn is_allowed(request: &Request) -> bool {
    match request {
        Request::Status
        | Request::Connect { .. }
        | Request::Accept { .. }
        | Request::Decline { .. }
        | Request::Send { .. }
        | Request::RefuseFile { .. }
        | Request::Outbox { .. }
        | Request::Cancel { .. }
        | Request::Resend { .. }
        | Request::Quit { .. }
        | Request::Chats { .. }
        | Request::History { .. }
        | Request::Peers { .. }
        | Request::Keys { .. }
        | Request::Read { .. } => true,
        // Only to where the user's browser would put it.
        Request::TakeFile { folder, .. } => folder.is_empty(),
        // Each by its name: what comes to the API is for pages only if somebody says so here.
        Request::Hello { .. }
        | Request::Follow { .. }
        | Request::SendFile { .. }
        | Request::States { .. }
        | Request::CancelAll { .. }
        | Request::Transfers { .. }
        | Request::Seen { .. }
        | Request::Consumers
        | Request::Forget { .. }
        | Request::ForgetPeer(_)
        | Request::TrustKeys { .. }
        | Request::ForgetKey { .. }
        | Request::HoldLog
        | Request::ReleaseLog
        | Request::Stop => false,
    }
}
