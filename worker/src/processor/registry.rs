//! Which processor answers to which name.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use powerjob_common::processor_name::names_to_try;
use powerjob_protocol::wire::server_to_worker::RunInstance;

use super::handler::{AsyncHandler, BlockingHandler, Call, HANDLERS, StepCall, StepCalls};
use super::steps::{Step, Steps};
use super::{BlockingProcessor, ProcessorObject};
use crate::domain::request::{self, Wanted};
use crate::domain::slots::Kind;

/// Similar names shown for an unknown one.
const NEAR_NAMES: usize = 5;

/// A registered processor, ready to run.
#[derive(Clone)]
pub(crate) enum Executable {
    Async(Arc<dyn ProcessorObject>),
    Blocking(Arc<dyn BlockingProcessor>),
}

impl Executable {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Async(_) => Kind::Async,
            Self::Blocking(_) => Kind::Blocking,
        }
    }
}

impl std::fmt::Debug for Executable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Executable({:?})", self.kind())
    }
}

/// A registered processor with what it does before and after the tasks of an instance.
#[derive(Debug, Clone)]
pub(crate) struct Registered {
    pub(crate) executable: Executable,
    pub(crate) steps: Steps,
}

impl From<Executable> for Registered {
    fn from(executable: Executable) -> Self {
        Self {
            executable,
            steps: Steps::default(),
        }
    }
}

#[derive(Debug)]
struct Entry {
    found: Registered,
    place: String,
    /// Whether people see it in the list of the worker's processors.
    is_listed: bool,
}

/// The processors of a worker by name.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    entries: HashMap<String, Entry>,
    conflicts: Vec<String>,
}

impl Registry {
    /// Registers a processor; `place` says where that happens. A name that is taken is remembered as
    /// a conflict, see [`Self::conflicts`].
    pub(crate) fn register(&mut self, name: &str, place: &str, found: impl Into<Registered>) {
        self.enter(name, place, found.into(), true);
    }

    /// Registers a further name that is not listed.
    pub(crate) fn register_alias(&mut self, name: &str, place: &str, found: impl Into<Registered>) {
        self.enter(name, place, found.into(), false);
    }

    fn enter(&mut self, name: &str, place: &str, found: Registered, is_listed: bool) {
        let name = name.trim().to_owned();
        if name.is_empty() {
            self.conflicts
                .push(format!("a processor without a name at {place}"));
            return;
        }
        if let Some(first) = self.entries.get(&name) {
            let conflict = format!(
                "two processors named '{name}': at {} and at {place}",
                first.place
            );
            self.conflicts.push(conflict);
            return;
        }
        self.entries.insert(
            name,
            Entry {
                found,
                place: place.to_owned(),
                is_listed,
            },
        );
    }

    /// Remembers another mistake that stands in the way of a start.
    pub(crate) fn refuse(&mut self, mistake: String) {
        self.conflicts.push(mistake);
    }

    /// Registers all handlers that the attribute macro declared in this program.
    pub(crate) fn register_declared(&mut self) {
        for handler in HANDLERS {
            let executable = match handler.call {
                Call::Async(call) => Executable::Async(Arc::new(AsyncHandler(call))),
                Call::Blocking(call) => Executable::Blocking(Arc::new(BlockingHandler(call))),
            };
            let found = Registered {
                executable,
                steps: declared_steps(&handler.steps),
            };
            self.register(handler.name, handler.place, found.clone());
            for alias in handler.aliases {
                self.register_alias(alias, handler.place, found.clone());
            }
        }
    }

    /// Adds the entries of `other` whose names are free: what users register goes before.
    pub(crate) fn add_missing(&mut self, other: Registry) {
        for (name, entry) in other.entries {
            self.entries.entry(name).or_insert(entry);
        }
        self.conflicts.extend(other.conflicts);
    }

    /// What stands in the way of a start: names used twice, with both places.
    pub(crate) fn conflicts(&self) -> &[String] {
        &self.conflicts
    }

