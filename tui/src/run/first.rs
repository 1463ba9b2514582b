//! What simpd is asked at the start: all in one exchange, so that the first frame comes at once, however long the log is.

use simp_control::error::{Outcome, unexpected};
use simp_control::{Client, Filter, Reply, Request};

use crate::model::job::PAGE;
use crate::model::snapshot::{Can, Snapshot};

/// How everything is.
pub(crate) fn snapshot(client: &mut Client) -> Outcome<Snapshot> {
    let filter = Filter { kinds: client.kinds()?, ..Filter::default() };
    let can = Can { search: client.can("search")?, read: client.can("read")? };
    for request in [
        // First: what the lists say is as new as the log, or newer.
        Request::History { before: None, limit: PAGE, filter },
        Request::Status,
        Request::Chats { after: 0 },
        Request::Outbox { after: 0 },
        Request::Peers { after: String::new() },
    ] {
        client.submit(&request)?;
    }
    client.write()?;
    let Reply::History { events: page, .. } = client.reply()? else { return Err(unexpected()) };
    let Reply::Status(status) = client.reply()? else { return Err(unexpected()) };
    let Reply::Chats { chats, more } = client.reply()? else { return Err(unexpected()) };
    let chats = (chats, more);
    let Reply::Outbox { messages, more } = client.reply()? else { return Err(unexpected()) };
    let outbox = (messages, more);
    let Reply::Peers { peers, more } = client.reply()? else { return Err(unexpected()) };
    Ok(Snapshot { status: *status, can, page, chats, outbox, peers: (peers, more) })
}
