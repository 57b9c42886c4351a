//! Signing in and out. `/v1/session`.

use actix_web::http::header;
use actix_web::web::Json;
use actix_web::{HttpRequest, HttpResponse};
use powerjob_protocol::api::session::{SessionInfo, SignIn, SignedIn, Ticket};

use super::body::Body;
use super::error::ApiError;
use super::guard::{Caller, SESSION_COOKIE, peer_address};
use super::route::{Needs, Routes};
use super::{HttpState, State};
use crate::service::sessions;

pub(super) fn configure(routes: &mut Routes) {
    routes.post("/session", Needs::Nothing, sign_in);
    routes.get("/session", Needs::SignedIn, show);
    routes.delete("/session", Needs::SignedIn, sign_out);
    routes.post("/session/tickets", Needs::SignedIn, new_ticket);
}

/// Signs in.
///
/// The answer carries a token for `Authorization: Bearer`; a browser also gets it as the cookie
/// `pj_session`. After five failures further attempts have to wait (429).
#[utoipa::path(
    post, path = "/v1/session", operation_id = "signIn", tag = "session",
    request_body = SignIn,
    responses((status = 200, description = "Signed in", body = SignedIn)),
)]
pub(super) async fn sign_in(
    state: State,
    request: HttpRequest,
    Body(credentials): Body<SignIn>,
) -> Result<HttpResponse, ApiError> {
    let address = peer_address(&request);
    let signed_in = sessions::sign_in(&state.services, credentials, &address).await?;
    let lifetime = sessions::SESSION_LIFETIME;
    let cookie = session_cookie(&state, &request, &signed_in.token, lifetime.as_secs());
    Ok(HttpResponse::Ok()
        .insert_header((header::SET_COOKIE, cookie))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(signed_in))
}

/// Tells who is signed in, and where.
#[utoipa::path(
    get, path = "/v1/session", operation_id = "getSession", tag = "session",
    responses((status = 200, description = "The person and the server", body = SessionInfo)),
)]
pub(super) async fn show(state: State, caller: Caller) -> Json<SessionInfo> {
    Json(SessionInfo {
        user: sessions::me(&caller.person),
        server: state.services.facts(),
    })
}

/// Signs out: the token ends at once.
#[utoipa::path(
    delete, path = "/v1/session", operation_id = "signOut", tag = "session",
    responses((status = 204, description = "Signed out")),
)]
pub(super) async fn sign_out(
    state: State,
    request: HttpRequest,
    caller: Caller,
) -> Result<HttpResponse, ApiError> {
    sessions::sign_out(&state.services, &caller.session).await?;
    let gone = session_cookie(&state, &request, "", 0);
    Ok(HttpResponse::NoContent()
        .insert_header((header::SET_COOKIE, gone))
        .finish())
}

/// Makes a ticket that lets an `EventSource` in once, as `?ticket=`.
#[utoipa::path(
    post, path = "/v1/session/tickets", operation_id = "createTicket", tag = "session",
    responses((status = 201, description = "The ticket", body = Ticket)),
)]
pub(super) async fn new_ticket(state: State, caller: Caller) -> Result<HttpResponse, ApiError> {
    let ticket = state
        .services
        .sessions
        .new_ticket(&caller.session, state.services.now())?;
    Ok(HttpResponse::Created()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(ticket))
}

/// Scripts cannot read it, and pages of others cannot send it.
fn session_cookie(
    state: &HttpState,
    request: &HttpRequest,
    token: &str,
    lifetime_s: u64,
) -> String {
    let is_https = state.config.behind_https || request.connection_info().scheme() == "https";
    let secure = if is_https { "; Secure" } else { "" };
    format!(
        "{SESSION_COOKIE}={token}; Path=/; Max-Age={lifetime_s}; HttpOnly; SameSite=Strict{secure}"
    )
}
