//! `/appInfo/...`: applications (spec 06 section 7.4).

use std::collections::HashMap;

use powerjob_common::id::{AppId, NamespaceId, UserId};
use powerjob_common::secret::Secret;
use powerjob_common::status::{Permission, Role, RoleScope};
use powerjob_protocol::api::app::NewApp;
use serde_json::{Value, json};

use super::call::Fields;
use super::context::Context;
use super::failure::{Answer, ErrorCode, Failure};
use super::render::{self, date, moment};
use super::route::{About, Entry, Needs, Routes};
use super::{namespace, roles};
use crate::domain::worker::WorkerState;
use crate::service::programs::{self, Proof};
use crate::service::{ServiceError, app_password, apps};
use crate::store::account::Grant;
use crate::store::reference::app::{AppFacts, AppQuery, AppRow};
use crate::store::reference::namespace::{NamespaceQuery, NamespaceRow};

const HIDDEN: &str = "NO_PERMISSION_TO_SEE";

pub(super) fn configure(routes: &mut Routes) {
    let save_needs = Needs::Person(Permission::Write, About::SavedApp);
    routes.post("/appInfo/save", Entry::json(save_needs), save);
    let delete_needs = Needs::Person(Permission::Su, About::App);
    let entry = Entry::params(delete_needs).by_owner();
    routes.post("/appInfo/delete", entry, delete);
    routes.post("/appInfo/list", Entry::json(Needs::SignedIn), list);
    let entry = Entry::json(Needs::SignedIn);
    routes.post("/appInfo/becomeAdmin", entry, become_admin);
}

/// Whoever makes something is its administrator, whatever lists the form has.
pub(super) fn keep_creator(lists: &mut [(Role, Vec<UserId>)], is_new: bool, creator: UserId) {
    if !is_new {
        return;
    }
    let admins = lists.iter_mut().find(|(role, _)| *role == Role::Admin);
    if let Some((_, ids)) = admins
        && !ids.contains(&creator)
    {
        ids.push(creator);
    }
}

/// What a form says of an application.
struct Form {
    name: String,
    password: Secret<String>,
    namespace_id: NamespaceId,
}

async fn save(context: Context) -> Answer {
    let fields = context.call.fields()?;
    let form = read(&context, fields).await?;
    let services = context.services();
    let (app_id, is_new) = match fields.long("id")? {
        Some(id) => (check_name(&context, AppId(id), &form.name).await?, false),
        None => (create(&context, &form).await?, true),
    };
    let facts = AppFacts {
        title: fields.text("title")?,
        password: app_password::seal(&form.password)?,
        tags: fields.text("tags")?,
        extra: fields.text("extra")?,
        namespace_id: form.namespace_id,
        modifier: context.person.author(),
    };
    services.store.set_app_facts(app_id, facts).await?;
    apps::forget(services, app_id);
    if let Some(lists) = fields.object("componentUserRoleInfo")? {
        let mut lists = roles::read(lists)?;
        keep_creator(&mut lists, is_new, context.person.id);
        let app = apps::find(services, app_id).await?;
        let may = |permission| is_new || context.person.may(&app, permission);
        roles::save(&context, (RoleScope::App, app_id.0), lists, may).await?;
    }
    let gone = || Failure::argument(format!("can't find appInfo by id:{app_id}"));
    let row = services.store.app_row(app_id).await?.ok_or_else(gone)?;
    Ok(show(&row, services.handles.facts.zone))
}

async fn read(context: &Context, fields: Fields<'_>) -> Result<Form, Failure> {
    let namespace = match fields.filled("namespaceCode")? {
        Some(code) => namespace_of(context, code).await?,
        None => None,
    };
    let empty = |name: &str| Failure::power(format!("{name} can't be empty"));
    let name = fields.filled("appName")?.ok_or_else(|| empty("appName"))?;
    if name.contains(char::is_whitespace) {
        return Err(Failure::power("appName can't contains white space!"));
    }
    let password = fields.filled("password")?;
    let password = password.ok_or_else(|| empty("password"))?;
    let namespace_id = match namespace {
        Some(id) => id,
        None => {
            let id = fields.long("namespaceId")?;
            NamespaceId(id.ok_or_else(|| empty("namespace"))?)
        }
    };
    let query = NamespaceQuery {
        id: Some(namespace_id.0),
        ..NamespaceQuery::default()
    };
    if context
        .services()
        .store
        .namespace_rows(query)
        .await?
        .is_empty()
    {
        return Err(Failure::argument(format!(
            "can't find namespace by id: {namespace_id}"
        )));
    }
    Ok(Form {
        name,
        password: Secret::new(password),
        namespace_id,
    })
}

async fn namespace_of(context: &Context, code: String) -> Result<Option<NamespaceId>, Failure> {
    let query = NamespaceQuery {
        code: Some(code),
        ..NamespaceQuery::default()
    };
    let found = context.services().store.namespace_rows(query).await?.pop();
    Ok(found.map(|row| row.id))
}

async fn create(context: &Context, form: &Form) -> Result<AppId, Failure> {
    let new = NewApp {
        name: form.name.clone(),
        title: String::new(),
        tags: Vec::new(),
    };
    let made = apps::create(context.services(), &context.person, new).await?;
    Ok(AppId(made.app.id.0))
}

