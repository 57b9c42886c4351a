//! The processors that come with the agent, under short names and under the names of the Java
//! classes whose place they take (spec 07).

mod codes;
mod http;
mod pipe;
mod rate;
mod script;
mod simple;
mod source;
mod tree;

use std::sync::Arc;

use powerjob_common::processor_name::OFFICIAL_ROOT;

use self::script::ScriptPlaces;
pub(crate) use self::script::ScriptSettings;
use super::ProcessorObject;
use super::registry::{Executable, Registry};

const PLACE: &str = "the worker itself";

/// Which habits a processor follows: those of the Java class or our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Reached through the name of a Java class or a script type.
    Java,
    /// Reached through its short name.
    Native,
}

/// All of them.
pub(crate) fn registry(scripts: ScriptSettings) -> Registry {
    let mut registry = Registry::default();
    let places = Arc::new(ScriptPlaces::new(scripts));
    let mut add =
        |name: &str, java: Option<&str>, make: &dyn Fn(Profile) -> Arc<dyn ProcessorObject>| {
            registry.register(name, PLACE, Executable::Async(make(Profile::Native)));
            if let Some(class) = java {
                let executable = Executable::Async(make(Profile::Java));
                registry.register_alias(&format!("{OFFICIAL_ROOT}impl.{class}"), PLACE, executable);
            }
        };
    add("shell", Some("script.ShellProcessor"), &|profile| {
        Arc::new(script::Script::shell(profile, places.clone()))
    });
    add("python", Some("script.PythonProcessor"), &|profile| {
        Arc::new(script::Script::python(profile, places.clone()))
    });
    add("http", Some("HttpProcessor"), &|profile| {
        Arc::new(http::Http::new(profile))
    });
    add("noop", None, &|_| Arc::new(simple::Noop));
    add("sleep", None, &|_| Arc::new(simple::Sleep));
    registry
}
