//! Measures of one text. Pure: the text is an argument.

use std::fmt;

/// Words with which a doc comment must not begin: a reader of one item has not read another.
const RELATIVE: &[&str] = &[
    "What", "Who", "Whom", "Whose", "Where", "How", "That", "Those", "These", "It", "They",
    "The same", "Of", "One that",
];

/// Phrases of this project's own that the field has a word for, with that word.
const PHRASES: &[(&str, &str)] = &[
    ("put again", "republish"),
    ("puts again", "republishes"),
    ("let go", "close, disconnect, drop"),
    ("lets go", "closes, disconnects, drops"),
    ("part ways", "close, disconnect"),
    ("parts ways", "closes, disconnects"),
    ("that it is here", "announce"),
    ("be told of", "learn"),
    ("goes for something", "evict"),
    ("make room", "evict"),
    ("makes room", "evicts"),
    ("give out", "serve, return"),
    ("gives out", "serves, returns"),
    ("given out", "served, returned"),
    ("hand out", "serve, return"),
    ("hands out", "serves, returns"),
    ("handed out", "served, returned"),
    ("who has it", "provider, holder"),
    ("whom it asks", "candidate, queried peer"),
    ("turn is over", "the budget is exhausted"),
    ("time is up", "the budget is exhausted"),
    ("keep a copy with", "replicate, store at"),
    ("is no hash", "invalid hash"),
    ("fits nothing", "unexpected reply"),
    ("who puts", "publisher"),
    ("who gets", "requester"),
    ("may have of a node", "per-connection limit"),
    ("is to be due", "deadline, expires at"),
    (" lied ", "invalid, forged, misbehaving"),
    (" a lie ", "invalid, forged, misbehaving"),
    ("«", "a quotation in backticks"),
    ("»", "a quotation in backticks"),
];

/// Columns that a line of a doc comment may have.
const COLUMNS: usize = 100;

/// A fault at a line of a text; lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Number of the line.
    pub line: usize,
    /// Kind of the fault.
    pub kind: Kind,
}

/// Kind of a [`Fault`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A doc comment that begins with a relative word.
    RelativeHead(&'static str),
    /// A phrase of the house, and the field's word for it.
    Phrase(&'static str, &'static str),
    /// A line of a doc comment of so many columns.
    Long(usize),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::RelativeHead(word) => {
                write!(f, "a doc comment begins with `{word}`: name the noun")
            }
            Kind::Phrase(phrase, word) => write!(f, "`{}`: write {word}", phrase.trim()),
            Kind::Long(columns) => write!(f, "{columns} columns: wrap doc comments at {COLUMNS}"),
        }
    }
}

/// Figures of the files that were measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Doc comments.
    pub docs: usize,
    /// Lines that are neither blank nor a doc comment, outside of tests.
    pub lines: usize,
    /// Lines of plain comments among them.
    pub comments: usize,
}

impl std::ops::AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.docs += other.docs;
        self.lines += other.lines;
        self.comments += other.comments;
    }
}

/// Measures a file of Rust. `is_test` is true for a file of tests alone, whose lines do not count
/// for the share of comments.
pub fn rust(text: &str, is_test: bool) -> (Figures, Vec<Fault>) {
    let mut figures = Figures::default();
    let mut faults = phrases(text);
    let mut in_doc = false;
    let mut in_code = false;
    let mut in_tests = is_test;
    for (number, line) in (1..).zip(text.lines()) {
        let trimmed = line.trim_start();
        in_tests |= trimmed.starts_with("mod tests {");
        let Some(doc) = doc_line(trimmed) else {
            in_doc = false;
            in_code = false;
            if !in_tests && !trimmed.is_empty() {
                figures.lines += 1;
                figures.comments += usize::from(trimmed.starts_with("//"));
            }
            continue;
        };
        if !in_doc {
            in_doc = true;
            figures.docs += 1;
            faults.extend(relative(doc).map(|word| Fault {
                line: number,
                kind: Kind::RelativeHead(word),
            }));
        }
        in_code ^= doc.starts_with("```");
        let columns = line.chars().count();
        // A table has no other form, and an address cannot be broken.
        let is_fixed = in_code || doc.starts_with('|') || doc.contains("http");
        if columns > COLUMNS && !is_fixed {
            let kind = Kind::Long(columns);
            faults.push(Fault { line: number, kind });
        }
    }
    (figures, faults)
}

