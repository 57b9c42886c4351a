//! Instances and their logs.

use powerjob_common::status::{InstanceStatus, LogLevel};
use powerjob_protocol::api::beats::BeatOverview;
use powerjob_protocol::api::id::Id;
use powerjob_protocol::api::instance::{Instance, InstanceSummary, LogEntry, LogPage};
use powerjob_protocol::api::page::Page;
use powerjob_protocol::api::task::{Task, TaskOverview};

use crate::client::Client;
use crate::error::Error;
use crate::sse::{EventStream, Frame, data};
use crate::transport::Request;

/// Which runs to list, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstanceQuery {
    /// Runs of this job.
    pub job: Option<Id>,
    /// In one of these states; empty = any.
    pub status: Vec<InstanceStatus>,
    /// Meant for this time or later, epoch milliseconds.
    pub from: Option<i64>,
    /// Meant for a time before this one, epoch milliseconds.
    pub to: Option<i64>,
    /// Part of the job's name, or an instance id.
    pub query: Option<String>,
    /// Where to go on, from the page before.
    pub cursor: Option<String>,
    /// Items of a page.
    pub limit: Option<u32>,
}

/// Which tasks of a run to look for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskQuery {
    /// `WAITING`, `RUNNING`, `FAILED` or `SUCCEEDED`.
    pub status: Option<String>,
    /// Of the level with this name.
    pub level: Option<String>,
    /// At the worker with this name.
    pub worker: Option<String>,
    /// Part of path, level, content or result.
    pub query: Option<String>,
    /// Where to go on, from the page before.
    pub cursor: Option<String>,
    /// Items of a page.
    pub limit: Option<u32>,
}

/// Which part of a log to load.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// Where to go on: [`LogPage::next_cursor`], with `tail` [`LogPage::previous_cursor`].
    pub cursor: Option<String>,
    /// At most this many lines.
    pub limit: Option<u32>,
    /// Only lines of this level and above.
    pub level: Option<LogLevel>,
    /// Only lines with this text, in any letter case.
    pub query: Option<String>,
    /// The last lines before the cursor, or of all, instead of the first ones.
    pub tail: bool,
}

/// What a followed log yields.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogEvent {
    /// A line.
    Line(LogEntry),
    /// The run has ended and all its lines have been sent.
    End,
}

impl Client {
    /// Lists the runs of an application.
    pub async fn instances(
        &self,
        app: Id,
        query: &InstanceQuery,
    ) -> Result<Page<InstanceSummary>, Error> {
        let states = query.status.iter().map(|status| status.name());
        let states = states.collect::<Vec<_>>().join(",");
        let request = Request::get(format!("/v1/apps/{app}/instances"))
            .with("jobId", query.job)
            .with("status", Some(states).filter(|states| !states.is_empty()))
            .with("from", query.from)
            .with("to", query.to)
            .with("query", query.query.as_ref())
            .with("cursor", query.cursor.as_ref())
            .with("limit", query.limit);
        self.json(request).await
    }

    /// Loads a run.
    pub async fn instance(&self, id: Id) -> Result<Instance, Error> {
        self.json(Request::get(format!("/v1/instances/{id}"))).await
    }

    /// How the beats of a second-level job fare; at most `limit` are listed.
    pub async fn instance_beats(&self, id: Id, limit: Option<u32>) -> Result<BeatOverview, Error> {
        let request = Request::get(format!("/v1/instances/{id}/beats")).with("limit", limit);
        self.json(request).await
    }

    /// How the tasks of a run fare that is spread over several workers; at most `limit` are listed.
    pub async fn instance_tasks(&self, id: Id, limit: Option<u32>) -> Result<TaskOverview, Error> {
        let request = Request::get(format!("/v1/instances/{id}/tasks")).with("limit", limit);
        self.json(request).await
    }

    /// Looks for tasks of a run that is spread over several workers, failed ones first. A page may be
    /// empty and have a cursor nevertheless.
    pub async fn search_tasks(&self, id: Id, query: &TaskQuery) -> Result<Page<Task>, Error> {
        let request = Request::get(format!("/v1/instances/{id}/tasks/search"))
            .with("status", query.status.as_ref())
            .with("level", query.level.as_ref())
            .with("worker", query.worker.as_ref())
            .with("query", query.query.as_ref())
            .with("cursor", query.cursor.as_ref())
            .with("limit", query.limit);
        self.json(request).await
    }

