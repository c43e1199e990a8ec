//! Links of built pages to each other. Pure: the pages are an argument.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// Returns a line for each link that leads to no page or file, or to no place of a page.
///
/// `pages` are by their path from the folder that holds them all, and `exists` tells whether that
/// folder has another file. Links to other hosts are not followed.
pub fn broken(pages: &BTreeMap<PathBuf, String>, exists: impl Fn(&Path) -> bool) -> Vec<String> {
    let mut faults = Vec::new();
    for (path, text) in pages {
        // The page for unknown addresses is shown at any depth, so its links are of the host.
        if path == Path::new("404.html") {
            continue;
        }
        for link in links(&without_code(text)) {
            if link.contains(':') || link.starts_with("//") {
                continue;
            }
            let (file, place) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => path.clone(),
                file => resolve(path, file),
            };
            let found = match pages.get(&target) {
                Some(text) => place.is_empty() || has_place(text, place),
                None => exists(&target),
            };
            if !found {
                faults.push(format!("{}: `{link}` leads nowhere", path.display()));
            }
        }
    }
    faults
}

/// Leaves out what is inside of `<code>`: there it is shown, and not followed.
fn without_code(page: &str) -> String {
    let mut parts = page.split("<code");
    let mut left = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        left += part.split_once("</code>").map_or("", |(_, rest)| rest);
    }
    left
}

/// Returns the values of the attributes `href` and `src`, each once.
fn links(page: &str) -> Vec<&str> {
    let mut found: Vec<&str> = [" href=\"", " src=\""]
        .iter()
        .flat_map(|attribute| page.split(attribute).skip(1))
        .filter_map(|rest| rest.split('"').next())
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn has_place(page: &str, place: &str) -> bool {
    page.contains(&format!(" id=\"{place}\""))
}

/// Returns the path from the common folder that a link of a page names. A folder is its
/// `index.html`.
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
    if link.ends_with('/') {
        path.push("index.html");
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(link: &str) -> bool {
        let page = format!("<h1 id=\"top\">A</h1><a class=\"b\" href=\"{link}\">a</a>");
        let other = "<h2 id=\"part-1\">B</h2>".to_owned();
        let pages = [("a/one.html", page), ("two.html", other)];
        let pages = pages.map(|(path, text)| (PathBuf::from(path), text)).into();
        broken(&pages, |path| path == Path::new("api/c/index.html")).is_empty()
    }

    #[test]
    fn a_link_is_found_if_its_page_and_its_place_are() {
        for (link, is) in [
            ("../two.html", true),
            ("../two.html#part-1", true),
            ("../two.html#part-2", false),
            ("two.html", false),
            ("#top", true),
            ("#bottom", false),
            ("../api/c/index.html", true),
            ("../api/c/", true),
            ("../api/c/index.html#struct", true),
            ("../api/d/index.html", false),
            ("https://example.org/two.html", true),
            ("mailto:a@example.org", true),
        ] {
            assert_eq!(found(link), is, "{link}");
        }
    }

    #[test]
    fn code_is_not_followed() {
        let page = "<a href=\"a\">b</a><pre><code class=\"c\">&lt;img src=\"d\"&gt;</code></pre><code>e</code> f";
        assert_eq!(without_code(page), "<a href=\"a\">b</a><pre></pre> f");
    }

    #[test]
    fn pictures_and_scripts_are_links_too() {
        assert_eq!(
            links("<img src=\"a.svg\"><script src=\"b.js\">"),
            ["a.svg", "b.js"]
        );
    }
}
