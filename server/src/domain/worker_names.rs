//! Which workers does a text of a job name? In: the text and a worker. Out: how well they match.
//!
//! The forms, for designated workers and for the strategy SPECIFY alike:
//! `tagIn:a,b` (a tag of the worker is among these), `tagEquals:a,b` (its whole tag text is this),
//! or a list of addresses, node names and tags, in which an entry may have one of the prefixes, too.
//!
//! Invariants:
//! 1. An empty text names nobody.
//! 2. `tagIn:` counts a piece of a tag as a match only where no worker has the whole tag.
//! 3. A worker of the reference has one tag, its whole text; commas in it separate tags for `tagIn:`.

use super::worker::Worker;

/// How well a worker matches, from worst to best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Match {
    /// Not at all.
    None,
    /// Its tags contain the text somewhere, as `tagIn:` of the reference has it.
    Part,
    /// It is named.
    Whole,
}

/// A text that names workers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerNames<'a> {
    entries: Vec<Entry<'a>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry<'a> {
    TagIn(&'a str),
    TagEquals(&'a str),
    Name(&'a str),
}

impl<'a> Entry<'a> {
    fn parse(text: &'a str) -> Self {
        if let Some(rest) = text.strip_prefix("tagIn:") {
            Self::TagIn(rest.trim())
        } else if let Some(rest) = text.strip_prefix("tagEquals:") {
            Self::TagEquals(rest.trim())
        } else {
            Self::Name(text)
        }
    }

    fn of(self, worker: &Worker) -> Match {
        let is_whole = match self {
            Self::Name(name) => {
                name == worker.address
                    || name == worker.node.node_id
                    || worker.tags.iter().any(|tag| tag == name)
            }
            Self::TagEquals(text) => worker.tags.join(",") == text,
            Self::TagIn(list) => words(list).any(|wanted| {
                let mut tags = worker.tags.iter().flat_map(|tag| words(tag));
                tags.any(|tag| tag == wanted)
            }),
        };
        match self {
            _ if is_whole => Match::Whole,
            Self::TagIn(part) if !part.is_empty() && worker.tags.join(",").contains(part) => {
                Match::Part
            }
            Self::TagIn(_) | Self::TagEquals(_) | Self::Name(_) => Match::None,
        }
    }
}

impl<'a> WorkerNames<'a> {
    /// Reads a text; one that begins with a prefix is a single entry, commas included.
    pub fn parse(text: &'a str) -> Self {
        let entries = match Entry::parse(text.trim()) {
            Entry::Name(list) => words(list).map(Entry::parse).collect(),
            single => vec![single],
        };
        Self { entries }
    }

    /// Whether the text names nobody.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How well the worker matches the best of the entries.
    pub fn of(&self, worker: &Worker) -> Match {
        let matches = self.entries.iter().map(|entry| entry.of(worker));
        matches.max().unwrap_or(Match::None)
    }
}

fn words(list: &str) -> impl Iterator<Item = &str> {
    list.split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::worker_filter::tests::worker;
    use super::*;

    fn check(text: &str, tags: &[&str], expected: Match) {
        let mut worker = worker("w1");
        worker.tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        assert_eq!(
            WorkerNames::parse(text).of(&worker),
            expected,
            "{text} {tags:?}"
        );
    }

    /// Spec 01 section 11 case 39; `w1:1` is the address, `w1` the name of the node.
    #[test]
    fn addresses_nodes_and_whole_tags_are_named() {
        check("w1:1", &[], Match::Whole);
        check("a:1 , tagX", &["tagX"], Match::Whole);
        check("w1", &[], Match::Whole);
        check("10.0.0.1", &["10.0.0.1:27777"], Match::None);
        check("tagX", &["tagX,other"], Match::None);
        check("w1:", &[], Match::None);
    }

    /// Spec 01 section 11 case 40.
    #[test]
    fn tag_in_and_tag_equals_as_the_reference_has_them() {
        check("tagIn:tag1", &["tag1,tag2"], Match::Whole);
        check("tagIn:tag1", &["tag1", "tag2"], Match::Whole);
        check("tagEquals:tag1", &["tag1,tag2"], Match::None);
        check("tagEquals:tag1", &["tag1", "tag2"], Match::None);
        check("tagEquals:tag1,tag2", &["tag1", "tag2"], Match::Whole);
        check("tagEquals:tag1", &["tag1"], Match::Whole);
    }

    #[test]
    fn a_piece_of_a_tag_is_the_second_choice() {
        check("tagIn:tag1", &["tag10"], Match::Part);
        check("tagIn:tag2,tag1", &["tag1"], Match::Whole);
        check("tagIn:", &["tag1"], Match::None);
        check("a:1,tagIn:gpu", &["gpu"], Match::Whole);
    }

    #[test]
    fn an_empty_text_names_nobody() {
        assert!(WorkerNames::parse(" , ").is_empty());
        check("", &["a"], Match::None);
    }
}