    /// Stops a run that waits or runs.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it has ended.
    pub async fn stop_instance(&self, id: Id) -> Result<Instance, Error> {
        self.json(Request::act(format!("/v1/instances/{id}/stop")))
            .await
    }

    /// Ends a run without waiting for its processor.
    pub async fn kill_instance(&self, id: Id) -> Result<Instance, Error> {
        self.json(Request::act(format!("/v1/instances/{id}/kill")))
            .await
    }

    /// Calls a run off before it starts.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it has started.
    pub async fn cancel_instance(&self, id: Id) -> Result<Instance, Error> {
        self.json(Request::act(format!("/v1/instances/{id}/cancel")))
            .await
    }

    /// Runs a finished run once more, under the same id.
    ///
    /// # Errors
    /// [`Error::Conflict`] while it is open.
    pub async fn retry_instance(&self, id: Id) -> Result<Instance, Error> {
        self.json(Request::act(format!("/v1/instances/{id}/retry")))
            .await
    }

    /// Runs the failed tasks of a failed map or map-reduce once more.
    ///
    /// # Errors
    /// [`Error::Conflict`] tells why there is nothing to go on with.
    pub async fn retry_failed_tasks(&self, id: Id) -> Result<Instance, Error> {
        self.json(Request::act(format!("/v1/instances/{id}/tasks/retry")))
            .await
    }

    /// Loads a piece of a run's log.
    pub async fn log(&self, id: Id, query: &LogQuery) -> Result<LogPage, Error> {
        let request = Request::get(format!("/v1/instances/{id}/log"))
            .with("cursor", query.cursor.as_ref())
            .with("limit", query.limit)
            .with("level", query.level)
            .with("query", query.query.as_ref())
            .with_flag("tail", query.tail);
        self.json(request).await
    }

    /// Follows a run's log from a cursor, or from its start. The id of each event is the cursor
    /// after its line: [`EventStream::resume`] tells where to go on.
    pub async fn follow_log(
        &self,
        id: Id,
        cursor: Option<&str>,
    ) -> Result<EventStream<LogEvent>, Error> {
        let request =
            Request::stream(format!("/v1/instances/{id}/log/stream")).with("cursor", cursor);
        self.events(request, decode_event).await
    }
}

fn decode_event(frame: &Frame) -> Option<Result<LogEvent, Error>> {
    match frame.event.as_str() {
        "line" => Some(data(frame).map(LogEvent::Line)),
        "end" => Some(Ok(LogEvent::End)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stub::Stub;
    use futures_util::StreamExt;

    #[tokio::test]
    async fn states_are_given_as_one_list() {
        let stub = Stub::start(vec![(200, r#"{"items":[]}"#)]).await;
        let client = Client::builder()
            .server(stub.address())
            .build()
            .expect("client");
        let query = InstanceQuery {
            job: Some(Id(2)),
            status: vec![InstanceStatus::Failed, InstanceStatus::Running],
            ..InstanceQuery::default()
        };
        client.instances(Id(4), &query).await.expect("page");
        let expected = "GET /v1/apps/4/instances?jobId=2&status=FAILED%2CRUNNING HTTP/1.1";
        assert!(stub.requests()[0].starts_with(expected));
    }

    #[tokio::test]
    async fn a_followed_log_ends_with_its_run() {
        let stub = Stub::start(vec![(
            200,
            "event: line\ndata: {\"at\":1,\"level\":\"INFO\",\"attempt\":1,\"worker\":\"w\",\"text\":\"hi\"}\n\n\
             event: end\ndata: {}\n\n",
        )])
        .await;
        let client = Client::builder()
            .server(stub.address())
            .build()
            .expect("client");
        let stream = client.follow_log(Id(1), Some("c:1")).await.expect("stream");
        let events = stream.map(Result::unwrap).collect::<Vec<_>>().await;
        assert!(matches!(&events[0], LogEvent::Line(line) if line.text == "hi"));
        assert_eq!(events[1], LogEvent::End);
        assert!(stub.requests()[0].starts_with("GET /v1/instances/1/log/stream?cursor=c%3A1 "));
    }
}
