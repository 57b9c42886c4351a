//! Which text of the file `POWERJOB_OUTPUT` is the result of a run?

/// In: what a script wrote there. Out: the text behind the last `result=` at the start of a line;
/// without such a line all of it, but for the line end it ends with.
pub(super) fn of_output(written: &str) -> String {
    let named = written
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("result="));
    let whole = || written.strip_suffix('\n').unwrap_or(written);
    named.unwrap_or_else(whole).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_named_result_counts_else_everything() {
        for (written, expected) in [
            ("42\n", "42"),
            ("{\"rows\": 3}", "{\"rows\": 3}"),
            ("one\ntwo\n\n", "one\ntwo\n"),
            ("a=b\nresult=first\nresult=second=2\nc=d\n", "second=2"),
            ("no result=here\n", "no result=here"),
            ("result=\n", ""),
        ] {
            assert_eq!(of_output(written), expected, "{written:?}");
        }
    }
}
