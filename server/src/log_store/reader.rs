//! Reads a part of an instance's log.

use std::borrow::Cow;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use powerjob_common::id::InstanceId;
use powerjob_common::status::LogLevel;

use super::app_log::{AppLog, Found};
use super::error::Error;
use super::position::{Direction, Position};
use super::query::{Entry, LogQuery, LogSlice, MAX_LIMIT};
use super::record::{self, Record};

/// Records that are looked up at a time.
const STRIDE: usize = 256;
/// Bytes that are read for one slice at most: a filter that rejects nearly everything gives up and
/// goes on with the next query.
const BUDGET_BYTES: usize = 16 << 20;

/// Reads what the query asks for.
pub(super) fn read(
    log: &AppLog,
    instance: InstanceId,
    query: &LogQuery,
) -> Result<LogSlice, Error> {
    let cursor = query.cursor.as_deref().map(Position::parse).transpose()?;
    let mut page = Page::new(query, cursor);
    let mut is_end = false;
    while !is_end && !page.is_full() {
        let found = log.find(instance, page.direction, page.at, STRIDE)?;
        for record in &found {
            if page.is_full() {
                break;
            }
            page.add_record(instance, record)?;
        }
        let is_all_read = found.last().is_none_or(|last| page.is_through(last));
        is_end = found.len() < STRIDE && is_all_read;
    }
    Ok(page.into_slice(cursor, is_end))
}

/// A slice in the making.
struct Page {
    direction: Direction,
    limit: usize,
    min_level: LogLevel,
    text: String,
    budget_bytes: usize,
    /// Where reading goes on.
    at: Position,
    /// The place after the first record that was read.
    first_end: Option<Position>,
    /// In the direction of reading.
    entries: Vec<Entry>,
}

/// A line or a gap.
struct Item<'a> {
    at_ms: i64,
    level: LogLevel,
    text: Cow<'a, str>,
    is_gap: bool,
}

impl Page {
    fn new(query: &LogQuery, cursor: Option<Position>) -> Self {
        let (direction, outermost) = match query.tail {
            true => (Direction::Backward, Position::END),
            false => (Direction::Forward, Position::START),
        };
        Self {
            direction,
            limit: query.limit.clamp(1, MAX_LIMIT),
            min_level: query.min_level.unwrap_or(LogLevel::Debug),
            text: query.text.as_deref().unwrap_or_default().to_lowercase(),
            budget_bytes: BUDGET_BYTES,
            at: cursor.unwrap_or(outermost),
            first_end: None,
            entries: Vec::new(),
        }
    }

    fn is_full(&self) -> bool {
        self.entries.len() >= self.limit || self.budget_bytes == 0
    }

    /// Whether nothing of the record is left in the direction.
    fn is_through(&self, last: &Found) -> bool {
        let (segment, offset) = (last.segment, last.slot.offset);
        match self.direction {
            Direction::Forward => self.at >= Position::after_record(segment, offset),
            Direction::Backward => self.at <= Position::before(segment, offset, 0),
        }
    }

    /// Reads a record and takes those of its items that are wanted, as far as there is room.
    fn add_record(&mut self, instance: InstanceId, found: &Found) -> Result<(), Error> {
        let frame = frame_of(found)?;
        self.budget_bytes = self.budget_bytes.saturating_sub(frame.len());
        let record = record::read(&frame).filter(|record| record.instance == instance);
        let (items, attempt, worker) = match &record {
            Some(record) => (items_of(record), record.attempt, record.worker),
            None => (vec![damaged(found)], found.slot.attempt, ""),
        };
        let (segment, offset) = (found.segment, found.slot.offset);
        let end = Position::after_record(segment, offset);
        let place = |item: usize| match item {
            item if item >= items.len() => end,
            item => Position::before(segment, offset, item),
        };
        self.first_end.get_or_insert(end);
        let worker: Arc<str> = worker.into();
        for number in self.numbers(found, items.len()) {
            if self.entries.len() >= self.limit {
                return Ok(());
            }
            self.at = match self.direction {
                Direction::Forward => place(number + 1),
                Direction::Backward => place(number),
            };
            if self.is_wanted(&items[number]) {
                let entry = entry(&items[number], attempt, &worker, place(number + 1));
                self.entries.push(entry);
            }
        }
        self.at = match self.direction {
            Direction::Forward => end,
            Direction::Backward => place(0),
        };
        Ok(())
    }

