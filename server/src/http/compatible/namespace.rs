//! `/namespace/...` (spec 06 section 7.3).

use chrono_tz::Tz;
use powerjob_common::id::NamespaceId;
use powerjob_common::status::{Permission, RoleScope};
use powerjob_common::time::UnixMillis;
use serde_json::{Value, json};

use actix_web::http::Method;

use super::call::{Fields, Input};
use super::context::Context;
use super::failure::{Answer, ErrorCode, Failure};
use super::render::{self, date, moment, text};
use super::roles;
use super::route::{About, Entry, Needs, Place, Routes};
use crate::store;
use crate::store::reference::namespace::{NamespaceQuery, NamespaceRow};

const HIDDEN: &str = "NO_PERMISSION_TO_SEE";
const ENABLED: i64 = 1;
const DISABLED: i64 = 2;

pub(super) fn configure(routes: &mut Routes) {
    let save_needs = Needs::Person(Permission::Write, About::SavedNamespace);
    routes.post("/namespace/save", Entry::json(save_needs), save);
    let delete_needs = Needs::Person(Permission::Su, About::Namespace);
    let entry = Entry::params(delete_needs);
    routes.add(Method::DELETE, "/namespace/delete", entry, delete);
    routes.post("/namespace/list", Entry::json(Needs::SignedIn), list);
    let all = Entry {
        needs: Needs::SignedIn,
        input: Input::JsonOrNothing,
        place: Place::Anywhere,
    };
    routes.post("/namespace/listAll", all, list_all);
}

async fn save(context: Context) -> Answer {
    let fields = context.call.fields()?;
    let code = fields.filled("code")?;
    let code = code.ok_or_else(|| Failure::power("namespace code can't be empty"))?;
    if code.contains(char::is_whitespace) {
        return Err(Failure::power("namespace code can't contains white space!"));
    }
    let status = fields.long("status")?.unwrap_or(ENABLED);
    if !matches!(status, ENABLED | DISABLED) {
        return Err(Failure::coded(
            ErrorCode::IllegalArguments,
            "status is 1 or 2",
        ));
    }
    let former = former(&context, fields, &code).await?;
    let author = context.person.author();
    let row = NamespaceRow {
        id: former.as_ref().map_or(NamespaceId(0), |former| former.id),
        name: fields.text("name")?,
        token: former
            .as_ref()
            .map_or_else(new_token, |former| Ok(former.token.clone()))?,
        status,
        dept: fields.text("dept")?,
        tags: fields.text("tags")?,
        extra: fields.text("extra")?,
        creator: author,
        modifier: author,
        created_at: UnixMillis(0),
        modified_at: UnixMillis(0),
        code,
    };
    let services = context.services();
    let code = row.code.clone();
    let saved = services.store.save_namespace(row).await;
    let saved = saved.map_err(|error| match error {
        store::Error::Conflict { what: "code", .. } => Failure::coded(
            ErrorCode::IllegalArguments,
            &format!("namespace[{code}] already exists"),
        ),
        error => error.into(),
    })?;
    services.sessions.forget_person(context.person.id);
    if let Some(lists) = fields.object("componentUserRoleInfo")? {
        let mut lists = roles::read(lists)?;
        let is_new = former.is_none();
        super::app::keep_creator(&mut lists, is_new, context.person.id);
        let may = |permission| is_new || context.person.may_in_namespace(saved.id, permission);
        let target = (RoleScope::Namespace, saved.id.0);
        roles::save(&context, target, lists, may).await?;
    }
    Ok(base(&saved, services.handles.facts.zone))
}

async fn former(
    context: &Context,
    fields: Fields<'_>,
    code: &str,
) -> Result<Option<NamespaceRow>, Failure> {
    let Some(id) = fields.long("id")? else {
        return Ok(None);
    };
    let former = one(context, id).await?;
    let unknown = || Failure::argument(format!("can't find namespace by id: {id}"));
    let former = former.ok_or_else(unknown)?;
    if former.code.to_lowercase() != code.to_lowercase() {
        return Err(Failure::argument("NOT_ALLOW_CHANGE_THE_NAMESPACE_CODE"));
    }
    Ok(Some(former))
}

