//! `/auth/...`: signing in, and the administrators of everything (spec 06 sections 4.4 and 7.1).

use actix_web::HttpResponse;
use actix_web::http::header;
use powerjob_common::id::UserId;
use powerjob_common::status::{Permission, Role, RoleScope};
use powerjob_protocol::api::session::SignIn;
use serde_json::{Value, json};

use super::call::Fields;
use super::context::Context;
use super::failure::{Answer, ErrorCode, Failure};
use super::route::{Entry, Needs, Routes};
use super::{roles, token};
use crate::service::{ServiceError, SignInError, sessions};
use crate::store::account::GLOBAL_TARGET;
use crate::store::reference::people::{UserQuery, UserRow};

/// The accounts that are kept here.
const BUILT_IN: &str = "PWJB";

pub(super) fn configure(routes: &mut Routes) {
    const OPEN: Entry = Entry::params(Needs::Nothing);
    routes.get("/auth/supportLoginTypes", OPEN, login_types);
    routes.get("/auth/thirdPartyLoginUrl", OPEN, login_url);
    routes.get("/auth/thirdPartyLoginCallback", OPEN, login_callback);
    routes.post("/auth/thirdPartyLoginCallback", OPEN, login_callback);
    let login = Entry::json(Needs::Nothing);
    routes.post("/auth/thirdPartyLoginDirect", login, login_direct);
    routes.get(
        "/auth/ifLogin",
        Entry::params(Needs::MaybeSignedIn),
        if_login,
    );
    let signed_in = Entry::params(Needs::SignedIn);
    routes.get("/auth/listGlobalAdmin", signed_in, list_global_admins);
    let su = Entry::json(Needs::Global(Permission::Su));
    routes.post("/auth/saveGlobalAdmin", su, save_global_admins);
}

async fn login_types(_: Context) -> Answer {
    Ok(json!([{"type": BUILT_IN, "name": "PowerJob Account", "iconUrl": null}]))
}

fn unknown_type(name: Option<&str>) -> Failure {
    let name = name.unwrap_or("null");
    Failure::auth(
        ErrorCode::InvalidRequest,
        &format!("can't find ThirdPartyLoginService by type: {name}"),
    )
}

async fn login_url(context: Context) -> Answer {
    match context.call.text("type") {
        Some(BUILT_IN) => Ok("FE-REDIRECT:powerjobLogin".into()),
        name => Err(unknown_type(name)),
    }
}

/// Where other providers send browsers back to: there are none yet.
async fn login_callback(context: Context) -> Answer {
    match context.call.text("state") {
        Some(BUILT_IN) => Err(Failure::argument("can't find login Info")),
        name => Err(unknown_type(name)),
    }
}

async fn login_direct(context: Context) -> Result<HttpResponse, Failure> {
    login(&context).await.map_err(Failure::into_plain)
}

async fn login(context: &Context) -> Result<HttpResponse, Failure> {
    let fields = context.call.fields()?;
    let kind = fields.text("loginType")?;
    if kind.as_deref() != Some(BUILT_IN) {
        return Err(unknown_type(kind.as_deref()));
    }
    let no_info = || Failure::argument("can't find login Info");
    let given = fields.filled("originParams")?.ok_or_else(no_info)?;
    let given: Value = serde_json::from_str(&given).map_err(|_| no_info())?;
    let given = Fields::of(&given).map_err(|_| no_info())?;
    let invalid = || Failure::auth(ErrorCode::InvalidRequest, "");
    let credentials = SignIn {
        account: given.filled("username")?.ok_or_else(invalid)?,
        password: given.filled("password")?.ok_or_else(invalid)?,
    };
    let services = context.services();
    let signed_in = sessions::sign_in(services, credentials, &context.address).await?;
    let user = user_row(context, UserId(signed_in.user.id.0)).await?;
    let token = token::of_session(services, &signed_in.token, user.id);
    // Only for what a browser asks by itself, such as a download; never in the place of a header.
    let secure = if context.origin.starts_with("https") {
        "; Secure"
    } else {
        ""
    };
    let cookie = format!("PowerJwt={token}; Path=/; HttpOnly; SameSite=Lax{secure}");
    Ok(HttpResponse::Ok()
        .insert_header((header::SET_COOKIE, cookie))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(json!({"success": true, "data": show(&user, Some(&token)), "message": null})))
}

async fn user_row(context: &Context, id: UserId) -> Result<UserRow, Failure> {
    let query = UserQuery {
        id: Some(id.0),
        ..UserQuery::default()
    };
    let mut found = context.services().store.user_rows(query).await?;
    let missing = || Failure::from(ServiceError::SignIn(SignInError::Missing));
    found.pop().ok_or_else(missing)
}

fn show(user: &UserRow, token: Option<&str>) -> Value {
    json!({
        "id": user.id.0,
        "username": user.username,
        "phone": user.phone,
        "email": user.email,
        "webHook": user.web_hook,
        "extra": user.extra,
        "jwtToken": token,
    })
}

async fn if_login(context: Context) -> Answer {
    if context.person.author().is_none() {
        return Ok(Value::Null);
    }
    Ok(show(&user_row(&context, context.person.id).await?, None))
}

async fn list_global_admins(context: Context) -> Answer {
    let store = &context.services().store;
    let grants = store.grants_on(RoleScope::Global, GLOBAL_TARGET).await?;
    let admins = grants.iter().filter(|grant| grant.role == Role::Admin);
    Ok(admins.map(|grant| Value::from(grant.user_id.0)).collect())
}

async fn save_global_admins(context: Context) -> Answer {
    let lists = roles::read(context.call.fields()?)?;
    let has_admin = |(role, ids): &(Role, Vec<UserId>)| *role == Role::Admin && !ids.is_empty();
    if !lists.iter().any(has_admin) {
        return Err(Failure::argument(
            "At least one super administrator is required!",
        ));
    }
    let target = (RoleScope::Global, GLOBAL_TARGET);
    let may = |permission| context.person.may_everywhere(permission);
    roles::save(&context, target, lists, may).await?;
    Ok(Value::Null)
}
