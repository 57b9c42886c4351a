//! Logs of instances. `/v1/instances/{instanceId}/log`.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header;
use actix_web::web::{Bytes, Json};
use actix_web::{HttpRequest, HttpResponse};
use chrono::DateTime;
use chrono_tz::Tz;
use futures_util::stream::unfold;
use powerjob_common::status::{LogLevel, Permission};
use powerjob_protocol::api::id::Id;
use powerjob_protocol::api::instance::{LogEntry, LogPage};
use tokio::time::{Instant, sleep_until};
use utoipa::IntoParams;

use super::State;
use super::error::ApiError;
use super::guard::{Caller, ForInstance};
use super::query::{FromQuery, Query, QueryReader};
use super::route::{Needs, Routes};
use super::sse::{self, Source};
use crate::domain::instance::Instance;
use crate::live::{Event, EventStream, Missed};
use crate::service::apps;
use crate::service::logs::{self, LogFilter, LogReader};
use crate::store::app::App;

/// Lines of a page when nobody says how many, and at most.
const LINES_DEFAULT: u32 = 500;
const LINES_LIMIT: u32 = 5_000;
/// The last lines of a run may come after its result: so long they are waited for.
const LINGER: Duration = Duration::from_secs(1);

pub(super) fn configure(routes: &mut Routes) {
    routes.get(
        "/instances/{instanceId}/log",
        Needs::Instance(Permission::Ops),
        page,
    );
    routes.get(
        "/instances/{instanceId}/log/stream",
        Needs::Instance(Permission::Ops),
        stream,
    );
    routes.get(
        "/instances/{instanceId}/log/download",
        Needs::Instance(Permission::Ops),
        download,
    );
}

/// Which lines.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the parameters in the OpenAPI document")]
struct ReadLog {
    /// Where to go on: `nextCursor`, or with `tail` `previousCursor` of another page.
    cursor: Option<String>,
    /// Lines of a page, 1 to 5000; 500 by default.
    limit: Option<u32>,
    /// Lowest level.
    #[param(schema_with = powerjob_protocol::api::schema::log_level, required = false)]
    level: Option<String>,
    /// Part of the text, in any letter case.
    query: Option<String>,
    /// The last lines before the cursor, or of all, instead of the first ones; oldest first all the
    /// same.
    tail: Option<bool>,
}

impl FromQuery for LogFilter {
    fn read(reader: &mut QueryReader) -> Self {
        Self {
            cursor: reader.text("cursor"),
            limit: reader.count("limit", LINES_DEFAULT, LINES_LIMIT),
            level: reader.one_of("level", LogLevel::from_name),
            query: reader.text("query"),
            tail: reader.flag("tail"),
        }
    }
}

/// Reads a page of an instance's log.
#[utoipa::path(
    get, path = "/v1/instances/{instanceId}/log", operation_id = "readLog", tag = "logs",
    params(("instanceId" = Id, Path, description = "The instance"), ReadLog),
    responses((status = 200, description = "A page of lines", body = LogPage)),
)]
pub(super) async fn page(
    state: State,
    ForInstance(instance): ForInstance,
    Query(filter): Query<LogFilter>,
) -> Result<Json<LogPage>, ApiError> {
    Ok(Json(logs::page(&state.services, &instance, &filter).await?))
}

/// Where to start.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct FollowLog {
    /// After this line; absent = from the beginning. A reconnecting browser's `Last-Event-ID` wins.
    cursor: Option<String>,
}

impl FromQuery for FollowLog {
    fn read(reader: &mut QueryReader) -> Self {
        Self {
            cursor: reader.text("cursor"),
        }
    }
}

/// Follows an instance's log.
///
/// Events: `line` (a `LogEntry`; the event's id is the cursor after it) and, when nothing more will
/// come, `end`.
#[utoipa::path(
    get, path = "/v1/instances/{instanceId}/log/stream", operation_id = "followLog", tag = "logs",
    params(("instanceId" = Id, Path, description = "The instance"), FollowLog),
    responses((status = 200, description = "Server-sent events", content_type = "text/event-stream", body = String)),
)]
pub(super) async fn stream(
    state: State,
    caller: Caller,
    ForInstance(instance): ForInstance,
    request: HttpRequest,
    Query(start): Query<FollowLog>,
) -> Result<HttpResponse, ApiError> {
    let resumed = request
        .headers()
        .get("last-event-id")
        .and_then(|id| id.to_str().ok());
    let cursor = resumed.map(str::to_owned).or(start.cursor);
    let app = apps::find(&state.services, instance.app_id).await?;
    // Subscribed before the first read: no end and no line can slip through in between. The instance
    // itself was read before, so it is asked once more whether it has ended.
    let events = state.services.handles.events.subscribe(app.id);
    let reader = LogReader::following(&state.services, instance.clone(), cursor);
    let phase = if instance.state.status.is_finished() {
        Phase::Last
    } else if reader.has_ended(&state.services).await? {
        Phase::Linger(Instant::now() + LINGER)
    } else {
        Phase::Read
    };
    let source = FollowedLog {
        events,
        reader,
        state: state.clone(),
        app,
        phase,
        instance,
    };
    sse::respond(&state, caller, source, |source, person| {
        person.may(&source.app, Permission::Ops)
    })
}

