//! Live updates of an application. `/v1/apps/{appId}/events`.

use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::Bytes;
use futures_util::FutureExt;
use powerjob_common::status::Permission;
use powerjob_protocol::api::event::{JobChanged, Lagged};
use powerjob_protocol::api::id::Id;
use tokio::time::{Instant, sleep_until};

use super::State;
use super::error::ApiError;
use super::guard::{Caller, ForApp};
use super::route::{Needs, Routes};
use super::sse::{self, Source};
use crate::live::{Event, EventStream, Missed};
use crate::service::{instances, workers};
use crate::store::app::App;

/// Events that are sent in one piece; fewer than the 128 that tokio lets a task take at a time.
const PIECE: usize = 100;
/// The pause after a full piece: nobody reads faster, and more is told as `lagged`.
const PAUSE: Duration = Duration::from_millis(100);

pub(super) fn configure(routes: &mut Routes) {
    routes.get("/apps/{appId}/events", Needs::App(Permission::Read), stream);
}

/// Follows an application.
///
/// Events: `hello` (`Hello`), `instance` (`InstanceSummary`), `job` (`JobChanged`), `worker`
/// (`Worker`), `lagged` (`Lagged`); a comment every 10 seconds as a sign of life.
#[utoipa::path(
    get, path = "/v1/apps/{appId}/events", operation_id = "followApp", tag = "events",
    params(("appId" = Id, Path, description = "The application")),
    responses((status = 200, description = "Server-sent events", content_type = "text/event-stream", body = String)),
)]
pub(super) async fn stream(
    state: State,
    caller: Caller,
    ForApp(app): ForApp,
) -> Result<HttpResponse, ApiError> {
    let events = state.services.handles.events.subscribe(app.id);
    let source = AppEvents {
        app,
        events,
        resume_at: Instant::now(),
    };
    sse::respond(&state, caller, source, |source, person| {
        person.may(&source.app, Permission::Read)
    })
}

struct AppEvents {
    app: Arc<App>,
    events: EventStream,
    resume_at: Instant,
}

impl Source for AppEvents {
    async fn next(&mut self) -> Option<Bytes> {
        sleep_until(self.resume_at).await;
        let mut text = frame(self.events.next().await?);
        for _ in 1..PIECE {
            match self.events.next().now_or_never() {
                Some(Some(event)) => text.push_str(&frame(event)),
                Some(None) | None => return Some(text.into()),
            }
        }
        self.resume_at = Instant::now() + PAUSE;
        Some(text.into())
    }
}

fn frame(event: Result<Event, Missed>) -> String {
    match event {
        Ok(Event::InstanceChanged { instance, job_name }) => {
            sse::event("instance", None, &instances::summary(&instance, &job_name))
        }
        Ok(Event::JobChanged { job_id, deleted }) => sse::event(
            "job",
            None,
            &JobChanged {
                id: Id(job_id.0),
                deleted,
            },
        ),
        Ok(Event::WorkerChanged(worker)) => sse::event("worker", None, &workers::to_api(&worker)),
        Err(Missed(missed)) => sse::event("lagged", None, &Lagged { missed }),
    }
}
