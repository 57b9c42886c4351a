//! What was given, by all sources together.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use powerjob_common::secret::Secret;
use serde::Serialize;

use super::field::{self, FIELDS, Field, Kind};
use super::file::{self, nearest};
use super::mistake::{Mistake, Mistakes, Origin};
use super::value::Value;

/// Where configuration comes from.
#[derive(Clone, Default)]
pub(crate) struct Sources {
    /// Name and text of the file.
    pub(crate) file: Option<(String, String)>,
    /// The environment variables that could be ours.
    pub(crate) variables: Vec<(String, String)>,
    /// `section.name` and value from arguments; later ones win.
    pub(crate) arguments: Vec<(String, String)>,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sources(***)") // all three may hold secrets
    }
}

/// All given values with their origins, and the mistakes found so far.
pub(crate) struct RawConfig {
    given: BTreeMap<&'static str, (Value, Origin)>,
    mistakes: Vec<Mistake>,
}

/// A field with the value that counts.
#[derive(Debug, Serialize)]
pub(crate) struct Effective {
    pub(crate) field: &'static str,
    /// As one would write it; `***` for secrets.
    pub(crate) value: Option<String>,
    pub(crate) origin: String,
}

impl RawConfig {
    /// Puts the sources on top of each other.
    pub(crate) fn read(sources: &Sources) -> Self {
        let mut raw = Self {
            given: BTreeMap::new(),
            mistakes: Vec::new(),
        };
        if let Some((name, text)) = &sources.file {
            let (entries, mistakes) = file::read(name, text);
            raw.mistakes.extend(mistakes);
            for entry in entries {
                raw.give(entry.path, entry.value, entry.origin);
            }
        }
        for (name, text) in &sources.variables {
            raw.give_variable(name, text);
        }
        for (path, text) in &sources.arguments {
            raw.give_argument(path, text);
        }
        raw
    }

    fn give_variable(&mut self, name: &str, text: &str) {
        if !is_ours(name) {
            return;
        }
        let origin = Origin::Variable(name.to_owned());
        match FIELDS.iter().find(|field| field.variable() == name) {
            Some(field) => self.give(field.path, Value::Text(text.to_owned()), origin),
            None => {
                let names = FIELDS.iter().map(Field::variable).collect::<Vec<_>>();
                let near = nearest(name, names.iter().map(String::as_str));
                self.wrong(origin, "", format!("there is no such field{near}"));
            }
        }
    }

    fn give_argument(&mut self, path: &str, text: &str) {
        let origin = Origin::Argument(format!("argument {path}"));
        match field::find(path) {
            Some(field) => self.give(field.path, Value::Text(text.to_owned()), origin),
            None => {
                let near = nearest(path, FIELDS.iter().map(|field| field.path));
                self.wrong(origin, "", format!("there is no such field{near}"));
            }
        }
    }

    /// Takes a value if its field takes it.
    fn give(&mut self, path: &'static str, value: Value, origin: Origin) {
        let kind = field::find(path).map_or(Kind::Text, |field| field.kind);
        match value.check(kind) {
            Ok(()) => drop(self.given.insert(path, (value, origin))),
            Err(reason) => self.wrong(origin, path, reason),
        }
    }

    pub(super) fn wrong(&mut self, origin: Origin, path: &str, reason: impl Into<String>) {
        self.mistakes.push(Mistake {
            origin,
            path: path.to_owned(),
            reason: reason.into(),
        });
    }

    /// Where the value of a field comes from.
    pub(super) fn origin(&self, path: &str) -> Origin {
        let given = self.given.get(path);
        given.map_or(Origin::Default, |(_, origin)| origin.clone())
    }

    /// The value that counts: given or default; `None` when neither is there.
    fn value(&self, path: &str) -> Option<Value> {
        if let Some((value, _)) = self.given.get(path) {
            return Some(value.clone());
        }
        let default = field::find(path).map_or("", |field| field.default);
        (!default.is_empty()).then(|| Value::Text(default.to_owned()))
    }

    // Given values and defaults were checked against the kind of their field, so reading them
    // cannot fail; what is asked for with the wrong kind is caught by the test that loads nothing.

    pub(super) fn text(&self, path: &str) -> Option<String> {
        self.value(path)?.text().ok()
    }

    pub(super) fn path(&self, path: &str) -> Option<PathBuf> {
        self.text(path).map(PathBuf::from)
    }

    pub(super) fn secret(&self, path: &str) -> Option<Secret<String>> {
        self.text(path).map(Secret::new)
    }

    pub(super) fn address(&self, path: &str) -> Option<SocketAddr> {
        self.value(path)?.address().ok()
    }

    pub(super) fn span(&self, path: &str) -> Option<Duration> {
        self.value(path)?.span(0, u64::MAX).ok()
    }

    pub(super) fn count(&self, path: &str) -> Option<u64> {
        self.value(path)?.count(0, u64::MAX).ok()
    }

    pub(super) fn flag(&self, path: &str) -> Option<bool> {
        self.value(path)?.flag().ok()
    }

    pub(super) fn list(&self, path: &str) -> Vec<String> {
        let list = self.value(path).and_then(|value| value.list().ok());
        list.unwrap_or_default()
    }

    /// The configuration if there is no mistake.
    pub(super) fn finish<T>(self, config: Option<T>) -> Result<(T, Self), Mistakes> {
        match config {
            Some(config) if self.mistakes.is_empty() => Ok((config, self)),
            _ => Err(Mistakes(self.mistakes)),
        }
    }

    /// Every field with the value that counts.
    pub(crate) fn effective(&self) -> Vec<Effective> {
        let show = |field: &Field| {
            let value = self.value(field.path).map(|value| match field.kind {
                Kind::Secret => "***".to_owned(),
                _ => value.written(),
            });
            Effective {
                field: field.path,
                value,
                origin: self.origin(field.path).to_string(),
            }
        };
        FIELDS.iter().map(show).collect()
    }
}

/// Variables with a section and a field in their name; others (`POWERJOB_URL`) mean something else.
fn is_ours(name: &str) -> bool {
    name.strip_prefix("POWERJOB_")
        .is_some_and(|rest| rest.contains("__"))
}