    /// The processor of a name, by the rules of [`names_to_try`].
    pub(crate) fn find(&self, name: &str) -> Option<&Registered> {
        let entry = names_to_try(name).find_map(|name| self.entries.get(name.as_ref()))?;
        Some(&entry.found)
    }

    /// The processor that a request names.
    ///
    /// # Errors
    /// Why it can never run here, for people.
    pub(crate) fn wanted(&self, item: &RunInstance) -> Result<&Registered, String> {
        let name = match request::wanted_processor(item)? {
            Wanted::Named(name) => name,
            Wanted::Script(kind) => kind.processor_name(),
        };
        self.find(name)
            .ok_or_else(|| request::unknown_processor(name, &self.near(name)))
    }

    /// All names, further ones included, sorted: what the server may send runs for.
    pub(crate) fn all_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.entries.keys().cloned().collect();
        names.sort();
        names
    }

    /// The listed names, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let listed = self.entries.iter().filter(|(_, entry)| entry.is_listed);
        let mut names: Vec<String> = listed.map(|(name, _)| name.clone()).collect();
        names.sort();
        names
    }

    /// Listed names that look like `name`, the best first.
    pub(crate) fn near(&self, name: &str) -> Vec<String> {
        let wanted = name.to_lowercase();
        let mut by_distance: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for candidate in self.names() {
            let distance = edit_distance(&wanted, &candidate.to_lowercase());
            let is_part = candidate.to_lowercase().contains(&wanted) && !wanted.is_empty();
            if is_part || distance <= wanted.chars().count().max(3) / 3 {
                by_distance.entry(distance).or_default().push(candidate);
            }
        }
        by_distance
            .into_values()
            .flatten()
            .take(NEAR_NAMES)
            .collect()
    }
}

fn declared_steps(calls: &StepCalls) -> Steps {
    let step = |call: Option<StepCall>| call.map(|call| Executable::Async(Arc::new(Step(call))));
    Steps {
        prepare: step(calls.pre),
        post: step(calls.post),
        reduce: step(calls.reduce),
    }
}

/// Insertions, deletions and replacements that lead from `a` to `b`.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, right) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(left != *right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use powerjob_common::processor_name::OFFICIAL_ROOT;

    use super::*;
    use crate::processor::handler::BlockingHandler;

    fn noop() -> Executable {
        Executable::Blocking(Arc::new(BlockingHandler(|_| Ok(().into()))))
    }

    fn registry() -> Registry {
        let mut registry = Registry::default();
        registry.register("orders#close", "a.rs:1", noop());
        registry.register("shell", "b.rs:2", noop());
        registry.register_alias(
            &format!("{OFFICIAL_ROOT}impl.HttpProcessor"),
            "b.rs:3",
            noop(),
        );
        registry
    }

    #[test]
    fn names_are_found_as_they_stand_and_under_old_roots() {
        let registry = registry();
        assert!(registry.find(" orders#close ").is_some());
        assert!(registry.find("anyBean#shell").is_some());
        assert!(
            registry
                .find("com.github.kfcfans.oms.processors.impl.HttpProcessor")
                .is_some()
        );
        assert!(registry.find("close").is_none());
    }

    #[test]
    fn a_double_name_is_a_conflict_that_names_both_places() {
        let mut registry = registry();
        registry.register("shell", "c.rs:9", noop());
        let conflict = &registry.conflicts()[0];
        assert!(
            conflict.contains("b.rs:2") && conflict.contains("c.rs:9"),
            "{conflict}"
        );
    }

    #[test]
    fn what_users_register_goes_before_what_comes_with_the_worker() {
        let mut users = Registry::default();
        users.register("shell", "mine.rs:1", noop());
        users.add_missing(registry());
        assert!(users.conflicts().is_empty());
        assert_eq!(users.entries["shell"].place, "mine.rs:1");
    }

    #[test]
    fn similar_names_are_offered() {
        assert_eq!(registry().near("shel"), ["shell"]);
        assert_eq!(registry().near("close"), ["orders#close"]);
        assert!(registry().near("entirely different").is_empty());
        assert_eq!(registry().names(), ["orders#close", "shell"]);
    }
}
