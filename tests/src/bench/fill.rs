//! Databases filled by SQL, because a hundred thousand calls would take longer than what is measured.
//!
//! Only while no server uses them: rows are copied of one that the server made itself.

use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbErr, Statement};

/// Far above what the database numbers by itself.
const FIRST_ID: i64 = 10_000_000;

/// When copied jobs are due.
#[derive(Debug, Clone, Copy)]
pub struct Due {
    /// The first, epoch milliseconds.
    pub first_ms: i64,
    /// The others follow evenly within so many milliseconds.
    pub within_ms: i64,
}

impl Due {
    /// All at one moment, epoch milliseconds.
    pub fn all_at(moment_ms: i64) -> Self {
        Self {
            first_ms: moment_ms,
            within_ms: 0,
        }
    }
}

/// Copies a job `count` times.
///
/// # Errors
/// Those of the database.
pub async fn copy_job(url: &str, job: &str, count: usize) -> Result<(), DbErr> {
    let filling = Filling {
        table: "job_info",
        template: format!("id = {job}"),
        count,
    };
    filling
        .run(url, |column| match column {
            "id" => Some(format!("{FIRST_ID} + n.i")),
            "job_name" => Some("t.job_name || '-' || n.i".to_owned()),
            _ => None,
        })
        .await
}

/// Sets when the copied jobs are due, `count` in all.
///
/// # Errors
/// Those of the database.
pub async fn move_jobs(url: &str, count: usize, due: Due) -> Result<(), DbErr> {
    let Due {
        first_ms,
        within_ms,
    } = due;
    let db = Database::connect(url).await?;
    let text = format!(
        "update job_info set next_trigger_time = {first_ms} + (id - {FIRST_ID} - 1) * {within_ms} / {count} \
         where id > {FIRST_ID}"
    );
    db.execute_unprepared(&text).await?;
    db.close().await
}

/// Copies an ended run `count` times, into the time before it.
///
/// # Errors
/// Those of the database.
pub async fn copy_run(url: &str, instance: &str, count: usize) -> Result<(), DbErr> {
    let filling = Filling {
        table: "instance_info",
        template: format!("instance_id = {instance}"),
        count,
    };
    let older = format!("t.instance_id - {count} - 1 + n.i");
    let id = if url.starts_with("sqlite") {
        older.clone()
    } else {
        format!("n.i - {count}")
    };
    filling
        .run(url, |column| match column {
            "id" => Some(id.clone()),
            "instance_id" => Some(older.clone()),
            _ => None,
        })
        .await
}

/// Counts by a query that gives one number.
///
/// # Errors
/// Those of the database.
pub async fn number(url: &str, query: &str) -> Result<i64, DbErr> {
    let db = Database::connect(url).await?;
    let statement = Statement::from_string(db.get_database_backend(), query);
    let row = db.query_one_raw(statement).await?;
    let number = row.map_or(Ok(0), |row| row.try_get_by_index(0))?;
    db.close().await?;
    Ok(number)
}

struct Filling {
    table: &'static str,
    template: String,
    count: usize,
}

impl Filling {
    async fn run(&self, url: &str, value: impl Fn(&str) -> Option<String>) -> Result<(), DbErr> {
        let Self {
            table,
            template,
            count,
        } = self;
        let db = Database::connect(url).await?;
        let columns = self.columns(&db).await?;
        let values: Vec<String> = columns
            .iter()
            .map(|column| value(column).unwrap_or_else(|| format!("t.{column}")))
            .collect();
        let text = format!(
            "insert into {table} ({}) with recursive n(i) as \
             (select 1 union all select i + 1 from n where i < {count}) \
             select {} from {table} t cross join n where t.{template}",
            columns.join(", "),
            values.join(", "),
        );
        db.execute_unprepared(&text).await?;
        db.execute_unprepared("analyze").await?;
        db.close().await
    }

    async fn columns(&self, db: &DatabaseConnection) -> Result<Vec<String>, DbErr> {
        let query = format!("select * from {} where {}", self.table, self.template);
        let row = db
            .query_one_raw(Statement::from_string(db.get_database_backend(), query))
            .await?
            .ok_or_else(|| DbErr::RecordNotFound(self.template.clone()))?;
        Ok(row.column_names())
    }
}