/// Returns the house's phrases in a text of any kind.
pub fn phrases(text: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let lower = line.to_lowercase();
        faults.extend(PHRASES.iter().filter_map(|(phrase, word)| {
            contains(&lower, phrase).then_some(Fault {
                line: number,
                kind: Kind::Phrase(phrase, word),
            })
        }));
    }
    faults
}

/// Returns true if `phrase` stands in `line` between borders of words.
fn contains(line: &str, phrase: &str) -> bool {
    let is_word =
        |char: Option<char>| char.is_some_and(|char| char.is_alphanumeric() || char == '_');
    let is_symbol = !phrase.contains(char::is_alphabetic);
    line.match_indices(phrase).any(|(at, found)| {
        let before = line[..at].chars().next_back();
        let after = line[at + found.len()..].chars().next();
        let begins = phrase.starts_with(' ') || !is_word(before);
        let ends = phrase.ends_with(' ') || !is_word(after);
        is_symbol || begins && ends
    })
}

/// Returns the text of a doc comment's line.
fn doc_line(trimmed: &str) -> Option<&str> {
    let rest = trimmed.strip_prefix("//!").or_else(|| {
        trimmed
            .strip_prefix("///")
            .filter(|rest| !rest.starts_with('/'))
    })?;
    Some(rest.strip_prefix(' ').unwrap_or(rest))
}

/// Returns the relative word with which a doc comment begins.
fn relative(doc: &str) -> Option<&'static str> {
    RELATIVE.iter().copied().find(|word| {
        let rest = doc.strip_prefix(word);
        rest.is_some_and(|rest| !rest.starts_with(|char: char| char.is_alphanumeric()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(usize, Kind)> {
        let (_, faults) = rust(text, false);
        faults
            .into_iter()
            .map(|fault| (fault.line, fault.kind))
            .collect()
    }

    #[test]
    fn a_doc_comment_is_judged_by_its_first_word() {
        let heads = [
            ("/// What it is.", Some("What")),
            ("    //! One that goes.", Some("One that")),
            ("/// One part.", None),
            ("/// Items.", None),
            ("/// Its name.", None),
            ("/// Returns it.\n/// It is here.", None),
            ("// What it is.", None),
            ("//// What it is.", None),
        ];
        for (text, word) in heads {
            let expected: Vec<_> = word
                .map(|w| (1, Kind::RelativeHead(w)))
                .into_iter()
                .collect();
            assert_eq!(kinds(text), expected, "{text}");
        }
    }

    #[test]
    fn phrases_are_found_at_the_borders_of_words() {
        let found = |text| phrases(text).len();
        assert_eq!(found("let go of it; Let go"), 1, "once a line");
        assert_eq!(found("outlet going"), 0);
        assert_eq!(found("let goals = 1;"), 0);
        assert_eq!(found("«x»"), 2);
        assert_eq!(found("it lied to us\nbelied by"), 1);
    }

    #[test]
    fn long_lines_count_in_prose_alone() {
        let long = "x".repeat(120);
        assert_eq!(
            kinds(&format!("/// Returns {long}")),
            [(1, Kind::Long(132))]
        );
        assert_eq!(
            kinds(&format!("/// Returns.\n/// ```\n/// {long}\n/// ```")),
            []
        );
        assert_eq!(kinds(&format!("/// Table.\n/// | {long} |")), []);
        assert_eq!(kinds(&format!("let x = \"{long}\";")), []);
    }

    #[test]
    fn comments_are_counted_outside_of_tests() {
        let text = "//! Doc.\n\n/// Doc.\nfn f() {\n    // Why.\n    g();\n}\n\nmod tests {\n    // No.\n}\n";
        let expected = Figures {
            docs: 2,
            lines: 4,
            comments: 1,
        };
        assert_eq!(rust(text, false).0, expected);
        assert_eq!(rust(text, true).0.lines, 0);
    }
}
