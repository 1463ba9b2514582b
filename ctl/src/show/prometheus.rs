//! A status as metrics, in the text format of Prometheus (exposition format 0.0.4). The names are part of simpctl's interface.

use std::fmt::{Display, Write as _};

use simp_control::Status;

/// What a metric is.
#[derive(Debug, Clone, Copy)]
enum Type {
    /// It goes up and down.
    Gauge,
    /// It only goes up, from the start of simpd on.
    Counter,
}

/// The metrics of the daemon with this name, or that there is none.
pub(crate) fn metrics(daemon: Option<&str>, status: Option<&Status>, now_ms: u64) -> String {
    let mut page = Page { text: String::new(), daemon };
    page.one(Type::Gauge, "up", "Whether simpd runs and answers.", u8::from(status.is_some()));
    if let Some(status) = status {
        page.state(status, now_ms);
        page.counts(status);
    }
    page.text
}

struct Page<'a> {
    text: String,
    daemon: Option<&'a str>,
}

impl Page<'_> {
    fn state(&mut self, status: &Status, now_ms: u64) {
        let info =
            [("version", status.version.as_str()), ("address", &status.address), ("user", &status.user)];
        self.begin(Type::Gauge, "info", "Which simpd this is.");
        self.sample("info", &info, 1);
        let oldest = status.waiting.first().map_or(0, |oldest| now_ms.saturating_sub(oldest.since_ms));
        let stuck = status.not_leaving.iter().any(|it| it.to.is_none());
        let refused = status.not_leaving.iter().filter(|it| it.to.is_some()).count();
        for (name, help, value) in [
            ("uptime_seconds", "Since simpd was started.", seconds(status.uptime_ms)),
            (
                "trouble",
                "Whether all chats are paused: the log cannot be written, or no interface has the address.",
                flag(status.trouble.is_some()),
            ),
            ("not_leaving", "Whether no datagram leaves this machine.", flag(stuck)),
            ("not_leaving_peers", "Peers for which no datagram leaves this machine.", refused.to_string()),
            (
                "plain",
                "Whether all chats are plain, though secure ones are wanted.",
                flag(status.plain.is_some()),
            ),
            (
                "oldest_waiting_seconds",
                "Age of the oldest message that waits for its peer; 0 if none does.",
                seconds(oldest),
            ),
            ("outbox_messages", "Messages in the outbox.", status.outbox.to_string()),
            ("chats", "Chats and invitations that count against simp_chats_max.", status.chats.to_string()),
            ("chats_max", "Most chats at a time.", status.max_chats.to_string()),
            ("requests", "Requests that wait for an answer.", status.requests.to_string()),
            ("clients", "Control connections.", status.clients.to_string()),
            ("log_bytes", "Size of the log on disk.", status.log_bytes.to_string()),
            (
                "log_first_entry",
                "Id of the oldest entry that the log keeps; 0 if it is empty.",
                status.first_id.to_string(),
            ),
            (
                "log_last_entry",
                "Id of the newest entry of the log; 0 if it is empty.",
                status.last_id.to_string(),
            ),
        ] {
            self.one(Type::Gauge, name, help, value);
        }
    }

    fn counts(&mut self, status: &Status) {
        let counters = &status.counters;
        for (name, help, value) in [
            ("datagrams_received_total", "Datagrams received.", counters.datagrams_in),
            ("datagrams_transmitted_total", "Datagrams transmitted.", counters.datagrams_out),
            (
                "datagrams_not_transmitted_total",
                "Datagrams that the system would not take.",
                counters.not_transmitted,
            ),
            (
                "datagrams_retransmitted_total",
                "Datagrams transmitted that had been before.",
                counters.retransmitted,
            ),
            ("datagrams_duplicate_total", "Datagrams received again.", counters.duplicates),
            ("datagrams_ignored_total", "Datagrams that changed nothing.", counters.ignored),
            ("log_commits_total", "Commits of the log.", counters.commits),
        ] {
            self.one(Type::Counter, name, help, value);
        }
        let refused = &counters.refused;
        let name = "datagrams_refused_total";
        self.begin(
            Type::Counter,
            name,
            "Datagrams that make no sense as SIMP, and what was not taken or answered.",
        );
        for (reason, count) in [
            ("short", refused.short),
            ("type", refused.r#type),
            ("operation", refused.operation),
            ("port", refused.port),
            ("rate", refused.rate),
            ("budget", refused.budget),
        ] {
            self.sample(name, &[("reason", reason)], count);
        }
    }

    /// A metric with one value.
    fn one(&mut self, kind: Type, name: &str, help: &str, value: impl Display) {
        self.begin(kind, name, help);
        self.sample(name, &[], value);
    }

    fn begin(&mut self, kind: Type, name: &str, help: &str) {
        let kind = match kind {
            Type::Gauge => "gauge",
            Type::Counter => "counter",
        };
        let _ = writeln!(self.text, "# HELP simp_{name} {help}\n# TYPE simp_{name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let all = self.daemon.map(|daemon| ("daemon", daemon)).into_iter().chain(labels.iter().copied());
        let labels: Vec<String> = all.map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.text, "simp_{name}{labels} {value}");
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn flag(is_so: bool) -> String {
    u8::from(is_so).to_string()
}

/// Milliseconds, in the unit that metrics have.
fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_have_the_escapes_of_the_format_and_no_daemon_is_a_metric_too() {
        let mut page = Page { text: String::new(), daemon: Some("10.0.0.1") };
        page.sample("info", &[("user", "a\"b\\c\nd")], 1);
        assert_eq!(page.text, "simp_info{daemon=\"10.0.0.1\",user=\"a\\\"b\\\\c\\nd\"} 1\n");
        let none = "# HELP simp_up Whether simpd runs and answers.\n# TYPE simp_up gauge\nsimp_up 0\n";
        assert_eq!(metrics(None, None, 0), none);
        assert_eq!(seconds(61_007), "61.007");
    }
}
