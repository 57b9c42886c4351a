//! Proves from the database alone what must always hold.
//!
//! It speaks SQL itself and not through the server's store: what it proves must not rest on the code
//! that it proves.

mod starts;

pub use starts::{Start, end_faults, read_starts, start_faults};

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use sea_orm::{ConnectionTrait, Database, DbErr, Statement};

/// Status code of a run that has succeeded.
const SUCCEEDED: i32 = 5;

/// A row of `instance_info` as the checker reads it.
#[derive(Debug, Clone)]
pub struct Row {
    /// The instance.
    pub instance_id: i64,
    /// Its job.
    pub job_id: i64,
    /// Status code.
    pub status: i32,
    /// Nominal time from the trigger key, epoch milliseconds; `None` for manual runs.
    pub nominal_ms: Option<i64>,
    /// When the row was made, epoch milliseconds.
    pub created_ms: i64,
    /// Start on the worker, epoch milliseconds.
    pub started_ms: Option<i64>,
    /// Result.
    pub result: String,
    /// Number of the last attempt; 0 before the first.
    pub attempt: i32,
    /// When it ended, epoch milliseconds.
    pub finished_ms: Option<i64>,
}

/// Reads all instances of a database that no server uses any more.
///
/// # Errors
/// Those of the database.
pub async fn read_rows(file: &Path) -> Result<Vec<Row>, DbErr> {
    read_rows_of(&format!("sqlite:{}?mode=rw", file.display())).await
}

/// Reads all instances of the database at a URL.
///
/// # Errors
/// Those of the database.
pub async fn read_rows_of(url: &str) -> Result<Vec<Row>, DbErr> {
    let db = Database::connect(url).await?;
    let query = "SELECT instance_id, job_id, status, pj_trigger_key, pj_created_at, \
                 pj_started_at, result, pj_attempt, finished_time \
                 FROM instance_info ORDER BY instance_id";
    let rows = db
        .query_all_raw(Statement::from_string(db.get_database_backend(), query))
        .await?;
    rows.iter()
        .map(|row| {
            let key: Option<i64> = row.try_get("", "pj_trigger_key")?;
            Ok(Row {
                instance_id: row.try_get("", "instance_id")?,
                job_id: row.try_get("", "job_id")?,
                status: row.try_get("", "status")?,
                nominal_ms: key,
                created_ms: row.try_get("", "pj_created_at")?,
                started_ms: row.try_get("", "pj_started_at")?,
                result: row
                    .try_get::<Option<String>>("", "result")?
                    .unwrap_or_default(),
                attempt: row
                    .try_get::<Option<i32>>("", "pj_attempt")?
                    .unwrap_or_default(),
                finished_ms: row.try_get("", "finished_time")?,
            })
        })
        .collect()
}

/// A span of wall time in which the scheduler was down, epoch milliseconds, both ends included.
#[derive(Debug, Clone, Copy)]
pub struct Outage {
    /// The kill.
    pub from_ms: i64,
    /// Ready again.
    pub to_ms: i64,
}

/// What is wrong with the triggers of jobs that fire every second; empty = all is well.
///
/// Outside the outages each second between `first_ms` and `last_ms` has exactly one instance of each
/// job; the seconds of an outage have exactly one in all (the catch-up), at or before its end.
pub fn every_second_faults(
    rows: &[Row],
    jobs: &[i64],
    span: (i64, i64),
    outages: &[Outage],
) -> Vec<String> {
    let mut faults = trigger_faults(rows, jobs, span, outages);
    for job in jobs {
        let faulty = outages
            .iter()
            .filter_map(|outage| catch_up_fault(*job, rows, outage));
        faults.extend(faulty);
    }
    faults
}

/// Runs of jobs outside the outages that began on their worker more than `limit_ms` after their time,
/// or never, or that have no recorded end.
pub fn late_faults(rows: &[Row], jobs: &[i64], limit_ms: i64, outages: &[Outage]) -> Vec<String> {
    let of_jobs = rows.iter().filter(|row| jobs.contains(&row.job_id));
    let fault = |row: &Row| {
        let Row {
            instance_id,
            job_id,
            status,
            ..
        } = row;
        let nominal = row.nominal_ms?;
        if *status != SUCCEEDED || row.result.is_empty() {
            return Some(format!(
                "job {job_id}: instance {instance_id} for {nominal} has status {status}"
            ));
        }
        let is_in = |outage: &Outage| outage.from_ms <= nominal && nominal <= outage.to_ms;
        let Some(started_ms) = row.started_ms else {
            return Some(format!("job {job_id}: the run for {nominal} never began"));
        };
        let late_ms = started_ms - nominal;
        let is_late = late_ms > limit_ms && !outages.iter().any(is_in);
        is_late.then(|| format!("job {job_id}: the run for {nominal} was {late_ms} ms late"))
    };
    of_jobs.filter_map(fault).collect()
}

