//! Logs of instances.

use powerjob_common::status::LogLevel;
use powerjob_protocol::api::instance::{LogEntry, LogPage};

use super::{ServiceError, Services, instances};
use crate::domain::instance::Instance;
use crate::log_store::{self, Entry, Follower, LogQuery};

/// Lines of one piece of a stream or download.
const PIECE_LINES: usize = 1_000;

/// Which lines.
#[derive(Debug, Clone, Default)]
pub struct LogFilter {
    /// Where to go on.
    pub cursor: Option<String>,
    /// Lines of a page.
    pub limit: u32,
    /// Lowest level.
    pub level: Option<LogLevel>,
    /// Part of the text, in any letter case.
    pub query: Option<String>,
    /// The last lines before the cursor instead of the first ones after it.
    pub tail: bool,
}

/// A page of an instance's log.
pub async fn page(
    services: &Services,
    instance: &Instance,
    filter: &LogFilter,
) -> Result<LogPage, ServiceError> {
    let is_finished = instance.state.status.is_finished();
    let query = LogQuery {
        cursor: filter.cursor.clone(),
        limit: filter.limit as usize,
        min_level: filter.level,
        text: filter.query.clone(),
        tail: filter.tail,
    };
    let slice = services
        .handles
        .logs
        .read(instance.instance_id, instance.app_id, query)
        .await
        .map_err(log_error)?;
    let is_at_start = match filter.tail {
        true => slice.is_end,
        false => filter.cursor.is_none(),
    };
    let is_at_end = match filter.tail {
        true => filter.cursor.is_none(),
        false => slice.is_end,
    };
    Ok(LogPage {
        lines: slice.entries.into_iter().map(line).collect(),
        next_cursor: slice.next_cursor,
        previous_cursor: Some(slice.previous_cursor).filter(|_| !is_at_start),
        is_complete: is_finished && is_at_end,
    })
}

fn log_error(error: log_store::Error) -> ServiceError {
    match error {
        log_store::Error::BadCursor => ServiceError::InvalidCursor,
        log_store::Error::Closed => ServiceError::Unavailable(error.to_string()),
        error => {
            tracing::warn!(%error, "the log of an instance could not be read");
            ServiceError::Unavailable("the logs cannot be read now".to_owned())
        }
    }
}

fn line(entry: Entry) -> LogEntry {
    LogEntry {
        at: entry.at,
        level: entry.level,
        attempt: entry.attempt,
        worker: entry.worker.to_string(),
        text: entry.text,
        is_gap: entry.is_gap,
    }
}

/// Reads an instance's log piece by piece, and waits for more until the instance has ended.
#[derive(Debug)]
pub struct LogReader {
    instance: std::sync::Arc<Instance>,
    cursor: Option<String>,
    follower: Option<Follower>,
}

impl LogReader {
    /// Reads what is there after `cursor`.
    pub fn new(instance: std::sync::Arc<Instance>, cursor: Option<String>) -> Self {
        Self {
            instance,
            cursor,
            follower: None,
        }
    }

    /// Reads what is there after `cursor`, and what comes.
    pub fn following(
        services: &Services,
        instance: std::sync::Arc<Instance>,
        cursor: Option<String>,
    ) -> Self {
        let follower = services.handles.logs.follow(instance.instance_id);
        Self {
            instance,
            cursor,
            follower: Some(follower),
        }
    }

    /// The next lines with the cursor after each; none when the end is reached for now.
    pub async fn next_lines(
        &mut self,
        services: &Services,
    ) -> Result<Vec<(String, LogEntry)>, ServiceError> {
        let query = LogQuery {
            cursor: self.cursor.clone(),
            limit: PIECE_LINES,
            ..LogQuery::default()
        };
        let (id, app) = (self.instance.instance_id, self.instance.app_id);
        let slice = services
            .handles
            .logs
            .read(id, app, query)
            .await
            .map_err(log_error)?;
        self.cursor = Some(slice.next_cursor);
        Ok(slice
            .entries
            .into_iter()
            .map(|entry| (entry.cursor.clone(), line(entry)))
            .collect())
    }

    /// Whether the instance has ended by now.
    pub async fn has_ended(&self, services: &Services) -> Result<bool, ServiceError> {
        let present = instances::find(services, self.instance.instance_id).await?;
        Ok(present.state.status.is_finished())
    }

    /// Waits for new lines; `false` when none will come.
    pub async fn changed(&mut self) -> bool {
        match &mut self.follower {
            Some(follower) => follower.changed().await,
            None => false,
        }
    }
}
