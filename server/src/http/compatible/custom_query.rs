//! The question that the console's page of an instance asks about its tasks (spec 06 section 7.6):
//! conditions over a few columns and an order, and nothing else. What is understood is written anew;
//! only that ever goes to a worker.

use super::failure::Failure;

const COLUMNS: &[&str] = &[
    "task_id",
    "instance_id",
    "sub_instance_id",
    "task_name",
    "task_content",
    "address",
    "status",
    "result",
    "failed_cnt",
    "created_time",
    "last_modified_time",
    "last_report_time",
];
/// Longest question.
const MAX_BYTES: usize = 2_048;
/// Deepest nesting of parentheses.
const MAX_DEPTH: u32 = 16;

/// The question, written anew; an empty one asks nothing.
pub(super) fn check(text: &str) -> Result<String, Failure> {
    if text.trim().is_empty() {
        return Ok(String::new());
    }
    let refuse = || {
        Failure::argument(format!(
            "Don't get any ideas about the database, illegally query: {text}"
        ))
    };
    if text.len() > MAX_BYTES {
        return Err(refuse());
    }
    let words = words(text).ok_or_else(refuse)?;
    let mut reader = Reader { words, next: 0 };
    reader.question().ok_or_else(refuse)
}

#[derive(Debug, Clone, PartialEq)]
enum Word {
    Name(String),
    Literal(String),
    Sign(&'static str),
}

const SIGNS: [&str; 9] = ["!=", "<=", ">=", "=", "<", ">", "(", ")", ","];

fn words(text: &str) -> Option<Vec<Word>> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            words.push(Word::Sign(sign));
            sign.len()
        } else if first == '\'' {
            let inner = rest[1..].split_once('\'')?.0;
            if inner.contains('\\') {
                return None;
            }
            words.push(Word::Literal(format!("'{inner}'")));
            inner.len() + 2
        } else if first.is_ascii_digit() || first == '-' {
            let length = rest[1..]
                .find(|letter: char| !letter.is_ascii_digit())
                .map_or(rest.len(), |place| place + 1);
            let number: i64 = rest[..length].parse().ok()?;
            words.push(Word::Literal(number.to_string()));
            length
        } else if first.is_ascii_alphabetic() {
            let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
            let length = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
            words.push(Word::Name(rest[..length].to_ascii_lowercase()));
            length
        } else {
            return None;
        };
        rest = rest[length..].trim_start();
    }
    Some(words)
}

struct Reader {
    words: Vec<Word>,
    next: usize,
}

impl Reader {
    fn question(&mut self) -> Option<String> {
        let mut text = String::new();
        if !self.is_name("order") {
            text = self.conditions(0)?;
        }
        if self.takes("order") {
            if !self.takes("by") {
                return None;
            }
            if text.is_empty() {
                text.push_str("1 = 1");
            }
            text.push_str(" order by ");
            text.push_str(&self.order()?);
        }
        (self.next == self.words.len()).then_some(text)
    }

    fn conditions(&mut self, depth: u32) -> Option<String> {
        let mut text = self.condition(depth)?;
        loop {
            let joint = if self.takes("and") {
                "and"
            } else if self.takes("or") {
                "or"
            } else {
                return Some(text);
            };
            text = format!("{text} {joint} {}", self.condition(depth)?);
        }
    }

    fn condition(&mut self, depth: u32) -> Option<String> {
        if depth > MAX_DEPTH {
            return None;
        }
        if self.takes_sign("(") {
            let inner = self.conditions(depth + 1)?;
            return self.takes_sign(")").then(|| format!("({inner})"));
        }
        let column = self.column()?;
        if self.takes("like") {
            return Some(format!("{column} like {}", self.literal()?));
        }
        if self.takes("in") {
            let list = self.takes_sign("(").then(|| self.literals())??;
            return self
                .takes_sign(")")
                .then(|| format!("{column} in ({})", list.join(", ")));
        }
        let sign = SIGNS[..6].iter().find(|sign| self.takes_sign(sign))?;
        Some(format!("{column} {sign} {}", self.literal()?))
    }

    fn literals(&mut self) -> Option<Vec<String>> {
        let mut list = vec![self.literal()?];
        while self.takes_sign(",") {
            list.push(self.literal()?);
        }
        Some(list)
    }

    fn order(&mut self) -> Option<String> {
        let mut parts = Vec::new();
        loop {
            let column = self.column()?;
            let direction = if self.takes("desc") {
                " desc"
            } else if self.takes("asc") {
                " asc"
            } else {
                ""
            };
            parts.push(format!("{column}{direction}"));
            if !self.takes_sign(",") {
                return Some(parts.join(", "));
            }
        }
    }

    fn column(&mut self) -> Option<&'static str> {
        let Word::Name(name) = self.words.get(self.next)? else {
            return None;
        };
        let column = COLUMNS.iter().find(|column| *column == name)?;
        self.next += 1;
        Some(column)
    }

    fn literal(&mut self) -> Option<String> {
        let Word::Literal(text) = self.words.get(self.next)? else {
            return None;
        };
        self.next += 1;
        Some(text.clone())
    }

    fn is_name(&self, name: &str) -> bool {
        matches!(self.words.get(self.next), Some(Word::Name(found)) if found == name)
    }

    fn takes(&mut self, name: &str) -> bool {
        let is_next = self.is_name(name);
        self.next += usize::from(is_next);
        is_next
    }

    fn takes_sign(&mut self, sign: &str) -> bool {
        let is_next =
            matches!(self.words.get(self.next), Some(Word::Sign(found)) if *found == sign);
        self.next += usize::from(is_next);
        is_next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spec 06 case 69.
    #[test]
    fn conditions_over_the_columns_pass() {
        for (asked, understood) in [
            (
                "status in (5, 6) order by last_modified_time desc",
                "status in (5, 6) order by last_modified_time desc",
            ),
            (
                "STATUS=5 and (result like '%x%' or failed_cnt>0)",
                "status = 5 and (result like '%x%' or failed_cnt > 0)",
            ),
            (
                "order by created_time, task_id asc",
                "1 = 1 order by created_time, task_id asc",
            ),
            ("", ""),
        ] {
            assert_eq!(check(asked), Ok(understood.to_owned()), "{asked}");
        }
    }

    /// Spec 06 cases 68 and 69, section 16.1 CVE-2026-5736.
    #[test]
    fn everything_else_is_refused() {
        for asked in [
            "drop table x",
            "1=1 union select 1",
            "status=5; RUNSCRIPT FROM 'http://x'",
            "status in (select 1)",
            "CALL shutdown()",
            "status = 5 -- x",
            "status = 5 /* x */",
            "result = 'a\\' or 1=1",
            "result = 'a'' or '''",
            "result = \"a\"",
            "password = 1",
            "status = status",
            "status in ()",
            "status =",
            "(status = 5",
            "status = 5 limit 10",
            "status = 99999999999999999999",
            &"(".repeat(1_000),
        ] {
            let refused = check(asked).expect_err(asked);
            assert!(
                format!("{refused:?}").contains("illegally query"),
                "{asked}"
            );
        }
    }
}
