//! The log of a run: in pieces, or followed as it grows.

use futures_util::StreamExt;
use powerjob_client::api::id::Id;
use powerjob_client::api::instance::LogEntry;
use powerjob_client::{Error, LogEvent, LogQuery};
use powerjob_common::status::LogLevel;

use crate::connect::Connection;
use crate::failure::Failure;
use crate::output::Output;
use crate::text::{harmless, when};

/// Lines of one call.
const PAGE_LINES: u32 = 1_000;
/// The most lines that `--tail` gives: they are held in memory.
pub(super) const MAX_TAIL: u32 = 1_000_000;
/// Attempts to connect anew before giving up; a new server takes over within seconds.
const MAX_RECONNECTS: u32 = 30;

/// Prints the log as it is now: all of it, or its last lines. Returns where it ends.
pub(super) async fn print(
    connection: &Connection,
    id: Id,
    output: &Output,
    level: Option<LogLevel>,
    tail: Option<u32>,
) -> Result<String, Failure> {
    match tail {
        Some(count) => print_last(connection, id, output, level, count).await,
        None => print_all(connection, id, output, level).await,
    }
}

async fn print_all(
    connection: &Connection,
    id: Id,
    output: &Output,
    level: Option<LogLevel>,
) -> Result<String, Failure> {
    let mut query = LogQuery {
        level,
        limit: Some(PAGE_LINES),
        ..LogQuery::default()
    };
    loop {
        let page = connection.client.log(id, &query).await?;
        for line in &page.lines {
            print_line(line, output)?;
        }
        let is_end = page.is_complete || page.lines.is_empty();
        if is_end || query.cursor.as_ref() == Some(&page.next_cursor) {
            return Ok(page.next_cursor);
        }
        query.cursor = Some(page.next_cursor);
    }
}

/// Goes back from the end, page by page, until there are enough lines.
async fn print_last(
    connection: &Connection,
    id: Id,
    output: &Output,
    level: Option<LogLevel>,
    count: u32,
) -> Result<String, Failure> {
    let mut end = None;
    let mut cursor = None;
    let mut newest_first = Vec::new();
    let mut missing = count;
    loop {
        let query = LogQuery {
            level,
            tail: true,
            limit: Some(missing.min(PAGE_LINES)),
            cursor,
            ..LogQuery::default()
        };
        let page = connection.client.log(id, &query).await?;
        let end = end.get_or_insert(page.next_cursor);
        missing = missing.saturating_sub(u32::try_from(page.lines.len()).unwrap_or(u32::MAX));
        newest_first.extend(page.lines.into_iter().rev());
        cursor = page.previous_cursor;
        if missing == 0 || cursor.is_none() {
            for line in newest_first.iter().rev() {
                print_line(line, output)?;
            }
            return Ok(std::mem::take(end));
        }
    }
}

/// Follows the log from a cursor, or from its start, until the run has ended; a broken stream is
/// taken up where it broke.
pub(super) async fn follow(
    connection: &Connection,
    id: Id,
    output: &Output,
    level: Option<LogLevel>,
    start: Option<String>,
) -> Result<(), Failure> {
    let mut cursor = start;
    let mut failures = 0;
    loop {
        let before = cursor.clone();
        match follow_once(connection, id, output, level, &mut cursor).await {
            Ok(true) => return Ok(()),
            Ok(false) | Err(Failure::Api(Error::Unavailable { .. })) => {}
            Err(failure) => return Err(failure),
        }
        failures = if cursor == before { failures + 1 } else { 0 };
        if failures > MAX_RECONNECTS {
            return Err(Failure::local("the log stream breaks off again and again"));
        }
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
}

/// Follows one stream to its end; `true` when the run has ended.
async fn follow_once(
    connection: &Connection,
    id: Id,
    output: &Output,
    level: Option<LogLevel>,
    cursor: &mut Option<String>,
) -> Result<bool, Failure> {
    let mut events = connection.client.follow_log(id, cursor.as_deref()).await?;
    while let Some(event) = events.next().await {
        match event? {
            LogEvent::Line(line) => {
                if level.is_none_or(|level| line.is_gap || line.level >= level) {
                    print_line(&line, output)?;
                }
                // the id of an event is the cursor after its line
                if let Some(id) = &events.resume().last_event_id {
                    *cursor = Some(id.clone());
                }
            }
            LogEvent::End => return Ok(true),
            _ => {}
        }
    }
    Ok(false)
}

fn print_line(line: &LogEntry, output: &Output) -> Result<(), Failure> {
    if output.is_json() {
        return output.json_line(line);
    }
    output.line(render(line))
}

fn render(line: &LogEntry) -> String {
    let text = harmless(line.text.trim_end());
    if line.is_gap {
        return format!("-- {text} --");
    }
    let time = when::clock_time(line.at);
    format!("{time} {:5} {text}", line.level.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_gaps_look_different() {
        let line = LogEntry {
            at: 0,
            level: LogLevel::Info,
            attempt: 1,
            worker: "w".to_owned(),
            text: "hello\x1b[31m\n".to_owned(),
            is_gap: false,
        };
        assert!(render(&line).ends_with(" INFO  hello[31m"));
        let gap = LogEntry {
            is_gap: true,
            ..line
        };
        assert_eq!(render(&gap), "-- hello[31m --");
    }
}
