//! `/user/...` and `/pwjbUser/...`: accounts (spec 06 section 7.2).

use std::collections::BTreeMap;

use powerjob_common::id::UserId;
use powerjob_common::secret::Secret;
use powerjob_common::status::{Permission, Role, RoleScope};
use serde_json::{Value, json};

use super::call::Fields;
use super::context::Context;
use super::failure::{Answer, ErrorCode, Failure};
use super::namespace;
use super::render::text;
use super::roles::show_name;
use super::route::{Entry, Needs, Routes};
use crate::service::password;
use crate::service::sessions;
use crate::store::account::{GLOBAL_TARGET, NewAccount};
use crate::store::reference::app::AppQuery;
use crate::store::reference::namespace::NamespaceQuery;
use crate::store::reference::people::{UserChange, UserQuery, UserRow};

const STATUS_ENABLED: i64 = 1;
const STATUS_DISABLED: i64 = 2;

pub(super) fn configure(routes: &mut Routes) {
    let signed_in = Entry::params(Needs::SignedIn);
    routes.post("/user/modify", Entry::json(Needs::SignedIn), modify);
    routes.get("/user/list", signed_in, list);
    let su = Entry::json(Needs::Global(Permission::Su));
    routes.post("/user/query", su, query);
    routes.get("/user/detail", signed_in, detail);
    routes.post("/user/disable", signed_in, disable);
    routes.post("/user/enable", signed_in, enable);
    let maybe = Entry::json(Needs::MaybeSignedIn);
    routes.post("/pwjbUser/create", maybe, create);
    let change = Entry::json(Needs::SignedIn);
    routes.post("/pwjbUser/changePassword", change, change_password);
}

async fn one(context: &Context, id: i64) -> Result<UserRow, Failure> {
    let query = UserQuery {
        id: Some(id),
        ..UserQuery::default()
    };
    let found = context.services().store.user_rows(query).await?.pop();
    found.ok_or_else(|| Failure::argument(format!("can't find user by userId:{id}")))
}

fn check_self_or_admin(context: &Context, id: i64) -> Result<(), Failure> {
    if context.person.id.0 == id || context.person.is_administrator() {
        return Ok(());
    }
    Err(Failure::power(
        "Only the administrator and account owner can modify the account",
    ))
}

async fn modify(context: Context) -> Answer {
    let fields = context.call.fields()?;
    let id = fields.long("id")?.ok_or_else(|| Failure::missing("uid"))?;
    check_self_or_admin(&context, id)?;
    let user = one(&context, id).await?;
    let change = profile(fields)?;
    context
        .services()
        .store
        .change_user(user.id, change)
        .await?;
    context.services().sessions.forget_person(user.id);
    Ok(Value::Null)
}

/// What people tell of themselves; what is empty stays.
fn profile(fields: Fields<'_>) -> Result<UserChange, Failure> {
    Ok(UserChange {
        nick: fields.filled("nick")?,
        phone: fields.filled("phone")?,
        email: fields.filled("email")?,
        web_hook: fields.filled("webHook")?,
        extra: fields.filled("extra")?,
    })
}

/// For the pickers of users: names only.
async fn list(context: Context) -> Answer {
    let query = UserQuery {
        username_part: context.call.text("name").map(str::to_owned),
        ..UserQuery::default()
    };
    let users = context.services().store.user_rows(query).await?;
    let hidden = users.into_iter().map(|user| UserRow {
        account_type: None,
        phone: None,
        email: None,
        ..user
    });
    Ok(hidden.map(|user| base(&user)).collect())
}

async fn query(context: Context) -> Answer {
    let fields = context.call.fields()?;
    let query = UserQuery {
        id: fields.long("userIdEq")?,
        account_type: fields.filled("accountTypeEq")?,
        nick_part: fields.filled("nickLike")?,
        phone_part: fields.filled("phoneLike")?,
        ..UserQuery::default()
    };
    let users = context.services().store.user_rows(query).await?;
    Ok(users.iter().map(base).collect())
}

fn base(user: &UserRow) -> Value {
    let status = user.status.unwrap_or(STATUS_ENABLED);
    json!({
        "id": user.id.0,
        "username": user.username,
        "nick": text(user.nick.as_deref()),
        "accountType": user.account_type,
        "phone": user.phone,
        "email": user.email,
        "status": status,
        "enable": status != STATUS_DISABLED,
        "showName": show_name(user),
    })
}