/// What a followed log does next; kept outside of `next`, which may be cancelled at any `await`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Read what is there.
    Read,
    /// Wait for more.
    Wait,
    /// The instance has ended: give late lines until then, and read once more.
    Linger(Instant),
    /// Read what is left, then end.
    Last,
    /// Over.
    Ended,
}

struct FollowedLog {
    state: State,
    app: Arc<App>,
    instance: Arc<Instance>,
    reader: LogReader,
    events: EventStream,
    phase: Phase,
}

impl Source for FollowedLog {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            match self.phase {
                Phase::Read | Phase::Last => {
                    let lines = self.reader.next_lines(&self.state.services).await.ok()?;
                    if !lines.is_empty() {
                        return Some(frames(&lines));
                    }
                    if self.phase == Phase::Last {
                        self.phase = Phase::Ended;
                        return Some(sse::event("end", None, &serde_json::json!({})).into());
                    }
                    self.phase = Phase::Wait;
                }
                Phase::Wait => self.phase = self.wait().await,
                Phase::Linger(until) => {
                    sleep_until(until).await;
                    self.phase = Phase::Last;
                }
                Phase::Ended => return None,
            }
        }
    }
}

impl FollowedLog {
    async fn wait(&mut self) -> Phase {
        tokio::select! {
            is_open = self.reader.changed() => {
                if is_open { Phase::Read } else { Phase::Last }
            }
            event = self.events.next() => match event {
                Some(Ok(event)) => self.judge(&event),
                // What was missed may have been the end: ask.
                Some(Err(Missed(_))) => match self.reader.has_ended(&self.state.services).await {
                    Ok(false) => Phase::Read,
                    Ok(true) | Err(_) => Phase::Last,
                },
                // The application is elsewhere: without an `end` the reader asks again, and is led there.
                None => Phase::Ended,
            },
        }
    }

    fn judge(&self, event: &Event) -> Phase {
        match event {
            Event::InstanceChanged { instance, .. }
                if instance.instance_id == self.instance.instance_id
                    && instance.state.status.is_finished() =>
            {
                Phase::Linger(Instant::now() + LINGER)
            }
            _ => Phase::Wait,
        }
    }
}

fn frames(lines: &[(String, LogEntry)]) -> Bytes {
    let frame = |(cursor, line): &(String, LogEntry)| sse::event("line", Some(cursor), line);
    lines.iter().map(frame).collect::<String>().into()
}

/// Downloads an instance's whole log as text.
#[utoipa::path(
    get, path = "/v1/instances/{instanceId}/log/download", operation_id = "downloadLog", tag = "logs",
    params(("instanceId" = Id, Path, description = "The instance")),
    responses((status = 200, description = "The log", content_type = "text/plain", body = String)),
)]
pub(super) async fn download(
    state: State,
    ForInstance(instance): ForInstance,
) -> Result<HttpResponse, ApiError> {
    let name = format!("attachment; filename=\"{}.log\"", instance.instance_id);
    let mut response = file(state, instance, as_text);
    if let Ok(name) = name.try_into() {
        response
            .headers_mut()
            .insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

/// The whole log of an instance, line by line.
pub(super) fn file(
    state: State,
    instance: Arc<Instance>,
    as_text: fn(&LogEntry, Tz) -> String,
) -> HttpResponse {
    let zone = state.services.handles.facts.zone;
    let reader = LogReader::new(instance, None);
    let body = unfold((state, reader), move |(state, mut reader)| async move {
        let lines = match reader.next_lines(&state.services).await {
            Ok(lines) => lines,
            Err(error) => return Some((Err(ApiError::from(error)), (state, reader))),
        };
        if lines.is_empty() {
            return None;
        }
        let text: String = lines.iter().map(|(_, line)| as_text(line, zone)).collect();
        Some((Ok(Bytes::from(text)), (state, reader)))
    });
    HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .streaming(body)
}

fn as_text(line: &LogEntry, zone: Tz) -> String {
    let at = DateTime::from_timestamp_millis(line.at)
        .unwrap_or_default()
        .with_timezone(&zone);
    let at = at.format("%Y-%m-%d %H:%M:%S%.3f %:z");
    format!(
        "{at} {:5} [{}#{}] {}\n",
        line.level, line.worker, line.attempt, line.text
    )
}
