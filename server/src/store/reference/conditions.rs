//! Conditions of a list that all have to hold; what nobody asked for restricts nothing.

use powerjob_common::time::UnixMillis;
use sea_orm::Value;

use crate::store::dialect::id_list;
use crate::store::sql::date_text;

/// Conditions as SQL, each with its values.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    text: String,
    pub(super) values: Vec<Value>,
}

impl Conditions {
    /// The conditions behind `where`.
    pub(super) fn text(&self) -> String {
        format!("1 = 1{}", self.text)
    }

    pub(super) fn add(&mut self, condition: &str, value: Value) {
        self.text.push_str(" and ");
        self.text.push_str(condition);
        self.values.push(value);
    }

    pub(super) fn number(&mut self, condition: &str, value: Option<i64>) {
        if let Some(value) = value {
            self.add(condition, value.into());
        }
    }

    pub(super) fn equals(&mut self, column: &str, text: Option<&String>) {
        if let Some(text) = text {
            self.add(&format!("{column} = ?"), text.as_str().into());
        }
    }

    /// Part of a text. The reference's callers may write `%` at either end; inside it is a letter.
    pub(super) fn contains(&mut self, column: &str, part: Option<&String>) {
        let Some(part) = part else { return };
        let mut pattern = String::from("%");
        for letter in part.trim_matches('%').chars() {
            if matches!(letter, '%' | '_' | '!') {
                pattern.push('!');
            }
            pattern.push(letter);
        }
        pattern.push('%');
        self.add(&format!("{column} like ? escape '!'"), pattern.into());
    }

    /// One of several numbers; of none, nothing fits.
    pub(super) fn among(&mut self, column: &str, numbers: Option<&Vec<i64>>) {
        if let Some(numbers) = numbers {
            let list = id_list(numbers.iter().copied());
            self.add(&format!("{column} in {{ids}}"), list);
        }
    }

    /// Before or after a moment by one of the reference's dates.
    pub(super) fn date(&mut self, column: &str, sign: &str, at: Option<UnixMillis>) {
        if let Some(at) = at {
            self.add(&format!("{column} {sign} {{date}}"), date_text(at).into());
        }
    }
}