async fn check_name(context: &Context, id: AppId, name: &str) -> Result<AppId, Failure> {
    let former = context.services().store.app_row(id).await?;
    let unknown = || Failure::argument(format!("can't find appInfo by id:{id}"));
    let former = former.ok_or_else(unknown)?;
    if former.name.to_lowercase() != name.to_lowercase() {
        return Err(Failure::argument("NOT_ALLOW_CHANGE_THE_APP_NAME"));
    }
    Ok(id)
}

async fn delete(context: Context) -> Answer {
    let services = context.services();
    let app = context.app()?;
    let workers = services.handles.workers.of_app(app.id);
    let is_alive = |state: WorkerState| !matches!(state, WorkerState::Lost);
    if workers.iter().any(|worker| is_alive(worker.facts.state)) {
        return Err(Failure::plain(
            "Unable to delete apps with live workers, Please remove the worker dependency first!",
        ));
    }
    apps::remove(services, &context.person, app).await?;
    Ok(Value::Null)
}

async fn list(context: Context) -> Answer {
    let fields = context.call.fields()?;
    let page = render::page_of(fields, None)?;
    let person = &context.person;
    let services = context.services();
    let is_related = fields.flag("showMyRelated", false)?;
    let visible = services.store.apps().await?;
    let visible = visible.iter().filter(|app| {
        if is_related {
            person.has_grant_on(app.id)
        } else {
            person.may(app, Permission::Read)
        }
    });
    let visible: Vec<i64> = visible.map(|app| app.id.0).collect();
    if is_related && visible.is_empty() {
        return Ok(render::empty_page(Value::Null));
    }
    let query = AppQuery {
        id: fields.long("appId")?,
        among: Some(visible),
        namespace: fields.long("namespaceId")?,
        name: None,
        name_part: fields.filled("appNameLike")?,
        tag_part: fields.filled("tagLike")?,
    };
    let rows = services.store.app_page(query, page).await?;
    let mut answer = render::page(page, &rows, |_| Value::Null);
    answer["data"] = show_all(&context, &rows.items).await?.into();
    Ok(answer)
}

async fn show_all(context: &Context, rows: &[AppRow]) -> Result<Vec<Value>, Failure> {
    let services = context.services();
    let zone = services.handles.facts.zone;
    let names = roles::show_names(services).await?;
    let namespaces = services.store.namespace_rows(NamespaceQuery::default());
    let namespaces: HashMap<NamespaceId, NamespaceRow> = namespaces
        .await?
        .into_iter()
        .map(|row| (row.id, row))
        .collect();
    let mut shown = Vec::new();
    for row in rows {
        let app = apps::find(services, row.id).await?;
        let mut item = show(row, zone);
        let password = row.password.as_ref().and_then(app_password::open);
        item["password"] = if context.person.may(&app, Permission::Su) {
            password.map(|password| password.expose().clone()).into()
        } else {
            HIDDEN.into()
        };
        item["componentUserRoleInfo"] = roles::show(services, RoleScope::App, row.id.0).await?;
        item["creatorShowName"] = row.creator.and_then(|id| names.get(&id).cloned()).into();
        item["modifierShowName"] = row.modifier.and_then(|id| names.get(&id).cloned()).into();
        if let Some(namespace) = row.namespace_id.and_then(|id| namespaces.get(&id)) {
            item["namespace"] = namespace::base(namespace, zone);
            item["namespaceName"] = namespace.name.clone().into();
        }
        shown.push(item);
    }
    Ok(shown)
}

/// An application without what only lists show. Its password stays here.
fn show(row: &AppRow, zone: chrono_tz::Tz) -> Value {
    json!({
        "id": row.id.0,
        "appName": row.name,
        "namespaceId": row.namespace_id.map(|id| id.0),
        "title": row.title,
        "password": null,
        "tags": row.tags,
        "extra": row.extra,
        "componentUserRoleInfo": null,
        "gmtCreate": date(row.created_at),
        "gmtCreateStr": moment(Some(row.created_at.0), zone),
        "gmtModified": date(row.modified_at),
        "gmtModifiedStr": moment(Some(row.modified_at.0), zone),
        "creatorShowName": null,
        "modifierShowName": null,
        "namespace": null,
        "namespaceName": null,
    })
}

/// Whoever knows the password of an application may administer it.
async fn become_admin(context: Context) -> Answer {
    let fields = context.call.fields()?;
    let proof = Proof {
        app_name: fields.text("appName")?,
        password: fields.text("password")?.map(Secret::new),
        encryption: fields.text("encryptType")?,
    };
    let services = context.services();
    let app_id = programs::prove(services, proof, &context.address).await?;
    let author = context.person.author();
    let user_id = author.ok_or_else(|| Failure::auth(ErrorCode::NotSignedIn, ""))?;
    let grant = Grant {
        user_id,
        scope: RoleScope::App,
        target: app_id.0,
        role: Role::Admin,
    };
    services
        .store
        .add_grant(grant)
        .await
        .map_err(ServiceError::from)?;
    services.sessions.forget_person(user_id);
    tracing::info!(%app_id, account = context.person.account, "became administrator by password");
    Ok(Value::Null)
}