    /// The numbers of the items that lie ahead, in the direction.
    fn numbers(&self, found: &Found, count: usize) -> Vec<usize> {
        let is_inside = (self.at.segment, self.at.offset) == (found.segment, found.slot.offset);
        let inside = (self.at.item as usize).min(count);
        match self.direction {
            Direction::Forward if is_inside => (inside..count).collect(),
            Direction::Forward => (0..count).collect(),
            Direction::Backward if is_inside => (0..inside).rev().collect(),
            Direction::Backward => (0..count).rev().collect(),
        }
    }

    fn is_wanted(&self, item: &Item<'_>) -> bool {
        (item.is_gap || item.level >= self.min_level)
            && (self.text.is_empty() || item.text.to_lowercase().contains(&self.text))
    }

    fn into_slice(mut self, cursor: Option<Position>, is_end: bool) -> LogSlice {
        let start = cursor.unwrap_or(Position::START);
        let (previous, next) = match self.direction {
            Direction::Forward => (start, self.at),
            Direction::Backward => {
                self.entries.reverse();
                let is_empty = self.first_end.is_none();
                let previous = if is_empty { start } else { self.at };
                (previous, cursor.or(self.first_end).unwrap_or(start))
            }
        };
        LogSlice {
            entries: self.entries,
            next_cursor: next.cursor(),
            previous_cursor: previous.cursor(),
            is_end,
        }
    }
}

/// The bytes of a record; none if the file is shorter than its index says.
fn frame_of(found: &Found) -> Result<Vec<u8>, Error> {
    let mut frame = vec![0; found.slot.length as usize];
    match found
        .file
        .read_exact_at(&mut frame, found.slot.offset.into())
    {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Vec::new()),
        Err(error) => Err(Error::at(Path::new(&format!("{}.seg", found.segment)))(
            error,
        )),
        Ok(()) => Ok(frame),
    }
}

fn items_of<'a>(record: &Record<'a>) -> Vec<Item<'a>> {
    let mut items = Vec::with_capacity(record.lines.len() + 1);
    if record.lost_before > 0 {
        let at_ms = record
            .lines
            .first()
            .map_or(record.stored_at.0, |line| line.at_ms);
        let text = match record.lost_before {
            1 => "1 line lost: it came faster than it could be sent".to_owned(),
            count => format!("{count} lines lost: they came faster than they could be sent"),
        };
        items.push(gap(at_ms, text));
    }
    items.extend(record.lines.iter().map(|line| Item {
        at_ms: line.at_ms,
        level: LogLevel::from_code(line.level.into()).unwrap_or(LogLevel::Info),
        text: Cow::Borrowed(line.text),
        is_gap: false,
    }));
    items
}

/// Stands for a record that cannot be read.
fn damaged(found: &Found) -> Item<'static> {
    let count = found.slot.lines;
    gap(
        0,
        format!("{count} lines cannot be read: they are damaged on the disk"),
    )
}

fn gap(at_ms: i64, text: String) -> Item<'static> {
    Item {
        at_ms,
        level: LogLevel::Warn,
        text: Cow::Owned(text),
        is_gap: true,
    }
}

fn entry(item: &Item<'_>, attempt: u32, worker: &Arc<str>, end: Position) -> Entry {
    Entry {
        at: item.at_ms,
        level: item.level,
        attempt,
        worker: worker.clone(),
        text: item.text.clone().into_owned(),
        is_gap: item.is_gap,
        cursor: end.cursor(),
    }
}
