//! The metrics, in Prometheus' text format (version 0.0.4).

use std::fmt::Write;

use mydht_rendezvous::{Counters, Gauges};

/// All of them.
pub(super) fn text(counters: &Counters, gauges: &Gauges) -> String {
    let mut text = String::new();
    let mut metric = |name: &str, kind: &str, help: &str, value: u64| {
        // Writing into memory does not fail.
        let _ = writeln!(
            text,
            "# HELP mydht_signal_{name} {help}\n# TYPE mydht_signal_{name} {kind}\nmydht_signal_{name} {value}"
        );
    };
    // Destructured completely, so that the compiler reports a counter that is missing below.
    let Counters {
        connections,
        refused_connections,
        logins,
        replaced,
        messages,
        signals,
        relayed_frames,
        relayed_bytes,
        pauses,
        cluster_messages,
        refusals,
    } = counters;
    for (name, help, value) in [
        (
            "connections_total",
            "Connections opened, refused ones included.",
            connections,
        ),
        (
            "refused_connections_total",
            "Connections refused because of a limit.",
            refused_connections,
        ),
        ("logins_total", "Users that proved who they are.", logins),
        (
            "replaced_total",
            "Users replaced by a later login.",
            replaced,
        ),
        ("messages_total", "Messages that came.", messages),
        (
            "signals_total",
            "Descriptions, candidates and goodbyes passed on.",
            signals,
        ),
        ("relayed_frames_total", "Frames relayed.", relayed_frames),
        ("relayed_bytes_total", "Bytes relayed.", relayed_bytes),
        (
            "pauses_total",
            "Times a connection was read more slowly.",
            pauses,
        ),
        (
            "cluster_messages_total",
            "Messages from other servers.",
            cluster_messages,
        ),
    ] {
        metric(name, "counter", help, *value);
    }
    for (name, help, value) in [
        ("connections", "Connections.", gauges.connections),
        (
            "users",
            "Users that have proved who they are.",
            gauges.users,
        ),
        ("rooms", "Rooms with a member on this server.", gauges.rooms),
        (
            "waiting",
            "Pairs of a user and one that it waits for.",
            gauges.waiting,
        ),
        ("relays", "Ends of open relays.", gauges.relays),
        (
            "alone",
            "1 if the other servers cannot be reached.",
            gauges.alone,
        ),
    ] {
        metric(name, "gauge", help, value);
    }
    text.push_str("# HELP mydht_signal_refusals_total What was refused, by its code.\n");
    text.push_str("# TYPE mydht_signal_refusals_total counter\n");
    for (code, count) in refusals {
        // A code is a word in its JSON form.
        let code = serde_json::to_string(code).unwrap_or_default();
        let _ = writeln!(text, "mydht_signal_refusals_total{{code={code}}} {count}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use mydht_rendezvous::Code;

    #[test]
    fn each_metric_has_a_help_a_type_and_a_value() {
        let mut counters = Counters {
            logins: 3,
            ..Counters::default()
        };
        counters.refusals.insert(Code::NotProved, 2);
        let text = text(&counters, &Gauges::default());
        assert!(
            text.contains(
                "# TYPE mydht_signal_logins_total counter\nmydht_signal_logins_total 3\n"
            )
        );
        assert!(text.contains("\nmydht_signal_refusals_total{code=\"not-proved\"} 2\n"));
        let lines = |prefix: &str| text.lines().filter(|line| line.starts_with(prefix)).count();
        assert_eq!(lines("# HELP"), 17);
        assert_eq!(lines("# TYPE"), 17);
        assert_eq!(lines("mydht_signal_"), 17);
        assert!(text.ends_with('\n'));
    }
}
