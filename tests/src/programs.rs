//! Where the programs under test are.

use std::path::PathBuf;

/// The `powerjob` binary as it is shipped.
///
/// # Panics
/// When it was not built.
pub fn powerjob() -> PathBuf {
    found("POWERJOB_BIN", "powerjob")
}

/// The `powerjob` binary with fail points.
///
/// # Panics
/// When it was not built.
pub fn powerjob_with_fail_points() -> PathBuf {
    found("POWERJOB_FAILPOINT_BIN", "powerjob-failpoints")
}

/// The program named by a variable, else the one beside the test programs.
fn found(variable: &str, name: &str) -> PathBuf {
    let path = std::env::var_os(variable).map_or_else(|| beside_the_tests(name), PathBuf::from);
    assert!(
        path.is_file(),
        "{} is missing: run `make test-programs` first",
        path.display()
    );
    path
}

fn beside_the_tests(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("a program knows where it is");
    let folder = own.parent().and_then(std::path::Path::parent);
    folder
        .expect("test programs lie in a folder of the build folder")
        .join(name)
}