async fn detail(context: Context) -> Answer {
    let user = one(&context, context.person.id.0).await?;
    let grants = context.person.grants();
    let on = |scope: RoleScope| grants.iter().filter(move |grant| grant.scope == scope);
    let global: Vec<_> = on(RoleScope::Global)
        .filter(|grant| grant.target == GLOBAL_TARGET)
        .map(|grant| grant.role.name())
        .collect();
    let store = &context.services().store;
    let namespaces = NamespaceQuery {
        among: Some(on(RoleScope::Namespace).map(|grant| grant.target).collect()),
        ..NamespaceQuery::default()
    };
    let namespaces = store.namespace_rows(namespaces).await?;
    let zone = context.services().handles.facts.zone;
    let namespaces = by_role(
        on(RoleScope::Namespace).map(|it| (it.role, it.target)),
        |id| {
            let row = namespaces.iter().find(|row| row.id.0 == id)?;
            Some(namespace::base(row, zone))
        },
    );
    let apps = AppQuery {
        among: Some(on(RoleScope::App).map(|grant| grant.target).collect()),
        ..AppQuery::default()
    };
    let apps = store.app_rows(apps).await?;
    let apps = by_role(on(RoleScope::App).map(|it| (it.role, it.target)), |id| {
        let row = apps.iter().find(|row| row.id.0 == id)?;
        Some(json!({
            "id": row.id.0,
            "appName": row.name,
            "namespaceId": row.namespace_id.map(|id| id.0),
            "title": row.title,
        }))
    });
    let mut shown = base(&user);
    shown["password"] = Value::Null;
    shown["webHook"] = user.web_hook.into();
    shown["originUsername"] = user.origin_username.into();
    shown["extra"] = user.extra.into();
    shown["globalRoles"] = json!(global);
    shown["role2NamespaceList"] = namespaces;
    shown["role2AppList"] = apps;
    Ok(shown)
}

/// Things by the role that somebody has on them; what is gone is left out.
fn by_role(
    grants: impl Iterator<Item = (Role, i64)>,
    show: impl Fn(i64) -> Option<Value>,
) -> Value {
    let mut found: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for (role, target) in grants {
        if let Some(shown) = show(target) {
            found.entry(role.name()).or_default().push(shown);
        }
    }
    json!(found)
}

async fn disable(context: Context) -> Answer {
    switch(context, false).await
}

async fn enable(context: Context) -> Answer {
    if !context.person.is_administrator() {
        return Err(Failure::power(
            "Only the administrator and account owner can modify the account",
        ));
    }
    switch(context, true).await
}

async fn switch(context: Context, is_enabled: bool) -> Answer {
    let id = context.call.long("uid")?;
    let id = id.ok_or_else(|| Failure::missing("uid"))?;
    check_self_or_admin(&context, id)?;
    let user = one(&context, id).await?;
    let services = context.services();
    services
        .store
        .set_account_enabled(user.id, is_enabled)
        .await?;
    services.sessions.forget_person(user.id);
    tracing::info!(
        account = context.person.account,
        user = user.username,
        is_enabled,
        "switched an account"
    );
    Ok(Value::Null)
}

/// Makes an account: by an administrator, or by everybody where that is allowed.
async fn create(context: Context) -> Answer {
    if !context.state.config.registration && !context.person.is_administrator() {
        return Err(Failure::power(
            "registration is switched off: an administrator makes accounts (server.registration)",
        ));
    }
    let fields = context.call.fields()?;
    let empty = |name: &str| Failure::power(format!("{name} can't be null or empty!"));
    let name = fields.filled("username")?;
    let name = name.ok_or_else(|| empty("userName"))?;
    let given = fields.filled("password")?;
    let given = given.ok_or_else(|| empty("password"))?;
    let store = &context.services().store;
    let taken = || Failure::argument("username already exist, please change one!");
    match store.credentials(name.clone()).await {
        Ok(_) => return Err(taken()),
        Err(crate::store::Error::NotFound { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    password::check_strength(&given)?;
    let profile = profile(fields)?;
    let new = NewAccount {
        nick: profile.nick.clone().unwrap_or_default(),
        email: profile.email.clone(),
        phone: profile.phone.clone(),
        password: password::hash(Secret::new(given)).await?,
        name,
    };
    let made = store.create_account(new).await;
    let made = made.map_err(|error| match error {
        crate::store::Error::Conflict { what: "name", .. } => taken(),
        error => error.into(),
    })?;
    store.change_user(made.id, profile).await?;
    tracing::info!(
        user = made.username,
        address = context.address,
        "made an account"
    );
    Ok(Value::Null)
}

/// By the person, or by an administrator who knows the old password.
async fn change_password(context: Context) -> Answer {
    let fields = context.call.fields()?;
    let name = fields.text("username")?.unwrap_or_default();
    let old = fields.text("oldPassword")?.unwrap_or_default();
    let new = fields.text("newPassword")?.unwrap_or_default();
    if fields.text("newPassword2")?.unwrap_or_default() != new {
        return Err(Failure::argument("Inconsistent passwords"));
    }
    let services = context.services();
    let known = services.store.credentials(name.clone()).await;
    let known = known.map_err(|error| match error {
        crate::store::Error::NotFound { .. } => {
            Failure::argument(format!("can't find user by username: {name}"))
        }
        error => error.into(),
    })?;
    let id: UserId = known.account.id;
    check_self_or_admin(&context, id.0)?;
    let old = Secret::new(old);
    if !sessions::proves(services, known, old, &context.address).await? {
        return Err(Failure::auth(ErrorCode::IncorrectPassword, ""));
    }
    password::check_strength(&new)?;
    let hash = password::hash(Secret::new(new)).await?;
    services.store.set_password(id, hash, None).await?;
    services.sessions.forget_person(id);
    tracing::info!(
        account = context.person.account,
        user = name,
        "changed a password"
    );
    Ok(Value::Null)
}
