//! Lists of jobs, with filters, order, and a cursor.
//!
//! The cursor holds the sort value and the id of the last job shown, so that a list stays right
//! while jobs come and go.

use powerjob_common::id::AppId;
use sea_orm::Value;
use serde::{Deserialize, Serialize};

use super::row::{COLUMNS, read_job};
use super::{JobFilter, JobPage, JobSort};
use crate::domain::job::JobDefinition;
use crate::store::Error;
use crate::store::dialect::id_list;
use crate::store::sql::Sql;

/// Stands for "not scheduled" in the order by next trigger: after everything else.
const NEVER: i64 = i64::MAX;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum SortValue {
    Number(i64),
    Text(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Cursor {
    after: SortValue,
    id: i64,
}

pub(super) struct Request {
    pub(super) app: AppId,
    pub(super) filter: JobFilter,
    pub(super) sort: JobSort,
    pub(super) cursor: Option<String>,
    pub(super) limit: u32,
}

pub(super) async fn page(sql: &Sql, request: &Request) -> Result<JobPage, Error> {
    let (conditions, filter_values) = conditions(&request.filter, request.app);
    let total: i64 = sql
        .value(
            &format!("select count(*) from {{job_info}} j where {conditions}"),
            filter_values.clone(),
        )
        .await?;
    let order = Order::of(request.sort);
    let (after, after_values) = order.after(request.cursor.as_deref())?;
    let text = format!(
        "select {COLUMNS} from {{job_info}} j where {conditions} {after} order by {} {}, j.id {} \
         limit ?",
        order.key, order.direction, order.direction,
    );
    let mut values = filter_values;
    values.extend(after_values);
    values.push(i64::from(request.limit + 1).into());
    let rows = sql.rows(&text, values).await?;
    let shown = rows.len().min(request.limit as usize);
    let jobs = rows[..shown]
        .iter()
        .map(read_job)
        .collect::<Result<Vec<_>, _>>()?;
    let next_cursor = match jobs.last() {
        Some(last) if rows.len() > shown => Some(cursor_after(request.sort, last)),
        _ => None,
    };
    Ok(JobPage {
        jobs,
        next_cursor,
        total: total.unsigned_abs(),
    })
}

struct Order {
    key: &'static str,
    direction: &'static str,
    comparison: &'static str,
}

impl Order {
    fn of(sort: JobSort) -> Self {
        let (key, ascending) = match sort {
            JobSort::Newest => ("j.id", false),
            JobSort::Name => ("coalesce(j.job_name, '')", true),
            JobSort::NextTrigger => ("coalesce(j.next_trigger_time, 9223372036854775807)", true),
            JobSort::Modified => ("coalesce(j.pj_modified_at, 0)", false),
        };
        let (direction, comparison) = if ascending {
            ("asc", ">")
        } else {
            ("desc", "<")
        };
        Self {
            key,
            direction,
            comparison,
        }
    }

    /// The condition "after the cursor".
    fn after(&self, cursor: Option<&str>) -> Result<(String, Vec<Value>), Error> {
        let Some(cursor) = cursor else {
            return Ok((String::new(), Vec::new()));
        };
        let cursor: Cursor = serde_json::from_str(cursor)
            .map_err(|_| Error::invalid("cursor", "it is not one of ours"))?;
        let Self {
            key, comparison, ..
        } = self;
        let condition =
            format!("and ({key} {comparison} ? or ({key} = ? and j.id {comparison} ?))");
        let value: Value = match cursor.after {
            SortValue::Number(number) => number.into(),
            SortValue::Text(text) => text.into(),
        };
        Ok((condition, vec![value.clone(), value, cursor.id.into()]))
    }
}

fn cursor_after(sort: JobSort, job: &JobDefinition) -> String {
    let after = match sort {
        JobSort::Newest => SortValue::Number(job.id.0),
        JobSort::Name => SortValue::Text(job.name.clone()),
        JobSort::NextTrigger => {
            SortValue::Number(job.next_trigger_at.map_or(NEVER, |instant| instant.0))
        }
        JobSort::Modified => SortValue::Number(job.modified_at.0),
    };
    serde_json::to_string(&Cursor {
        after,
        id: job.id.0,
    })
    .unwrap_or_default()
}

fn conditions(filter: &JobFilter, app: AppId) -> (String, Vec<Value>) {
    let mut text = String::from("j.app_id = ? and j.status <> 99");
    let mut values: Vec<Value> = vec![app.0.into()];
    let mut add = |condition: &str, value: Value| {
        text.push_str(condition);
        values.push(value);
    };
    if let Some(part) = &filter.name_contains {
        add(" and lower(j.job_name) like ? escape '!'", like(part));
    }
    if let Some(part) = &filter.processor_contains {
        add(" and lower(j.processor_info) like ? escape '!'", like(part));
    }
    if let Some(status) = filter.status {
        add(" and j.status = ?", status.code().into());
    }
    if !filter.kinds.is_empty() {
        let codes = filter.kinds.iter().map(|kind| i64::from(kind.code()));
        const KIND: &str = "case when coalesce(j.time_expression_type, 1) = 1 \
            then coalesce(j.pj_schedule_kind, 1) else j.time_expression_type end";
        add(&format!(" and {KIND} in {{ids}}"), id_list(codes));
    }
    if let Some(tag) = &filter.tag {
        add(" and j.tag = ?", tag.as_str().into());
    }
    (text, values)
}

/// A pattern for "contains", in which only our own signs are special.
fn like(part: &str) -> Value {
    let mut pattern = String::from("%");
    for c in part.to_lowercase().chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_of_patterns_are_plain_characters_in_a_filter() {
        assert_eq!(like("50%_A!"), Value::from("%50!%!_a!!%".to_owned()));
    }
}
