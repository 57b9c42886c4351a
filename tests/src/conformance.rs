//! Keeps `docs/conformance.md` true: which cases of the specification's lists are tested, and where.
//!
//! A test cites its cases in a comment: `Spec 06 cases 9, 10 and 13 to 15`, `Spec 05 case B07`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Cases that are wanted at the least.
const WANTED: usize = 120;
/// The page and its table.
const PAGE: &str = "docs/conformance.md";
/// Where citations are looked for.
const SOURCES: [&str; 5] = ["common", "protocol", "server", "tests", "worker"];

/// Files by the case that they cite, e.g. `06-13`.
type Cited = BTreeMap<String, BTreeSet<String>>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn cited() -> Cited {
    let mut cited = Cited::new();
    let root = root();
    let mut folders: Vec<PathBuf> = SOURCES.iter().map(|folder| root.join(folder)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().and_then(|name| name.to_str());
            if path.is_dir() {
                folders.extend((name != Some("target")).then_some(path));
            } else if name.is_some_and(|name| name.ends_with(".rs"))
                && name != Some("conformance.rs")
            {
                let text = fs::read_to_string(&path).expect("a source");
                let path = path.strip_prefix(&root).expect("below the root");
                for case in text.lines().flat_map(cases_of) {
                    let files = cited.entry(case).or_default();
                    files.insert(path.display().to_string());
                }
            }
        }
    }
    cited
}

/// What one line cites.
fn cases_of(line: &str) -> Vec<String> {
    let mut cases = Vec::new();
    if !line.trim_start().starts_with("//") {
        return cases;
    }
    for spec in ["05", "06"] {
        let beginnings = [format!("pec {spec} case "), format!("pec {spec} cases ")];
        for list in beginnings.iter().flat_map(|it| line.split(it).skip(1)) {
            cases.extend(
                listed(list)
                    .into_iter()
                    .map(|case| format!("{spec}-{case}")),
            );
        }
    }
    cases
}

/// The numbers at the beginning of a text, as `B01, B03 to B05 and C02`.
fn listed(text: &str) -> Vec<String> {
    let mut found: Vec<(char, u32)> = Vec::new();
    let mut is_range = false;
    for word in text.split_whitespace() {
        let bare = word.trim_end_matches([',', '.', ':', ';', ')']);
        let letter = bare.chars().next().filter(char::is_ascii_uppercase);
        let digits = bare.trim_start_matches(|it: char| it.is_ascii_uppercase());
        match (digits.parse::<u32>(), bare) {
            (Ok(number), _) => {
                let letter = letter.unwrap_or(' ');
                if is_range {
                    let from = found.last().map_or(number, |last| last.1 + 1);
                    found.extend((from..number).map(|between| (letter, between)));
                }
                found.push((letter, number));
                is_range = false;
                if word.ends_with(['.', ':', ';', ')']) {
                    break;
                }
            }
            (Err(_), "to") => is_range = true,
            (Err(_), "and") => {}
            (Err(_), _) => break,
        }
    }
    let name = |(letter, number)| match letter {
        ' ' => format!("{number}"),
        letter => format!("{letter}{number:02}"),
    };
    found.into_iter().map(name).collect()
}

/// Writes the third column of one line anew; a case without a test keeps the reason why.
fn with_tests(line: &str, cited: &Cited) -> String {
    let columns: Vec<&str> = line.split('|').map(str::trim).collect();
    let [_, case, what, _, _] = columns[..] else {
        return line.to_owned();
    };
    match cited.get(case) {
        Some(files) => {
            let files: Vec<String> = files.iter().map(|file| format!("`{file}`")).collect();
            format!("| {case} | {what} | {} |", files.join(", "))
        }
        None => line.to_owned(),
    }
}

#[test]
fn the_page_says_which_cases_are_tested() {
    let path = root().join(PAGE);
    let text = fs::read_to_string(&path).expect("the page");
    let cited = cited();
    let lines = text.lines().map(|line| with_tests(line, &cited) + "\n");
    let wanted: String = lines.collect();
    if std::env::var_os("UPDATE_CONFORMANCE").is_some() {
        fs::write(&path, &wanted).expect("it is written");
        return;
    }
    assert_eq!(
        text, wanted,
        "{PAGE} is stale: UPDATE_CONFORMANCE=1 cargo test -p powerjob-tests --lib conformance"
    );
    let rows: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split('|').map(str::trim).collect())
        .filter(|row: &Vec<&str>| row.len() == 5 && row[1].starts_with("0"))
        .collect();
    let known: BTreeSet<&str> = rows.iter().map(|row| row[1]).collect();
    let unknown: Vec<_> = cited
        .keys()
        .filter(|case| !known.contains(case.as_str()))
        .collect();
    assert_eq!(unknown, Vec::<&String>::new(), "cited, but not in {PAGE}");
    let untold: Vec<_> = rows.iter().filter(|row| row[3].is_empty()).collect();
    assert_eq!(
        untold,
        Vec::<&Vec<&str>>::new(),
        "neither tested nor explained"
    );
    let tested = known.iter().filter(|case| cited.contains_key(**case));
    assert!(tested.count() >= WANTED);
}

#[test]
fn lists_of_cases_are_read() {
    for (line, wanted) in [
        ("/// Spec 06 cases 9, 10 and 13: why", "06-9 06-10 06-13"),
        ("//! (spec 06 cases 87 to 89).", "06-87 06-88 06-89"),
        (
            "/// Spec 05 cases B03 to B05, D13, and more.",
            "05-B03 05-B04 05-B05 05-D13",
        ),
        ("/// Spec 05 case B07 as far as it goes 3", "05-B07"),
        ("let text = \"Spec 06 case 1\";", ""),
    ] {
        assert_eq!(cases_of(line).join(" "), wanted, "{line}");
    }
}
