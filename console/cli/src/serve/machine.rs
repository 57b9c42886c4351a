//! What the machine says about itself: its name and its time zone.

use std::path::Path;

/// Longest name of a node.
const NAME_LIMIT: usize = 64;

/// The machine's name, with what a node's name may not have replaced.
pub(super) fn node_name() -> String {
    let uname = rustix::system::uname();
    fitting(&uname.nodename().to_string_lossy())
}

/// The zone that `TZ` or `/etc/localtime` names; UTC when they name none.
pub(super) fn zone() -> String {
    let linked = std::fs::read_link("/etc/localtime").ok();
    let variable = std::env::var("TZ").ok();
    let zone = named(variable.as_deref(), linked.as_deref());
    zone.unwrap_or_else(|| "UTC".to_owned())
}

fn fitting(name: &str) -> String {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let fitting = name.chars().map(|c| if is_fine(c) { c } else { '-' });
    let name = fitting.take(NAME_LIMIT).collect::<String>();
    if name.is_empty() {
        return "server".to_owned();
    }
    name
}

fn named(variable: Option<&str>, linked: Option<&Path>) -> Option<String> {
    let linked = linked.and_then(Path::to_str);
    let linked = linked.and_then(|path| path.split_once("zoneinfo/"));
    let candidates = [
        variable.map(|text| text.trim_start_matches(':')),
        linked.map(|(_, zone)| zone),
    ];
    let mut known = candidates.into_iter().flatten();
    let zone = known.find(|zone| zone.parse::<chrono_tz::Tz>().is_ok())?;
    Some(zone.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_into_tables_and_paths() {
        assert_eq!(fitting("web 1/b.example"), "web-1-b.example");
        assert_eq!(fitting(""), "server");
        assert_eq!(fitting(&"x".repeat(100)).len(), 64);
    }

    #[test]
    fn the_variable_comes_before_the_link() {
        let link = Some(Path::new("/usr/share/zoneinfo/Europe/Berlin"));
        assert_eq!(
            named(Some("Asia/Tokyo"), link).as_deref(),
            Some("Asia/Tokyo")
        );
        assert_eq!(named(Some(":UTC"), link).as_deref(), Some("UTC"));
        assert_eq!(
            named(Some("CET-1CEST"), link).as_deref(),
            Some("Europe/Berlin")
        );
        assert_eq!(named(None, link).as_deref(), Some("Europe/Berlin"));
        assert_eq!(named(None, Some(Path::new("/somewhere"))), None);
    }
}
