//! `docs/reference/limits.md` names each field of `Limits` with its default.
#![cfg(test)]

use mydht_proto::Limits;

/// Returns each field of the default limits with its default, as the page shows them.
///
/// The fields of a struct cannot be listed, but its `Debug` form can be read.
fn fields() -> Vec<(String, String)> {
    let debug = format!("{:#?}", Limits::default());
    let mut fields = Vec::new();
    let mut group = "";
    for line in debug.lines() {
        let Some((name, value)) = line.trim().split_once(": ") else {
            continue;
        };
        match value.strip_suffix(',') {
            Some(value) => fields.push((format!("{group}.{name}"), shown(name, value))),
            None => group = name,
        }
    }
    fields
}

/// Returns a default as the page shows it: `10 s`, `1 MiB`, `1024`.
fn shown(name: &str, value: &str) -> String {
    if let Some(seconds) = value.strip_suffix('s') {
        let seconds: u64 = seconds.parse().unwrap();
        return match (seconds / 3600, seconds % 3600) {
            (1.., 0) => format!("{} h", seconds / 3600),
            _ => format!("{seconds} s"),
        };
    }
    let number: u64 = value.parse().unwrap();
    let units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    let unit = units
        .into_iter()
        .find(|(_, size)| number > 0 && number.is_multiple_of(*size));
    match unit {
        Some((unit, size)) if name.contains("bytes") => format!("{} {unit}", number / size),
        _ => value.to_owned(),
    }
}

#[test]
fn the_page_has_each_limit_with_its_default() {
    let page = include_str!("../../docs/reference/limits.md");
    let rows = page.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        let name = cells.next()?.strip_suffix('`')?;
        Some((name.to_owned(), cells.next()?.to_owned()))
    });
    let rows: Vec<_> = rows.collect();
    let fields = fields();
    assert!(fields.len() > 40, "{fields:?}");
    assert_eq!(rows, fields);
}
