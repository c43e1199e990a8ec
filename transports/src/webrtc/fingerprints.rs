//! Identity of a DTLS connection: the fingerprints of its two certificates (RFC 8122, section 5).

use super::Op;

/// Fingerprints of one description, each `algorithm hash`, sorted: however the description is
/// written.
type Fingerprints = Vec<String>;

/// The fingerprints that both ends of a connection go by: those of the descriptions that were
/// taken, not of those that were only said. Whoever carries descriptions can put a certificate of
/// their own into them; then the two ends go by different ones.
#[derive(Debug, Default)]
pub(super) struct Certificates {
    own: Option<Fingerprints>,
    theirs: Option<Fingerprints>,
}

impl Certificates {
    /// This is done next: it says what the peer is known by.
    pub fn taken(&mut self, op: &Op) {
        if let Op::Answer {
            offer: description, ..
        }
        | Op::Accept {
            answer: description,
        } = op
        {
            self.theirs = Some(fingerprints(description));
        }
    }

    /// This end's description was made. What is no description says nothing.
    pub fn made(&mut self, description: &str) {
        let found = fingerprints(description);
        if !found.is_empty() {
            self.own = Some(found);
        }
    }

    /// The bytes that both ends have in common for what this end opened, or the peer did: the
    /// opener's fingerprints, then the other's. `None` until both are known.
    pub fn binding(&self, opened_here: bool) -> Option<Vec<u8>> {
        let (own, theirs) = (self.own.as_ref()?, self.theirs.as_ref()?);
        let (opener, other) = match opened_here {
            true => (own, theirs),
            false => (theirs, own),
        };
        let text = format!("dtls\n{}\n\n{}\n", opener.join("\n"), other.join("\n"));
        Some(text.into_bytes())
    }
}

/// Finds the attributes of a description, of the whole or of a part of it.
fn fingerprints(description: &str) -> Fingerprints {
    let mut found: Fingerprints = description
        .lines()
        .filter_map(|line| line.trim_end().strip_prefix("a=fingerprint:"))
        .filter_map(|value| value.trim().split_once(' '))
        .map(|(algorithm, hash)| {
            // One spelling, because both ends must come to the same bytes.
            let (algorithm, hash) = (algorithm.to_ascii_lowercase(), hash.trim());
            format!("{algorithm} {}", hash.to_ascii_uppercase())
        })
        .collect();
    // A description may have them once for each section, in any order.
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description(fingerprints: &[&str]) -> String {
        let mut text = String::from("v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\n");
        for fingerprint in fingerprints {
            text.push_str(&format!("a=fingerprint:{fingerprint}\r\n"));
        }
        text.push_str("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:0\r\n");
        text
    }

    /// An end that made an offer and took an answer.
    fn end(own: &[&str], theirs: &[&str]) -> Certificates {
        let mut end = Certificates::default();
        end.made(&description(own));
        end.taken(&Op::Accept {
            answer: description(theirs),
        });
        end
    }

    #[test]
    fn both_ends_know_the_channel_by_the_same_bytes() {
        let (a, b) = ("sha-256 AA:01", "sha-256 BB:02");
        let offerer = end(&[a], &[b]);
        let mut answerer = Certificates::default();
        answerer.taken(&Op::Answer {
            offer: description(&["SHA-256 aa:01", a]),
            rollback: false,
        });
        assert_eq!(answerer.binding(true), None, "its own is not known yet");
        answerer.made(&description(&[b]));
        assert_eq!(offerer.binding(true), answerer.binding(false));
        assert_eq!(offerer.binding(false), answerer.binding(true));
        assert_ne!(offerer.binding(true), offerer.binding(false));
    }

    #[test]
    fn a_certificate_in_the_middle_is_seen_by_the_ends() {
        let (a, b, middle) = ("sha-256 AA:01", "sha-256 BB:02", "sha-256 CC:03");
        let ends = |a: Certificates, b: Certificates| (a.binding(true), b.binding(false));
        let (a_end, b_end) = ends(end(&[a], &[middle]), end(&[b], &[middle]));
        assert_ne!(a_end, b_end, "in the place of each");
        let (a_end, b_end) = ends(end(&[a], &[b, middle]), end(&[b], &[a, middle]));
        assert_ne!(a_end, b_end, "beside each");
    }

    #[test]
    fn what_is_no_description_says_nothing() {
        let mut end = end(&["sha-256 AA:01"], &["sha-256 BB:02"]);
        let before = end.binding(true);
        end.made("");
        end.taken(&Op::Candidate("a=fingerprint:sha-256 EE:05".into()));
        assert_eq!(end.binding(true), before);
        assert_eq!(
            fingerprints("a=fingerprint:sha-256\na=fingerprint:\n"),
            Vec::<String>::new()
        );
    }
}
