//! Reads the configuration file: values with their places, and every mistake in it.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::field::{self, FIELDS, SECTIONS};
use super::mistake::{Mistake, Origin};
use super::value::Value;

/// A field that the file sets.
pub(super) struct Entry {
    pub(super) path: &'static str,
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// Reads a file's text.
pub(super) fn read(name: &str, text: &str) -> (Vec<Entry>, Vec<Mistake>) {
    let mut reader = Reader {
        name,
        text,
        broken: Vec::new(),
        entries: Vec::new(),
        mistakes: Vec::new(),
    };
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let start = error.span().map_or(0, |span| span.start);
        reader.broken.push(start);
        reader.wrong(start, "", error.message().to_owned());
    }
    for (section, value) in table.get_ref() {
        reader.section(section.get_ref(), section.span().start, value);
    }
    (reader.entries, reader.mistakes)
}

struct Reader<'a> {
    name: &'a str,
    text: &'a str,
    /// Where the syntax is wrong; values there were guessed by the parser.
    broken: Vec<usize>,
    entries: Vec<Entry>,
    mistakes: Vec<Mistake>,
}

impl Reader<'_> {
    fn section(&mut self, name: &str, at: usize, value: &Spanned<DeValue<'_>>) {
        if !SECTIONS.iter().any(|(known, _)| *known == name) {
            let near = nearest(name, SECTIONS.iter().map(|(known, _)| *known));
            return self.wrong(at, name, format!("there is no such section{near}"));
        }
        let DeValue::Table(fields) = value.get_ref() else {
            return self.wrong(
                at,
                name,
                format!("is a section: write [{name}] above its fields"),
            );
        };
        for (key, value) in fields {
            let path = format!("{name}.{}", key.get_ref());
            match field::find(&path) {
                Some(known) => self.field(known.path, value),
                None => {
                    let near = nearest(&path, FIELDS.iter().map(|field| field.path));
                    self.wrong(
                        key.span().start,
                        &path,
                        format!("there is no such field{near}"),
                    );
                }
            }
        }
    }

    fn field(&mut self, path: &'static str, value: &Spanned<DeValue<'_>>) {
        let span = value.span();
        let at = span.start;
        if self
            .broken
            .iter()
            .any(|place| (at..=span.end).contains(place))
        {
            return;
        }
        match convert(value.get_ref()) {
            Ok(value) => {
                let origin = self.place(at);
                self.entries.push(Entry {
                    path,
                    value,
                    origin,
                });
            }
            Err(reason) => self.wrong(at, path, reason),
        }
    }

    fn wrong(&mut self, at: usize, path: &str, reason: String) {
        let origin = self.place(at);
        self.mistakes.push(Mistake {
            origin,
            path: path.to_owned(),
            reason,
        });
    }

    /// Line and column, both from 1, of a byte.
    fn place(&self, at: usize) -> Origin {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Origin::File {
            name: self.name.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

fn convert(value: &DeValue<'_>) -> Result<Value, String> {
    match value {
        DeValue::String(text) => Ok(Value::Text(text.to_string())),
        DeValue::Boolean(flag) => Ok(Value::Flag(*flag)),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map(Value::Whole)
            .map_err(|_| format!("`{number}` is too large")),
        DeValue::Array(items) => items
            .iter()
            .map(|item| match item.get_ref() {
                DeValue::String(text) => Ok(text.to_string()),
                _ => Err("is no list of texts".to_owned()),
            })
            .collect::<Result<_, _>>()
            .map(Value::List),
        DeValue::Float(number) => Err(format!("`{number}` is no whole number")),
        DeValue::Datetime(_) => Err("a date does not fit here".to_owned()),
        DeValue::Table(_) => Err("a table does not fit here".to_owned()),
    }
}

/// `; do you mean x?` when one is close.
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    known
        .map(|candidate| (distance(word, candidate), candidate))
        .min()
        .filter(|(distance, _)| *distance <= 3)
        .map_or_else(String::new, |(_, near)| format!("; do you mean {near}?"))
}

/// Single-character edits from one word to the other (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    let right = right.chars().collect::<Vec<_>>();
    let mut row = (0..=right.len()).collect::<Vec<_>>();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let above = row[j + 1];
            let replaced = diagonal + usize::from(a != *b);
            row[j + 1] = replaced.min(above + 1).min(row[j] + 1);
            diagonal = above;
        }
    }
    row[right.len()]
}
