//! Under which names is a processor looked up? In: the name that a job gives. Out: the names to try,
//! in order.
//!
//! The server asks this to choose workers, a worker to find the code: as long as both ask here, a
//! job is never sent to a worker that does not find its processor, and never kept from one that does.

use std::borrow::Cow;

/// Where the reference keeps the classes of its own processors.
pub const OFFICIAL_ROOT: &str = "tech.powerjob.official.processors.";
/// Runs a shell script that the job holds itself.
pub const SHELL: &str = "tech.powerjob.official.processors.impl.script.ShellProcessor";
/// Runs a Python script that the job holds itself.
pub const PYTHON: &str = "tech.powerjob.official.processors.impl.script.PythonProcessor";

/// Where older versions of the reference kept the same classes.
const OLD_ROOTS: [&str; 2] = [
    "com.github.kfcfans.powerjob.official.processors.",
    "com.github.kfcfans.oms.processors.",
];

/// The names to try, in order, without surrounding blanks: as it stands, with the present root in
/// place of an old one, and the method part of `bean#method`.
pub fn names_to_try(name: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let name = name.trim();
    let moved = OLD_ROOTS
        .iter()
        .find_map(|root| name.strip_prefix(root))
        .map(|class| Cow::Owned(format!("{OFFICIAL_ROOT}{class}")));
    let method = name
        .rsplit_once('#')
        .map(|(_, method)| Cow::Borrowed(method));
    std::iter::once(Cow::Borrowed(name))
        .chain(moved)
        .chain(method)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, expected: &[&str]) {
        assert_eq!(names_to_try(name).collect::<Vec<_>>(), expected, "{name}");
    }

    #[test]
    fn a_plain_name_is_tried_as_it_stands() {
        check("demo.noop", &["demo.noop"]);
        check(" demo.noop\n", &["demo.noop"]);
        check(SHELL, &[SHELL]);
        check("", &[""]);
    }

    #[test]
    fn classes_that_moved_are_tried_at_their_present_place() {
        for old in [
            "com.github.kfcfans.powerjob.official.processors.impl.script.ShellProcessor",
            "com.github.kfcfans.oms.processors.impl.script.ShellProcessor",
        ] {
            check(old, &[old, SHELL]);
        }
        check(
            "com.github.kfcfans.oms.other",
            &["com.github.kfcfans.oms.other"],
        );
    }

    #[test]
    fn the_method_of_a_bean_is_tried_after_the_whole() {
        check("orders#close", &["orders#close", "close"]);
        check("a#b#close", &["a#b#close", "close"]);
        check("orders#", &["orders#", ""]);
    }

    #[test]
    fn an_old_class_with_a_method_is_tried_both_ways() {
        let old = "com.github.kfcfans.oms.processors.Mail#send";
        let moved = format!("{OFFICIAL_ROOT}Mail#send");
        check(old, &[old, &moved, "send"]);
    }
}
