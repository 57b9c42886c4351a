//! What the runs themselves noted at each start, outside of the system, held against the database.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;

use super::{Row, SUCCEEDED};

/// The lowest status code of a run that has ended.
const ENDED: i32 = 4;

/// A start that left its mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Start {
    /// The run.
    pub instance_id: i64,
    /// Its attempt.
    pub attempt: i32,
}

/// Reads the marks: a line "instance attempt" for each start. No file means no start.
///
/// # Errors
/// Of reading; a line that is none of these.
pub fn read_starts(file: &Path) -> io::Result<Vec<Start>> {
    let text = match std::fs::read_to_string(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        other => other?,
    };
    let read = |line: &str| {
        let (instance, attempt) = line.split_once(' ')?;
        Some(Start {
            instance_id: instance.parse().ok()?,
            attempt: attempt.parse().ok()?,
        })
    };
    text.lines()
        .map(|line| read(line).ok_or_else(|| io::Error::other(format!("no mark: {line}"))))
        .collect()
}

/// Starts that happened twice under one attempt, that no row knows of, or that are missing for what
/// succeeded. `rows`: all whose runs leave marks.
pub fn start_faults(rows: &[Row], starts: &[Start]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut seen = HashSet::new();
    let attempts: HashMap<i64, i32> = rows
        .iter()
        .map(|row| (row.instance_id, row.attempt))
        .collect();
    for start in starts {
        let Start {
            instance_id,
            attempt,
        } = *start;
        if !seen.insert(*start) {
            faults.push(format!(
                "{instance_id} was started twice as attempt {attempt}"
            ));
        }
        match attempts.get(&instance_id) {
            None => faults.push(format!("{instance_id} was started and is not known")),
            Some(last) if attempt > *last => faults.push(format!(
                "{instance_id} was started as attempt {attempt}, and its last one is {last}"
            )),
            Some(_) => {}
        }
    }
    let is_missing = |row: &&Row| {
        let start = Start {
            instance_id: row.instance_id,
            attempt: row.attempt,
        };
        row.status == SUCCEEDED && !seen.contains(&start)
    };
    let missing = rows.iter().filter(is_missing);
    faults.extend(missing.map(|row| {
        format!(
            "{} succeeded as attempt {} without a start",
            row.instance_id, row.attempt
        )
    }));
    faults
}

/// Runs without a recorded end.
pub fn end_faults(rows: &[Row]) -> Vec<String> {
    let has_end = |row: &Row| row.status >= ENDED && row.finished_ms.is_some();
    let open = rows.iter().filter(|row| !has_end(row));
    open.map(|row| format!("{} has no end: status {}", row.instance_id, row.status))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(instance_id: i64, attempt: i32) -> Row {
        Row {
            instance_id,
            job_id: 1,
            status: SUCCEEDED,
            nominal_ms: Some(1_000),
            created_ms: 500,
            started_ms: Some(1_001),
            result: "done".to_owned(),
            attempt,
            finished_ms: Some(1_002),
        }
    }

    fn start(instance_id: i64, attempt: i32) -> Start {
        Start {
            instance_id,
            attempt,
        }
    }

    /// The rows and starts of a sound history: the second run needed two attempts.
    fn sound() -> (Vec<Row>, Vec<Start>) {
        (
            vec![row(1, 1), row(2, 2)],
            vec![start(1, 1), start(2, 1), start(2, 2)],
        )
    }

    #[test]
    fn a_sound_history_has_no_fault() {
        let (rows, starts) = sound();
        assert_eq!(start_faults(&rows, &starts), Vec::<String>::new());
        assert_eq!(end_faults(&rows), Vec::<String>::new());
    }

    #[test]
    fn a_start_under_an_attempt_that_was_started_is_a_fault() {
        let (rows, mut starts) = sound();
        starts.push(start(2, 1));
        assert_eq!(start_faults(&rows, &starts).len(), 1);
    }

    #[test]
    fn a_start_that_the_database_does_not_know_is_a_fault() {
        let (mut rows, mut starts) = sound();
        starts.push(start(2, 3));
        assert_eq!(start_faults(&rows, &starts).len(), 1, "an attempt too many");
        starts.pop();
        rows.remove(1);
        assert_eq!(start_faults(&rows, &starts).len(), 2, "a lost row");
    }

    #[test]
    fn a_success_without_a_start_is_a_fault() {
        let (rows, mut starts) = sound();
        starts.pop();
        assert_eq!(start_faults(&rows, &starts).len(), 1);
    }

    #[test]
    fn a_run_without_an_end_is_a_fault() {
        let (mut rows, _) = sound();
        rows[0].status = 3;
        rows[1].finished_ms = None;
        assert_eq!(end_faults(&rows).len(), 2);
    }

    #[test]
    fn marks_are_read_as_they_are_written_and_damaged_ones_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("marks");
        assert_eq!(read_starts(&file).unwrap(), []);
        std::fs::write(&file, "7 1\n7 2\n").unwrap();
        assert_eq!(read_starts(&file).unwrap(), [start(7, 1), start(7, 2)]);
        std::fs::write(&file, "7 1\n7\n").unwrap();
        read_starts(&file).unwrap_err();
    }
}