fn new_token() -> Result<Option<String>, Failure> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| crate::service::ServiceError::Internal(error.to_string()))?;
    Ok(Some(
        bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    ))
}

async fn one(context: &Context, id: i64) -> Result<Option<NamespaceRow>, Failure> {
    let query = NamespaceQuery {
        id: Some(id),
        ..NamespaceQuery::default()
    };
    Ok(context.services().store.namespace_rows(query).await?.pop())
}

async fn delete(context: Context) -> Answer {
    let id = context
        .call
        .long("id")?
        .ok_or_else(|| Failure::missing("id"))?;
    let deleted = context
        .services()
        .store
        .delete_namespace(NamespaceId(id))
        .await;
    deleted.map_err(|error| match error {
        store::Error::Conflict { reason, .. } => {
            Failure::power(format!("Unable to delete due to associated apps: {reason}"))
        }
        store::Error::NotFound { .. } => {
            Failure::argument(format!("can't find namespace by id: {id}"))
        }
        error => error.into(),
    })?;
    tracing::info!(
        account = context.person.account,
        namespace = id,
        "deleted a namespace"
    );
    Ok(Value::Null)
}

async fn list(context: Context) -> Answer {
    let fields = context.call.fields()?;
    let page = render::page_of(fields, Some((0, 10)))?;
    let query = NamespaceQuery {
        code_part: fields.filled("codeLike")?,
        name_part: fields.filled("nameLike")?,
        tag_part: fields.filled("tagLike")?,
        ..NamespaceQuery::default()
    };
    let services = context.services();
    let rows = services.store.namespace_page(query, page).await?;
    let names = roles::show_names(services).await?;
    let zone = services.handles.facts.zone;
    let mut shown = Vec::new();
    for row in &rows.items {
        let may_read = context.person.may_in_namespace(row.id, Permission::Read);
        let mut item = base(row, zone);
        item["token"] = match &row.token {
            Some(token) if may_read => token.as_str().into(),
            _ => HIDDEN.into(),
        };
        item["componentUserRoleInfo"] =
            roles::show(services, RoleScope::Namespace, row.id.0).await?;
        item["creatorShowName"] = row.creator.and_then(|id| names.get(&id).cloned()).into();
        item["modifierShowName"] = row.modifier.and_then(|id| names.get(&id).cloned()).into();
        shown.push(item);
    }
    let mut answer = render::page(page, &rows, |_| Value::Null);
    answer["data"] = shown.into();
    Ok(answer)
}

async fn list_all(context: Context) -> Answer {
    let store = &context.services().store;
    let rows = store.namespace_rows(NamespaceQuery::default()).await?;
    let shown = rows.iter().map(|row| {
        json!({
            "id": row.id.0,
            "code": row.code,
            "name": row.name,
            "dept": null,
            "tags": null,
            "extra": null,
            "status": null,
            "statusStr": null,
            "gmtCreate": null,
            "gmtCreateStr": null,
            "gmtModified": null,
            "gmtModifiedStr": null,
            "showName": show_name(row),
        })
    });
    Ok(shown.collect())
}

fn show_name(row: &NamespaceRow) -> String {
    format!("{}({})", row.name.as_deref().unwrap_or("null"), row.code)
}

/// A namespace in other things.
pub(super) fn base(row: &NamespaceRow, zone: Tz) -> Value {
    json!({
        "id": row.id.0,
        "code": row.code,
        "name": row.name,
        "dept": text(row.dept.as_deref()),
        "tags": row.tags,
        "extra": row.extra,
        "status": row.status,
        "statusStr": if row.status == DISABLED { "DISABLE" } else { "ENABLE" },
        "gmtCreate": date(row.created_at),
        "gmtCreateStr": moment(Some(row.created_at.0), zone),
        "gmtModified": date(row.modified_at),
        "gmtModifiedStr": moment(Some(row.modified_at.0), zone),
        "showName": show_name(row),
    })
}
