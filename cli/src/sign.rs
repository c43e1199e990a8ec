//! Records that only their signer may change: what `put` makes of them, and what `get` says of
//! them.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mydht::engine::Query;
use mydht::identity::{self, PublicKey};
use mydht::record::Seal;
use mydht::{Hash, Key, Record, Value};

use crate::client::Client;

#[derive(clap::Args)]
pub struct Sign {
    /// Sign it with the identity in FILE, which is made if it is not there: nobody else can replace
    /// it, and a later put with the same FILE and salt does. It is found by `signed:SIGNER/SALT`.
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    sign: Option<PathBuf>,
    /// Tells what one signer signs apart: a name, of 64 bytes at most.
    #[arg(long, value_name = "TEXT", default_value = "", requires = "sign")]
    salt: String,
    /// Lifetime of the record: a number and s, m, h or d.
    #[arg(long, value_name = "TIME", default_value = "30d", requires = "sign")]
    expires: Span,
}

impl Sign {
    /// `value` under its signer's key, newer than what the network has there, and what it is found
    /// by; `None`: it is not to be signed.
    pub fn sign(&self, client: &Client, value: &Value) -> io::Result<Option<(Record, String)>> {
        let Some(path) = &self.sign else {
            return Ok(None);
        };
        let signer = identity::load_or_create(path)?;
        let key = Key::signed(&signer.public_key(), self.salt.as_bytes());
        let query = Query {
            record_only: true,
            ..Query::default()
        };
        let newest = client.node().query(&key, query).wait()?;
        let newest = newest.and_then(|record| record.seal);
        let newest = newest.map_or(0, |seal| seal.sequence);
        let sequence = newest.checked_add(1).ok_or_else(|| {
            io::Error::other("there is no higher version than the last: choose another --salt")
        })?;
        let expires = now().saturating_add(millis(self.expires.0));
        let salt = self.salt.as_bytes();
        let record = Record::signed(&signer, salt, sequence, expires, value.clone());
        let name = name(&signer.public_key(), &self.salt);
        Ok(Some((record, name)))
    }
}

/// Returns the name by which `get` finds a signed record.
fn name(signer: &PublicKey, salt: &str) -> String {
    format!("signed:{}/{salt}", Hash(signer.to_bytes()))
}

/// Says on standard error which version a record is, whose, and for how long: standard output is
/// the value's.
pub fn report(seal: &Seal) {
    let left = Duration::from_millis(seal.expires.saturating_sub(now()));
    let (sequence, signer, left) = (seal.sequence, seal.signer, Span(left));
    eprintln!("version {sequence}, signed by {signer}, for {left}");
}

/// Milliseconds since 1970 (UTC).
fn now() -> u64 {
    millis(
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            // A clock before 1970 counts as 1970.
            .unwrap_or_default(),
    )
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3600), ('m', 60), ('s', 1)];

/// A stretch of time, as people write it: `90s`, `12h`, `30d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span(Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let seconds = UNITS.iter().find_map(|(unit, seconds)| {
            let count: u64 = text.strip_suffix(*unit)?.parse().ok()?;
            count.checked_mul(*seconds).filter(|all| *all > 0)
        });
        let wrong = || format!("invalid time `{text}`: write a number and s, m, h or d, like 30d");
        seconds
            .map(|all| Span(Duration::from_secs(all)))
            .ok_or_else(wrong)
    }
}

impl fmt::Display for Span {
    /// In the largest unit of which there is a whole one, rounded.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Rounded to the nearest second, because the remaining time is always slightly below the
        // requested one.
        let seconds = (self.0 + Duration::from_millis(500)).as_secs();
        let whole = UNITS.iter().find(|(_, unit)| seconds >= *unit);
        let (unit, size) = whole.copied().unwrap_or(('s', 1));
        write!(f, "{}{unit}", (seconds + size / 2) / size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_shown_in_one_unit() {
        for (text, seconds, shown) in [
            ("1s", 1, "1s"),
            ("90s", 90, "2m"),
            ("12h", 12 * 3600, "12h"),
            ("24h", 86_400, "1d"),
            ("30d", 30 * 86_400, "30d"),
        ] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span, Span(Duration::from_secs(seconds)));
            assert_eq!(span.to_string(), shown);
        }
        for wrong in [
            "",
            "d",
            "1",
            "-1d",
            "0s",
            "1w",
            "99999999999999999999d",
            "999999999999999999d",
        ] {
            assert!(wrong.parse::<Span>().is_err(), "{wrong}");
        }
    }
}
