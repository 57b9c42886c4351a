//! What differs from database to database: table names, placeholders, the database's own time.

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
    /// in milliseconds, `{ids}` a sub-query over a parameter made by [`id_list`], and `?` the
    /// backend's placeholder.
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
            table => self.table(table),
        }
    }

    /// The database's wall time in epoch milliseconds, as an expression.
    fn now_ms(&self) -> &'static str {
        match self.backend {
            DbBackend::Sqlite => "cast(unixepoch('subsec') * 1000 as integer)",
            DbBackend::Postgres => "cast(extract(epoch from clock_timestamp()) * 1000 as bigint)",
            _ => "cast(unix_timestamp(now(3)) * 1000 as signed)",
        }
    }

    /// A sub-query over the ids of one parameter made by [`id_list`].
    fn id_list(&self) -> &'static str {
        match self.backend {
            DbBackend::Sqlite => "(select value from json_each(?))",
            DbBackend::Postgres => {
                "(select cast(value as bigint) from json_array_elements_text(cast(? as json)))"
            }
            _ => "(select id from json_table(?, '$[*]' columns (id bigint path '$')) ids)",
        }
    }

    pub(super) fn statement(&self, template: &str, values: Vec<Value>) -> Statement {
        Statement::from_sql_and_values(self.backend, self.text(template), values)
    }
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
    }

    #[test]
    fn an_empty_list_of_ids_means_no_rows() {
        assert_eq!(id_list([]), Value::from("[]".to_owned()));
        assert_eq!(id_list([3, -4]), Value::from("[3,-4]".to_owned()));
    }
}
