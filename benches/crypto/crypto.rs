//! `cargo xtask bench crypto`: measures natively and writes the page; `--wasm FILE` adds what was
//! measured in wasm, `--wasm simd=FILE` what was measured there with SIMD.

use std::fs;
use std::path::Path;

/// Returns what follows this argument, each time that it is given.
fn arguments(name: &str) -> Vec<String> {
    let all: Vec<String> = std::env::args().collect();
    let pairs = all.windows(2).filter(|pair| pair[0] == name);
    pairs.map(|pair| pair[1].clone()).collect()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let quick = std::env::args().any(|arg| arg == "--quick");
    let figures = crypto_bench::measure(if quick { 5 } else { 101 });
    let mut page = format!(
        "# Cryptography\n\n\
         Record layers (`proto/src/shadow/`) with records of 16 KiB beside the bare primitives of RustCrypto, in place with keys \
         that are ready; the aim is a ratio of at least 0.9. The handshake (`proto/src/handshake/`), both sides of it in one \
         thread, beside snow's Noise XX: as it is, with ed25519 identities that sign the static keys, and with a shared \
         secret; below 1 ours is faster. Contenders take turns; \
         figures are medians, and a ratio is the median of the rounds' ratios, not that of the two medians.\n\n\
         ## Natively\n\n{}\n![Record layers and handshakes](crypto.svg)\n",
        figures.tables()
    );
    if quick {
        page += "\nA quick run, to see that it works: no figures to publish.\n";
    }
    for wasm in arguments("--wasm") {
        let (title, file) = match wasm.strip_prefix("simd=") {
            None => ("In wasm (Node)", &wasm[..]),
            Some(file) => ("In wasm with SIMD (Node)", file),
        };
        page += &format!("\n## {title}\n\n{}", fs::read_to_string(file)?);
        if title.contains("SIMD") {
            page += "\nBuilt with `-Ctarget-feature=+simd128`. The page is built without: it then runs in browsers that have no \
                     SIMD (Safari before 16.4) too.\n";
        }
    }
    println!("{page}");
    if let [out, ..] = &arguments("--out")[..] {
        fs::create_dir_all(out)?;
        let out = Path::new(out);
        fs::write(out.join("crypto.md"), page)?;
        fs::write(out.join("crypto.svg"), drawing(&figures))?;
    }
    Ok(())
}

fn drawing(figures: &crypto_bench::Figures) -> String {
    let mut bars = plot::Bars::default();
    let pairs = |rows: &[crypto_bench::Row], peer: &str| {
        rows.iter()
            .flat_map(|row| {
                let other = format!("{peer} {}", row.name);
                [(row.name.clone(), true, row.ours), (other, false, row.peer)]
            })
            .collect::<Vec<_>>()
    };
    let records = pairs(&figures.records, "bare:");
    let speed = |value| format!("{value:.0} MiB/s");
    let shown = |rows: &[(String, bool, f64)]| {
        rows.iter()
            .map(|(name, ours, value)| (name.replace("with HMAC-SHA-256", "+ HMAC"), *ours, *value))
            .collect::<Vec<_>>()
    };
    let records = shown(&records);
    bars.panel(
        "16 KiB records",
        speed,
        records
            .iter()
            .map(|(name, ours, value)| (name.as_str(), *ours, *value)),
    );
    let mut handshakes = vec![("public".to_owned(), true, figures.handshakes[0].ours)];
    handshakes.extend(figures.handshakes.iter().map(|row| {
        let name = row.name.split("beside ").nth(1).unwrap_or(&row.name);
        (name.to_owned(), false, row.peer)
    }));
    bars.panel(
        "Handshake, both sides",
        |value| format!("{value:.0} µs"),
        handshakes
            .iter()
            .map(|(name, ours, value)| (name.as_str(), *ours, *value)),
    );
    bars.svg()
}
