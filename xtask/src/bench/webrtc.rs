//! `cargo xtask bench webrtc`: figures of a page in Chromium.

use crate::workspace::root;
use anyhow::Result;

const PAGE: &str = "\
# WebRTC beside the browser's own connections

`cargo xtask bench webrtc`, in one page of headless Chromium: two ends of `mydht_transports::webrtc::browser`, and two
plain `RTCPeerConnection`s that a few lines of JavaScript connect (`transports/tests/page/plain.js`), taken in turns on the
same machine. Medians. *Connect* goes from the call to the first message at the other end; *bulk* moves 50 MiB, ours with
credits and fragments, plain in messages of 16 KiB; a round of 1 KiB goes there and back.

";

const FILES: &str = "\
## A file from page to page

Two tabs of headless Chromium that were opened the same way, in each round with nothing in them: two plain `RTCPeerConnection`s, the
second of which says when it has all, and two nodes, the second of which gets a file that the first has put
(`web/check/transfer.mjs`). 50 MiB; medians; a ratio is the median of the rounds' ratios. Every part is encrypted, hashed and
checked by the node, and kept: in memory, or in IndexedDB, on disk.

";

/// Writes the page of these tables, and draws the first of them. `files` is the table of
/// `web/check/transfer.mjs`.
pub fn write_page(tables: &str, files: &str) -> Result<()> {
    let docs = root().join("docs").join("benchmarks");
    let mut bars = plot::Bars::default();
    for (name, ours, plain) in panels(tables) {
        let rows = [("ours", true, ours), ("plain", false, plain)];
        bars.panel(name, |value| format!("{value:.2}"), rows);
    }
    let page = format!("{PAGE}{tables}\n![The same, drawn](webrtc.svg)\n\n{FILES}{files}");
    std::fs::write(docs.join("webrtc.md"), page)?;
    std::fs::write(docs.join("webrtc.svg"), bars.svg())?;
    println!("{tables}\n{files}");
    Ok(())
}

/// The rows of the first table: what was measured, ours, plain.
fn panels(tables: &str) -> Vec<(&str, f64, f64)> {
    tables
        .lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let number = |at: usize| cells.get(at)?.parse::<f64>().ok();
            // The second table has other columns, and no aim.
            cells.get(5).filter(|aim| !aim.is_empty())?;
            Some((*cells.get(1)?, number(2)?, number(3)?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_with_an_aim_are_drawn() {
        let tables = "| | ours | plain | ratio | aim |\n|---|---:|---:|---:|---|\n\
            | bulk | 40.5 | 50.0 | 0.81 | ≥ 0.9 |\n\n| who | ms |\n|---|---|\n| ours | 3 |\n";
        assert_eq!(panels(tables), [("bulk", 40.5, 50.0)]);
    }
}