/// Doubled and missing seconds of jobs that fire every second; in an outage seconds may be missing.
pub fn trigger_faults(
    rows: &[Row],
    jobs: &[i64],
    (first_ms, last_ms): (i64, i64),
    outages: &[Outage],
) -> Vec<String> {
    let mut seen: HashMap<i64, BTreeMap<i64, usize>> = HashMap::new();
    for row in rows {
        if let Some(nominal) = row.nominal_ms {
            *seen
                .entry(row.job_id)
                .or_default()
                .entry(nominal)
                .or_default() += 1;
        }
    }
    let none = BTreeMap::new();
    let mut faults = Vec::new();
    for job in jobs {
        let times = seen.get(job).unwrap_or(&none);
        for (nominal, count) in times.iter().filter(|(_, count)| **count > 1) {
            faults.push(format!("job {job}: {count} instances for {nominal}"));
        }
        faults.extend(missing(*job, times, (first_ms, last_ms), outages));
    }
    faults
}

fn missing(
    job: i64,
    times: &BTreeMap<i64, usize>,
    (first_ms, last_ms): (i64, i64),
    outages: &[Outage],
) -> Vec<String> {
    let first = first_ms.div_euclid(1000) + 1;
    (first..=last_ms.div_euclid(1000))
        .map(|second| second * 1000)
        .filter(|at| {
            !outages
                .iter()
                .any(|outage| outage.from_ms <= *at && *at <= outage.to_ms)
        })
        .filter(|at| !times.contains_key(at))
        .map(|at| format!("job {job}: no instance for {at}"))
        .collect()
}

/// Of the occurrences that were not made ahead of the outage, exactly one is caught up with: made
/// after its time, when the server was back.
fn catch_up_fault(job: i64, rows: &[Row], outage: &Outage) -> Option<String> {
    let caught_up = rows.iter().filter(|row| row.job_id == job).filter(|row| {
        row.nominal_ms.is_some_and(|nominal| {
            outage.from_ms <= nominal && nominal <= outage.to_ms && nominal < row.created_ms
        })
    });
    let count = caught_up.count();
    (count != 1).then(|| format!("job {job}: {count} catch-up instances in the outage {outage:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTAGE: Outage = Outage {
        from_ms: 2_500,
        to_ms: 8_200,
    };

    fn made(nominal_ms: i64, created_ms: i64) -> Row {
        Row {
            instance_id: nominal_ms,
            job_id: 1,
            status: 5,
            nominal_ms: Some(nominal_ms),
            created_ms,
            started_ms: Some(nominal_ms),
            result: String::new(),
            attempt: 1,
            finished_ms: Some(nominal_ms),
        }
    }

    /// `ahead`: seconds whose row was made a second ahead; `late`: seconds made up for at 8.1 s.
    fn faults(ahead: &[i64], late: &[i64], outages: &[Outage]) -> Vec<String> {
        let ahead = ahead
            .iter()
            .map(|second| made(second * 1000, (second - 1) * 1000));
        let late = late.iter().map(|second| made(second * 1000, 8_100));
        let rows: Vec<Row> = ahead.chain(late).collect();
        every_second_faults(&rows, &[1], (500, 10_500), outages)
    }

    #[test]
    fn a_whole_series_is_well() {
        assert_eq!(
            faults(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], &[], &[]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_missing_second_is_a_fault() {
        assert_eq!(faults(&[1, 2, 3, 5, 6, 7, 8, 9, 10], &[], &[]).len(), 1);
    }

    #[test]
    fn a_doubled_second_is_a_fault() {
        assert_eq!(
            faults(&[1, 2, 3, 4, 4, 5, 6, 7, 8, 9, 10], &[], &[]).len(),
            1
        );
    }

    #[test]
    fn a_late_run_and_one_without_an_end_are_faults() {
        let row = |started_ms, status| Row {
            started_ms: Some(started_ms),
            status,
            result: "done".to_owned(),
            ..made(3_000, 2_000)
        };
        let faults = |row: Row| late_faults(&[row], &[1], 200, &[]).len();
        assert_eq!(faults(row(3_200, SUCCEEDED)), 0);
        assert_eq!(faults(row(3_201, SUCCEEDED)), 1);
        assert_eq!(faults(row(3_000, 4)), 1);
        let without_result = Row {
            result: String::new(),
            ..row(3_000, SUCCEEDED)
        };
        assert_eq!(faults(without_result), 1);
        let never_started = Row {
            started_ms: None,
            ..row(3_000, SUCCEEDED)
        };
        assert_eq!(faults(never_started), 1);
        let excused = Outage {
            from_ms: 2_500,
            to_ms: 3_500,
        };
        assert!(late_faults(&[row(9_000, SUCCEEDED)], &[1], 200, &[excused]).is_empty());
    }

    #[test]
    fn an_outage_is_caught_up_with_exactly_once() {
        assert_eq!(
            faults(&[1, 2, 3, 9, 10], &[4], &[OUTAGE]),
            Vec::<String>::new()
        );
        assert_eq!(
            faults(&[1, 2, 3, 9, 10], &[], &[OUTAGE]).len(),
            1,
            "no catch-up"
        );
        assert_eq!(
            faults(&[1, 2, 3, 9, 10], &[4, 5], &[OUTAGE]).len(),
            1,
            "two catch-ups"
        );
    }
}
