//! What differs from database to database: table names, placeholders, dates, the database's own time.
//!
//! Statements outside the hot path are templates in the SQL that all databases share. Beyond the
//! words of [`Dialect::text`], that means: new rows through `Sql::insert` (no `returning`), sums of
//! `case`, never of a comparison, no `is` between values, and text compared as the column does.

use sea_orm::{DbBackend, Statement, Value};

/// The language of one database, with the prefix of its tables.
#[derive(Debug)]
pub(super) struct Dialect {
    backend: DbBackend,
    prefix: String,
}

impl Dialect {
    pub(super) fn new(backend: DbBackend, prefix: &str) -> Self {
        Self {
            backend,
            prefix: prefix.to_owned(),
        }
    }

    pub(super) fn backend(&self) -> DbBackend {
        self.backend
    }

    /// The name of a table with its prefix. Every table name passes here.
    pub(super) fn table(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Makes SQL of a template: `{job_info}` becomes the table's name, `{now_ms}` the database's time
    /// in milliseconds, `{instance_key}` the unique column of `instance_info` that holds the instance's
    /// id, `{date}` a parameter made by `date_text`, `{ids}` a list of ids from a
    /// parameter made by [`id_list`], `{for_update}` a lock on the rows read, and `?` the backend's
    /// placeholder.
    pub(super) fn text(&self, template: &str) -> String {
        let mut text = String::with_capacity(template.len() + 64);
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((word, after)) = after.split_once('}') else {
                break;
            };
            text.push_str(before);
            text.push_str(&self.word(word));
            rest = after;
        }
        text.push_str(rest);
        match self.backend {
            DbBackend::Postgres => number_placeholders(&text),
            _ => text,
        }
    }

    fn word(&self, word: &str) -> String {
        match word {
            "now_ms" => self.now_ms().to_owned(),
            "ids" => self.id_list().to_owned(),
            "date" => self.date().to_owned(),
            "for_update" => self.for_update().to_owned(),
            "instance_key" => self.instance_key().to_owned(),
            table => self.table(table),
        }
    }

    /// The database's wall time in epoch milliseconds, as an expression.
    fn now_ms(&self) -> &'static str {
        match self.backend {
            DbBackend::Sqlite => "cast(unixepoch('subsec') * 1000 as integer)",
            DbBackend::Postgres => "cast(extract(epoch from clock_timestamp()) * 1000 as bigint)",
            _ => "cast(unix_timestamp(sysdate(3)) * 1000 as signed)",
        }
    }

    /// A parameter of the reference's date columns.
    fn date(&self) -> &'static str {
        match self.backend {
            DbBackend::Postgres => "cast(? as timestamp)",
            _ => "?",
        }
    }

    /// On SQLite the instance's id is the row's id as well.
    fn instance_key(&self) -> &'static str {
        match self.backend {
            DbBackend::Sqlite => "id",
            _ => "instance_id",
        }
    }

    /// SQLite's writer has the whole database to itself.
    fn for_update(&self) -> &'static str {
        match self.backend {
            DbBackend::Sqlite => "",
            _ => "for update",
        }
    }

    /// A sub-query over the ids of one parameter made by [`id_list`]; see [`Self::statement`] for
    /// MySQL.
    fn id_list(&self) -> &'static str {
        match self.backend {
            DbBackend::Sqlite => "(select value from json_each(?))",
            _ => "(select cast(value as bigint) from json_array_elements_text(cast(? as json)))",
        }
    }

    pub(super) fn statement(&self, template: &str, values: Vec<Value>) -> Statement {
        match self.backend {
            DbBackend::MySql => self.with_literal_ids(template, values),
            _ => Statement::from_sql_and_values(self.backend, self.text(template), values),
        }
    }

    /// MySQL and MariaDB read the whole table for `update ... where id in (select ...)`, so the ids
    /// of `{ids}` go into the text, and their parameter out of the values.
    fn with_literal_ids(&self, template: &str, values: Vec<Value>) -> Statement {
        let mut kept = Vec::with_capacity(values.len());
        let mut values = values.into_iter();
        let mut text = String::with_capacity(template.len() + 64);
        for (number, part) in template.split("{ids}").enumerate() {
            if number > 0 {
                let ids = literal_ids(values.next(), text.ends_with("not in "));
                text.push_str(&ids);
            }
            let part = self.text(part);
            kept.extend(values.by_ref().take(part.matches('?').count()));
            text.push_str(&part);
        }
        Statement::from_sql_and_values(self.backend, text, kept)
    }
}

/// `[1,2]` as `(1,2)`; nothing is in an empty list, and everything is not in it.
fn literal_ids(list: Option<Value>, is_negated: bool) -> String {
    let Some(Value::String(Some(list))) = list else {
        return "(null)".to_owned();
    };
    let inner = list.trim_start_matches('[').trim_end_matches(']');
    let is_plain = |c: char| c.is_ascii_digit() || matches!(c, ',' | '-');
    if inner.is_empty() && is_negated {
        return "(select 1 from dual where false)".to_owned();
    }
    if inner.is_empty() || !inner.chars().all(is_plain) {
        return "(null)".to_owned();
    }
    format!("({inner})")
}

fn number_placeholders(text: &str) -> String {
    let mut numbered = String::with_capacity(text.len() + 16);
    for (number, part) in text.split('?').enumerate() {
        if number > 0 {
            numbered.push('$');
            numbered.push_str(&number.to_string());
        }
        numbered.push_str(part);
    }
    numbered
}

/// The parameter of `{ids}`: any number of ids in one value.
pub(super) fn id_list(ids: impl IntoIterator<Item = i64>) -> Value {
    let mut text = String::from("[");
    for id in ids {
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(&id.to_string());
    }
    text.push(']');
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_become_text_of_the_backend() {
        let template = "select 1 from {job_info} where id = ? and app_id in {ids}";
        let sqlite = Dialect::new(DbBackend::Sqlite, "p_").text(template);
        assert_eq!(
            sqlite,
            "select 1 from p_job_info where id = ? and app_id in (select value from json_each(?))"
        );
        let numbered = Dialect::new(DbBackend::Postgres, "").text("a = ? and b = ?");
        assert_eq!(numbered, "a = $1 and b = $2");
        let keyed = "delete from {instance_info} where {instance_key} = ?";
        let keyed =
            [DbBackend::Sqlite, DbBackend::MySql].map(|db| Dialect::new(db, "").text(keyed));
        assert_eq!(keyed[0], "delete from instance_info where id = ?");
        assert_eq!(keyed[1], "delete from instance_info where instance_id = ?");
    }

    #[test]
    fn mysql_has_its_ids_in_the_text() {
        let dialect = Dialect::new(DbBackend::MySql, "");
        let template = "update {t} set a = ? where id in {ids} and b in {ids} and c = ?";
        let values = vec![1.into(), id_list([2, 3]), id_list([]), 4.into()];
        let statement = dialect.statement(template, values);
        assert_eq!(
            statement.sql,
            "update t set a = ? where id in (2,3) and b in (null) and c = ?"
        );
        assert_eq!(
            statement.values.map(|values| values.0),
            Some(vec![1.into(), 4.into()])
        );
        let statement =
            dialect.statement("delete from {t} where a not in {ids}", vec![id_list([])]);
        assert_eq!(
            statement.sql,
            "delete from t where a not in (select 1 from dual where false)"
        );
    }

    #[test]
    fn an_empty_list_of_ids_means_no_rows() {
        assert_eq!(id_list([]), Value::from("[]".to_owned()));
        assert_eq!(id_list([3, -4]), Value::from("[3,-4]".to_owned()));
    }
}
