//! What does a script ask for itself? In: its text. Out: the wishes in its leading comment lines,
//! `#@powerjob key=value`, or which of them cannot be understood (spec 07 section 10.5).
//!
//! Invariants:
//! 1. Only comment lines before the first line of code count.
//! 2. A wish that is not understood is an error, never ignored.

use std::path::PathBuf;
use std::time::Duration;

use super::super::codes::CodeRanges;

const MARK: &str = "#@powerjob";
const KNOWN: &str = "interpreter, cwd, timeout, kill-grace, success-codes, skip-codes, env.NAME";

/// The wishes of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Directives {
    /// Program and its first arguments, instead of the usual interpreter.
    pub(super) interpreter: Option<Vec<String>>,
    /// An absolute folder to run in.
    pub(super) cwd: Option<PathBuf>,
    /// A time limit besides that of the job.
    pub(super) timeout: Option<Duration>,
    /// Time between SIGTERM and SIGKILL.
    pub(super) kill_grace: Option<Duration>,
    /// Further variables.
    pub(super) env: Vec<(String, String)>,
    /// Exit codes that succeed.
    pub(super) success_codes: CodeRanges,
    /// Exit codes that succeed because there was nothing to do.
    pub(super) skip_codes: CodeRanges,
}

impl Default for Directives {
    fn default() -> Self {
        Self {
            interpreter: None,
            cwd: None,
            timeout: None,
            kill_grace: None,
            env: Vec::new(),
            success_codes: CodeRanges::range(0, 0),
            skip_codes: CodeRanges::default(),
        }
    }
}

impl Directives {
    /// Reads the leading comment lines.
    ///
    /// # Errors
    /// Names the line, and what would be accepted.
    pub(super) fn read(script: &str) -> Result<Self, String> {
        let mut directives = Self::default();
        let lines = script.lines().map(str::trim).enumerate();
        for (index, line) in lines.take_while(|(_, line)| line.is_empty() || line.starts_with('#'))
        {
            let Some(wish) = line.strip_prefix(MARK) else {
                continue;
            };
            directives
                .take(wish.trim())
                .map_err(|reason| format!("line {} of the script: {reason}", index + 1))?;
        }
        Ok(directives)
    }

    fn take(&mut self, wish: &str) -> Result<(), String> {
        let Some((key, value)) = wish.split_once('=') else {
            return Err(format!("`{MARK} {wish}` is not `{MARK} key=value`"));
        };
        let (key, value) = (key.trim(), value.trim());
        let wrong = |accepted: &str| format!("{key} `{value}` is not {accepted}");
        match key {
            "interpreter" if value.is_empty() => return Err(wrong("a program")),
            "interpreter" => self.interpreter = Some(words(value)),
            "cwd" => {
                let folder = Some(PathBuf::from(value)).filter(|path| path.is_absolute());
                self.cwd = Some(folder.ok_or_else(|| wrong("an absolute path"))?);
            }
            "timeout" => self.timeout = Some(span(value).ok_or_else(|| wrong(SPANS))?),
            "kill-grace" => self.kill_grace = Some(span(value).ok_or_else(|| wrong(SPANS))?),
            "success-codes" => {
                self.success_codes = CodeRanges::parse(value).ok_or_else(|| wrong(CODES))?;
            }
            "skip-codes" => {
                self.skip_codes = CodeRanges::parse(value).ok_or_else(|| wrong(CODES))?;
            }
            _ => match key.strip_prefix("env.").filter(|name| is_variable(name)) {
                Some(name) => self.env.push((name.to_owned(), value.to_owned())),
                None => return Err(format!("`{key}` is not known; known are {KNOWN}")),
            },
        }
        Ok(())
    }
}

const SPANS: &str = "a time like 500ms, 30s, 5m or 1h";
const CODES: &str = "a list of exit codes like 0,2,10-19";

/// The interpreter that the first line of a script names with `#!`.
pub(super) fn shebang(script: &str) -> Option<Vec<String>> {
    let named = words(script.lines().next()?.strip_prefix("#!")?);
    (!named.is_empty()).then_some(named)
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn is_variable(name: &str) -> bool {
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.is_empty() && !name.as_bytes()[0].is_ascii_digit() && name.bytes().all(is_fine)
}

/// Reads `500ms`, `30s`, `5m`, `1h`; a bare number is seconds.
fn span(text: &str) -> Option<Duration> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let count: u32 = digits.parse().ok()?;
    let unit = match &text[digits.len()..] {
        "ms" => Duration::from_millis(1),
        "" | "s" => Duration::from_secs(1),
        "m" => Duration::from_secs(60),
        "h" => Duration::from_secs(3_600),
        _ => return None,
    };
    Some(unit * count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_without_wishes_has_none() {
        assert_eq!(Directives::read("echo hi"), Ok(Directives::default()));
        assert_eq!(Directives::read(""), Ok(Directives::default()));
    }

    #[test]
    fn wishes_stand_in_leading_comments() {
        let script = "#!/bin/bash\n\n# a comment\n#@powerjob timeout=5m\n\
                      #@powerjob  env.A_1 = x=y \n#@powerjob success-codes=0,3\necho\n\
                      #@powerjob cwd=/tmp";
        let read = Directives::read(script).expect("understood");
        let expected = Directives {
            timeout: Some(Duration::from_secs(300)),
            env: vec![("A_1".to_owned(), "x=y".to_owned())],
            success_codes: CodeRanges::parse("0,3").expect("codes"),
            ..Directives::default()
        };
        assert_eq!(read, expected);
        assert_eq!(shebang(script), Some(vec!["/bin/bash".to_owned()]));
    }

    #[test]
    fn all_wishes_are_understood() {
        let script = "#@powerjob interpreter=bash -eu\n#@powerjob cwd=/tmp\n\
                      #@powerjob kill-grace=500ms\n#@powerjob skip-codes=75";
        let read = Directives::read(script).expect("understood");
        assert_eq!(read.interpreter.expect("one"), ["bash", "-eu"]);
        assert_eq!(read.cwd, Some(PathBuf::from("/tmp")));
        assert_eq!(read.kill_grace, Some(Duration::from_millis(500)));
        assert!(read.skip_codes.contains(75) && read.success_codes.contains(0));
    }

    #[test]
    fn what_is_not_understood_is_told_with_its_line() {
        for (wish, cause) in [
            ("timeut=5s", "`timeut` is not known; known are interpreter"),
            ("timeout=soon", "timeout `soon` is not a time like"),
            ("timeout=5d", "timeout `5d`"),
            ("cwd=here", "cwd `here` is not an absolute path"),
            ("success-codes=none", "not a list of exit codes"),
            ("env.1=x", "`env.1` is not known"),
            ("interpreter=", "is not a program"),
            ("timeout", "is not `#@powerjob key=value`"),
        ] {
            let script = format!("# first\n#@powerjob {wish}\n");
            let told = Directives::read(&script).expect_err(wish);
            assert!(told.starts_with("line 2 of the script: "), "{told}");
            assert!(told.contains(cause), "{told}");
        }
    }
}
