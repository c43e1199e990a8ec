//! State of a node, for people and for Prometheus.

use std::fmt::{self, Write};

use mydht::Link;
use mydht::engine::Insight;
use mydht::metrics::Snapshot;
use serde::{Deserialize, Serialize};

/// State of a running node.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub id: String,
    /// Addresses of the node.
    pub addresses: Vec<String>,
    pub connections: Vec<Connection>,
    pub holds: Insight,
    pub counted: Snapshot,
}

/// A connection of it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    pub address: String,
    /// `None` while it is not proved who is there.
    pub peer: Option<String>,
}

impl Connection {
    pub fn of(link: &Link) -> Self {
        Connection {
            address: link.address.to_string(),
            peer: link.peer.map(|peer| peer.to_string()),
        }
    }
}

impl Report {
    /// In Prometheus' text format (version 0.0.4).
    pub fn prometheus(&self) -> String {
        let mut text = String::new();
        let mut metric = |name: &str, kind: &str, help: &str, value: u64| {
            // Writing into memory does not fail.
            let _ = writeln!(
                text,
                "# HELP mydht_node_{name} {help}\n# TYPE mydht_node_{name} {kind}\nmydht_node_{name} {value}"
            );
        };
        for (name, help, value) in self.counted.all() {
            metric(&format!("{name}_total"), "counter", help, value);
        }
        // Destructured completely, so that the compiler reports a figure that is missing below.
        let Insight {
            peers,
            ref buckets,
            searches,
            downloads,
            records,
            record_bytes,
        } = self.holds;
        for (name, help, value) in [
            ("peers", "Peers that it is connected with.", peers),
            (
                "links",
                "Connections, with those that are opening.",
                self.connections.len(),
            ),
            (
                "contacts",
                "Contacts in its routing table.",
                buckets.iter().sum(),
            ),
            ("buckets", "Buckets of its routing table.", buckets.len()),
            ("searches", "Searches under way.", searches),
            ("downloads", "Attachments on their way here.", downloads),
            ("records", "Records in its store.", records),
        ] {
            metric(name, "gauge", help, value as u64);
        }
        metric(
            "record_bytes",
            "gauge",
            "Bytes of its records.",
            record_bytes,
        );
        text
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (holds, counted) = (&self.holds, &self.counted);
        writeln!(f, "id         {}", self.id)?;
        for address in &self.addresses {
            writeln!(f, "found at   {address}")?;
        }
        writeln!(f, "peers      {}", holds.peers)?;
        for Connection { address, peer } in &self.connections {
            let peer = peer.as_deref().unwrap_or("(not known yet)");
            writeln!(f, "           {peer} {address}")?;
        }
        let contacts: usize = holds.buckets.iter().sum();
        let filled: Vec<String> = (holds.buckets.iter().enumerate())
            .filter(|(_, count)| **count > 0)
            .map(|(shared, count)| format!("{count} with {shared} bits in common"))
            .collect();
        writeln!(f, "contacts   {contacts} ({})", filled.join(", "))?;
        writeln!(
            f,
            "records    {}, {} bytes",
            holds.records, holds.record_bytes
        )?;
        let found = counted.lookups_found;
        let hops = counted.lookup_hops as f64 / found.max(1) as f64;
        writeln!(
            f,
            "lookups    {found} found, {hops:.1} nodes deep on average; {} searches and {} downloads under way",
            holds.searches, holds.downloads
        )?;
        writeln!(
            f,
            "traffic    in {} bytes, {} messages; out {} bytes, {} messages",
            counted.bytes_in, counted.messages_in, counted.bytes_out, counted.messages_out
        )?;
        write!(
            f,
            "services   {} restarts of {} stops, {} failed and started again",
            counted.restarts, counted.yields, counted.services_restarted
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report {
            id: "5f".repeat(32),
            addresses: vec!["tcp:127.0.0.1:4000".into()],
            connections: vec![Connection {
                address: "rtc:7".into(),
                peer: None,
            }],
            holds: Insight {
                peers: 1,
                buckets: vec![2, 0, 1],
                records: 7,
                ..Insight::default()
            },
            counted: Snapshot {
                bytes_in: 12,
                ..Snapshot::default()
            },
        }
    }

    #[test]
    fn every_number_has_its_help_and_its_type_once() {
        let text = report().prometheus();
        for line in [
            "mydht_node_bytes_in_total 12",
            "mydht_node_contacts 3",
            "mydht_node_records 7",
        ] {
            assert!(text.lines().any(|other| other == line), "{text}");
        }
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let name = line.split(' ').next().unwrap();
            for what in ["HELP", "TYPE"] {
                let before = format!("# {what} {name} ");
                assert_eq!(
                    text.lines()
                        .filter(|line| line.starts_with(&before))
                        .count(),
                    1
                );
            }
        }
    }

    #[test]
    fn what_is_told_reads_back_and_is_shown() {
        let json = serde_json::to_string(&report()).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report());
        let shown = report().to_string();
        assert!(
            shown.contains("3 (2 with 0 bits in common, 1 with 2 bits in common)"),
            "{shown}"
        );
    }
}
