//! The inside of the nodes, for administrators. `/v1/actors`, `/v1/tap`.

use std::time::Duration;

use actix_web::web::{Bytes, Json};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::FutureExt;
use powerjob_common::actor::{TapFilter, TapRecord};
use powerjob_common::id::InstanceId;
use powerjob_common::status::Permission;
use powerjob_protocol::api::event::Lagged;
use powerjob_protocol::api::id::Id;
use powerjob_protocol::api::inspection::{NodeActors, TappedMessage};
use tokio::time::{Instant, sleep_until};
use utoipa::IntoParams;

use super::State;
use super::error::ApiError;
use super::guard::Caller;
use super::query::{FromQuery, Query, QueryReader};
use super::route::{Needs, Routes};
use super::sse::{self, Source};
use super::together::ask_others;
use crate::actor::inspector::ClusterTap;
use crate::service::inspection;

/// Messages that are sent in one piece; fewer than the 128 that tokio lets a task take at a time.
const PIECE: usize = 100;
/// The pause after a full piece: nobody reads faster, and more is told as `lagged`.
const PAUSE: Duration = Duration::from_millis(50);

pub(super) fn configure(routes: &mut Routes) {
    routes.get("/actors", Needs::Global(Permission::Su), actors);
    routes.get("/tap", Needs::Global(Permission::Su), tap);
    routes.get("/tap/recent", Needs::Global(Permission::Su), recent);
}

/// Lists the actors of every node.
#[utoipa::path(
    get, path = "/v1/actors", operation_id = "listActors", tag = "inspection",
    responses((status = 200, description = "The actors of each node", body = Vec<NodeActors>)),
)]
pub(super) async fn actors(
    state: State,
    caller: Caller,
    request: HttpRequest,
) -> Result<Json<Vec<NodeActors>>, ApiError> {
    let own = inspection::actors(&state.services, &caller.person);
    let others = ask_others::<Vec<NodeActors>>(&state, &request);
    let (own, others) = tokio::join!(own, others);
    let mut nodes = own?;
    nodes.extend(others.into_iter().flatten());
    Ok(Json(nodes))
}

/// Which messages.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the parameters in the OpenAPI document")]
struct WatchMessages {
    /// Only messages that concern this instance.
    #[param(rename = "instanceId")]
    instance_id: Option<Id>,
    /// Only messages whose sender or receiver path contains this text.
    actor: Option<String>,
    /// Only messages of this type.
    kind: Option<String>,
    /// Only failed and dropped ones.
    errors: Option<bool>,
    /// With their bodies.
    bodies: Option<bool>,
}

impl FromQuery for TapFilter {
    fn read(reader: &mut QueryReader) -> Self {
        Self {
            instance: reader.value::<InstanceId>("instanceId", "the id of an instance"),
            actor: reader.text("actor"),
            kind: reader.text("kind"),
            errors_only: reader.flag("errors"),
            bodies: reader.flag("bodies"),
        }
    }
}

/// Watches messages as they pass.
///
/// Events: `hello` (`Hello`), `message` (`TappedMessage`), `lagged` (`Lagged`).
#[utoipa::path(
    get, path = "/v1/tap", operation_id = "watchMessages", tag = "inspection",
    params(WatchMessages),
    responses((status = 200, description = "Server-sent events", content_type = "text/event-stream", body = String)),
)]
pub(super) async fn tap(
    state: State,
    caller: Caller,
    Query(filter): Query<TapFilter>,
) -> Result<HttpResponse, ApiError> {
    let tap = inspection::watch(&state.services, &caller.person, filter).await?;
    let source = Messages {
        tap,
        resume_at: Instant::now(),
    };
    sse::respond(&state, caller, source, |_, person| {
        person.may_everywhere(Permission::Su)
    })
}

struct Messages {
    tap: ClusterTap,
    resume_at: Instant,
}

impl Source for Messages {
    async fn next(&mut self) -> Option<Bytes> {
        sleep_until(self.resume_at).await;
        let mut text = frame(self.tap.next().await?);
        let mut count = 1;
        while count < PIECE
            && let Some(Some(record)) = self.tap.next().now_or_never()
        {
            text.push_str(&frame(record));
            count += 1;
        }
        let missed = self.tap.take_dropped();
        if missed > 0 {
            text.push_str(&sse::event("lagged", None, &Lagged { missed }));
        }
        if count == PIECE {
            self.resume_at = Instant::now() + PAUSE;
        }
        Some(text.into())
    }
}

fn frame(record: TapRecord) -> String {
    sse::event("message", None, &inspection::message(record))
}

/// Shows failed and life-cycle messages of the recent past, oldest first.
#[utoipa::path(
    get, path = "/v1/tap/recent", operation_id = "listRecentMessages", tag = "inspection",
    params(WatchMessages),
    responses((status = 200, description = "The messages", body = Vec<TappedMessage>)),
)]
pub(super) async fn recent(
    state: State,
    caller: Caller,
    Query(filter): Query<TapFilter>,
) -> Result<Json<Vec<TappedMessage>>, ApiError> {
    Ok(Json(
        inspection::recent(&state.services, &caller.person, filter).await?,
    ))
}
