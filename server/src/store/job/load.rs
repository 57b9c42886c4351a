//! The jobs of an application for its new owner, streamed: there may be a million.

use std::time::Duration;

use futures_util::TryStreamExt;
use powerjob_common::id::AppId;
use powerjob_common::status::TimeExpressionType;
use powerjob_common::time::UnixMillis;
use sea_orm::Value;
use tokio::sync::mpsc;

use super::row::{COLUMNS, read_job};
use crate::domain::job::JobDefinition;
use crate::store::sql::Sql;
use crate::store::{Error, Store};

/// Jobs in a piece.
const PIECE: usize = 1_000;
/// Longer than the loading of a million jobs takes.
const LOAD_LIMIT: Duration = Duration::from_secs(600);

/// Which jobs that are not deleted; the three parts together are all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobPart {
    /// Those of a fixed delay, and of a fixed rate that have no next time: they go on when a run ends.
    Loops,
    /// Others whose next time is not after this instant.
    DueUntil(UnixMillis),
    /// Others whose next time is later, or that have none.
    DueAfter(UnixMillis),
}

impl JobPart {
    fn condition(self) -> (&'static str, Vec<Value>) {
        let looping: Value = TimeExpressionType::FixedDelay.code().into();
        let rate: Value = TimeExpressionType::FixedRate.code().into();
        match self {
            Self::Loops => (
                "(j.time_expression_type = ? \
                 or (j.time_expression_type = ? and j.next_trigger_time is null))",
                vec![looping, rate],
            ),
            Self::DueUntil(until) => (
                "j.time_expression_type <> ? and j.next_trigger_time <= ?",
                vec![looping, until.0.into()],
            ),
            Self::DueAfter(after) => (
                "j.time_expression_type <> ? \
                 and (j.next_trigger_time > ? \
                 or (j.next_trigger_time is null and j.time_expression_type <> ?))",
                vec![looping, after.0.into(), rate],
            ),
        }
    }
}

impl Store {
    /// A part of the jobs of an application; the pieces end with the part, or with an error.
    pub fn jobs_in_pieces(
        &self,
        app: AppId,
        part: JobPart,
    ) -> mpsc::Receiver<Result<Vec<JobDefinition>, Error>> {
        let (sender, pieces) = mpsc::channel(2);
        let sql = self.reading();
        let doubt = self.inner.doubt.clone();
        self.inner.runtime.spawn(async move {
            let sent = doubt.limit(LOAD_LIMIT, send_pieces(&sql, app, part, &sender));
            let silent = || {
                Err(Error::Unavailable(
                    "the jobs were not read in time".to_owned(),
                ))
            };
            if let Err(error) = sent.await.unwrap_or_else(silent) {
                // Nobody listens any more: then it does not matter.
                sender.send(Err(error)).await.ok();
            }
        });
        pieces
    }
}

async fn send_pieces(
    sql: &Sql,
    app: AppId,
    part: JobPart,
    sender: &mpsc::Sender<Result<Vec<JobDefinition>, Error>>,
) -> Result<(), Error> {
    let (condition, values) = part.condition();
    let text = format!(
        "select {COLUMNS} from {{job_info}} j where j.app_id = ? and j.status <> 99 and {condition}"
    );
    let values = std::iter::once(app.0.into()).chain(values).collect();
    let mut rows = sql.stream(&text, values).await?;
    let mut piece = Vec::new();
    while let Some(row) = rows.try_next().await? {
        piece.push(read_job(&row)?);
        if piece.len() == PIECE && sender.send(Ok(std::mem::take(&mut piece))).await.is_err() {
            return Ok(());
        }
    }
    if !piece.is_empty() {
        sender.send(Ok(piece)).await.ok();
    }
    Ok(())
}
