//! Links of Markdown pages to other files of the repository. Pure: the pages are an argument.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// Pages by their path from the root, with their text.
pub type Pages = BTreeMap<PathBuf, String>;

/// Returns the links of a page that lead to no file, or to no heading of a page. `exists` tells
/// whether the repository has a file or folder of this path.
pub fn broken(path: &Path, pages: &Pages, exists: impl Fn(&Path) -> bool) -> Vec<(usize, String)> {
    let mut faults = Vec::new();
    let text = pages.get(path).map_or("", String::as_str);
    for (number, line) in prose(text) {
        for link in links(&line) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => path.to_owned(),
                file => resolve(path, file),
            };
            let has_heading = |text: &String| headings(text).iter().any(|found| found == heading);
            let found = match pages.get(&target) {
                Some(text) if !heading.is_empty() => {
                    has_heading(text) || included(&target, pages).is_some_and(has_heading)
                }
                Some(_) => true,
                None => exists(&target),
            };
            if !found {
                faults.push((number, link.to_owned()));
            }
        }
    }
    faults
}

/// Returns the text of the page that this one includes, as mdBook writes it:
/// `{{#include ../PAGE.md}}`.
fn included<'a>(path: &Path, pages: &'a Pages) -> Option<&'a String> {
    let (_, rest) = pages.get(path)?.split_once("{{#include ")?;
    let (file, _) = rest.split_once("}}")?;
    let file = file.split(':').next()?;
    pages.get(&resolve(path, file))
}

/// Returns the lines outside of blocks of code, without the code inside of lines.
fn prose(text: &str) -> Vec<(usize, String)> {
    let mut in_code = false;
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        if !in_code && !is_fence {
            let plain = line.split('`').step_by(2).collect::<Vec<_>>().join("``");
            lines.push((number, plain));
        }
    }
    lines
}

/// Returns the targets of a line's links: `[text](target)`.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| {
        let target = rest.split(')').next()?;
        target.split_whitespace().next()
    })
}

/// Returns the path that a link of a page names, from the root.
fn resolve(page: &Path, link: &str) -> PathBuf {
    let mut path = page.parent().map(Path::to_owned).unwrap_or_default();
    for part in Path::new(link).components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            Component::Normal(name) => path.push(name),
            _ => {}
        }
    }
    path
}

/// Returns the names under which a page's headings are linked.
fn headings(text: &str) -> Vec<String> {
    let heads = text.lines().filter(|line| line.starts_with('#'));
    heads
        .map(|line| anchor(line.trim_start_matches('#').trim()))
        .collect()
}

/// Returns the name that a heading gets: small letters, hyphens for spaces, no other signs.
fn anchor(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| {
        if c == ' ' {
            '-'
        } else {
            c.to_ascii_lowercase()
        }
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_must_lead_to_a_file_or_a_heading() {
        let page = "# Top\n\
            [a](b.md) [b](b.md#a-heading-here) [c](../src/lib.rs) [d](#top) [e](https://x.y)\n\
            ```\n[no](link.md)\n```\n`[no](link.md)`\n\
            [x](../docs/c.md#a-heading-here)\n\
            [f](c2.md) [g](b.md#none) [h](#none) [i](../src/none.rs)\n";
        let pages: Pages = [
            ("docs/a.md".into(), page.to_owned()),
            ("docs/b.md".into(), "## A heading, here\n".to_owned()),
            (
                "docs/c.md".into(),
                "{{#include ../docs/b.md:part}}\n".to_owned(),
            ),
        ]
        .into();
        let exists = |path: &Path| path == Path::new("src/lib.rs");
        let found = broken(Path::new("docs/a.md"), &pages, exists);
        let expected = ["c2.md", "b.md#none", "#none", "../src/none.rs"];
        let expected: Vec<_> = expected.map(|link| (8, link.to_owned())).into();
        assert_eq!(found, expected);
    }

    #[test]
    fn links_are_found_between_other_signs() {
        let found: Vec<_> = links("([a](b), [`c`](d \"title\")) x](e").collect();
        assert_eq!(found, ["b", "d", "e"]);
    }
}
