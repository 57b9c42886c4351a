//! Lines of logs from workers of the reference. They have no numbers: each gets the next one here.
//!
//! A worker sends its lines in several requests at once, which overtake each other. So they are kept
//! for a moment and put in the order of their times before they are numbered.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use powerjob_common::actor::Reply;
use powerjob_common::id::{AppId, NodeRef};
use powerjob_protocol::json::{LogContent, LogReport};
use powerjob_protocol::wire::worker_to_server::{LogChunk, LogLine};

use super::peers::{Inner, JavaPeers, lock, take_lines};
use super::{Outcome, Refusal};
use crate::actor::log_collector::StoreLogs;

/// A line of the store; longer ones become several.
const MAX_LINE_BYTES: usize = 8 << 10;
/// Requests of one worker that belong together arrive within this time.
const GATHERING: Duration = Duration::from_millis(100);
/// Lines that are kept at most; then they are stored as they are.
const MAX_GATHERED: usize = 100_000;

/// Lines that wait for others, with their workers.
pub(super) type Gathered = Vec<(AppId, String, LogContent)>;

impl JavaPeers {
    /// Lines of runs. The worker does not repeat them: what cannot be taken now is lost, and counted.
    pub(crate) fn logs(&self, caller: IpAddr, report: LogReport) -> Result<Outcome, Refusal> {
        let address = report.worker_address.unwrap_or_default();
        self.0.check_address(caller, &address)?;
        let Some(app_id) = self.0.app_of(&address) else {
            tracing::debug!(
                worker_addr = address,
                "lines of an unknown worker are dropped"
            );
            return Ok(Outcome::Taken);
        };
        let contents = report.instance_log_contents.into_iter();
        let lines = contents.map(|content| (app_id, address.clone(), content));
        let mut gathered = lock(&self.0.gathered);
        let is_first = gathered.is_empty();
        gathered.extend(lines);
        match (gathered.len(), is_first) {
            (0, _) => {}
            (MAX_GATHERED.., _) => {
                let full = std::mem::take(&mut *gathered);
                drop(gathered);
                self.0.store_lines(full);
            }
            (_, true) => {
                let inner = self.0.clone();
                self.0.parts.runtime.spawn(inner.store_soon());
            }
            (_, false) => {}
        }
        Ok(Outcome::Taken)
    }
}

impl Inner {
    async fn store_soon(self: Arc<Self>) {
        tokio::time::sleep(GATHERING).await;
        let gathered = std::mem::take(&mut *lock(&self.gathered));
        self.store_lines(gathered);
    }

    fn store_lines(&self, mut lines: Gathered) {
        lines.sort_by(|a, b| (a.0, &a.1, a.2.log_time).cmp(&(b.0, &b.1, b.2.log_time)));
        for of_worker in lines.chunk_by(|a, b| (a.0, &a.1) == (b.0, &b.1)) {
            let Some((app_id, address, _)) = of_worker.first() else {
                continue;
            };
            let (reply, _stored) = Reply::channel();
            let letter = StoreLogs {
                app_id: *app_id,
                worker: NodeRef::without_lives(address),
                chunks: chunks(self, of_worker.iter().map(|line| &line.2)),
                reply,
            };
            if let Err(refused) = self.parts.connections.logs.tell(letter) {
                tracing::warn!(%refused, worker_addr = address, "lines of a worker are dropped");
            }
        }
    }
}

/// Successive lines of one run become one chunk.
fn chunks<'a>(inner: &Inner, contents: impl Iterator<Item = &'a LogContent>) -> Vec<LogChunk> {
    let mut chunks: Vec<LogChunk> = Vec::new();
    for content in contents {
        let lines = lines(content);
        let first_sequence = take_lines(inner, lines.len());
        match chunks.last_mut() {
            Some(last)
                if last.instance_id == content.instance_id
                    && last.first_sequence + last.lines.len() as u64 == first_sequence =>
            {
                last.lines.extend(lines);
            }
            _ => chunks.push(LogChunk {
                instance_id: content.instance_id,
                attempt: inner.attempt_of(content.instance_id),
                first_sequence,
                lost_before: 0,
                lines,
            }),
        }
    }
    chunks
}

fn lines(content: &LogContent) -> Vec<LogLine> {
    let text = content.log_content.as_deref().unwrap_or_default();
    let line = |text: &str| LogLine {
        at_ms: content.log_time,
        level: u8::try_from(content.log_level).unwrap_or(2),
        text: text.to_owned(),
    };
    let mut lines = Vec::new();
    let mut rest = text;
    while rest.len() > MAX_LINE_BYTES {
        let (piece, left) = rest.split_at(rest.floor_char_boundary(MAX_LINE_BYTES));
        lines.push(line(piece));
        rest = left;
    }
    lines.push(line(rest));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_becomes_several_and_loses_nothing() {
        let text = "ä".repeat(10_000);
        let content = LogContent {
            log_content: Some(text.clone()),
            log_level: 4,
            ..LogContent::default()
        };
        let lines = lines(&content);
        assert_eq!(lines.len(), 3);
        assert!(
            lines
                .iter()
                .all(|line| line.level == 4 && line.text.len() <= MAX_LINE_BYTES)
        );
        assert_eq!(
            lines
                .iter()
                .map(|line| line.text.as_str())
                .collect::<String>(),
            text
        );
    }
}
