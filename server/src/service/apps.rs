//! Applications.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use powerjob_common::id::AppId;
use powerjob_common::reason::{Reason, ReasonCode};
use powerjob_common::status::{Permission, SwitchableStatus};
use powerjob_common::time::UnixMillis;
use powerjob_protocol::api::app::{self as api, AppChange, AppWithSecret, NewApp};
use powerjob_protocol::api::id::Id;
use powerjob_protocol::api::page::Page;
use powerjob_protocol::api::problem::FieldError;
use tracing::{debug, info};

use super::access::Person;
use super::token::random_secret;
use super::{GLANCE_LIMIT, ServiceError, Services, Thing, cursor, jobs, missing};
use crate::actor::elector::ClaimApps;
use crate::domain::worker::WorkerState;
use crate::store;
use crate::store::app::{App, AppHealth};

/// How long an application is believed to be as it was without asking the store.
const FRESH: Duration = Duration::from_secs(5);
/// The time that "failed lately" looks back on.
const HEALTH_SPAN_MS: i64 = 24 * 3_600 * 1_000;
/// Secrets that stay valid: only the new one.
const KEPT_SECRETS: u32 = 1;
const MAX_NAME: usize = 64;
const MAX_TITLE: usize = 255;
const MAX_TAGS: usize = 20;
const MAX_TAG: usize = 64;

/// Which applications.
#[derive(Debug, Clone, Default)]
pub struct AppFilter {
    /// Part of the name or title, in any letter case.
    pub query: Option<String>,
    /// One tag.
    pub tag: Option<String>,
    /// The exact name.
    pub name: Option<String>,
    /// Where to go on.
    pub cursor: Option<String>,
    /// Items of a page.
    pub limit: u32,
}

/// Applications read lately; permission checks of the hot path come from here.
#[derive(Debug, Default)]
pub(super) struct AppCache {
    apps: DashMap<AppId, (Arc<App>, Duration)>,
}

impl AppCache {
    fn get(&self, id: AppId, monotonic: Duration) -> Option<Arc<App>> {
        let entry = self.apps.get(&id)?;
        let (app, fresh_until) = entry.value();
        (*fresh_until > monotonic).then(|| app.clone())
    }
}

/// The application of an id.
///
/// # Errors
/// [`ServiceError::NotFound`].
pub async fn find(services: &Services, id: AppId) -> Result<Arc<App>, ServiceError> {
    let monotonic = services.handles.clock.monotonic();
    if let Some(app) = services.apps.get(id, monotonic) {
        return Ok(app);
    }
    let found = services.store.app(id).await.map_err(missing(Thing::App));
    if found.is_err() {
        services.apps.apps.remove(&id);
    }
    let app = Arc::new(found?);
    services
        .apps
        .apps
        .insert(id, (app.clone(), monotonic + FRESH));
    Ok(app)
}

/// Forgets what is known of an application: it was changed in the store.
pub fn forget(services: &Services, id: AppId) {
    services.apps.apps.remove(&id);
    services.programs.forget(id);
}

/// The applications a person may see, failing ones first, then by name.
pub async fn list(
    services: &Services,
    person: &Person,
    filter: &AppFilter,
) -> Result<Page<api::App>, ServiceError> {
    let mut apps = services.store.apps().await?;
    apps.retain(|app| person.may(app, Permission::Read) && fits(app, filter));
    let mut shown = with_health(services, person, &apps).await?;
    shown.sort_by(|a, b| {
        let rank = |app: &api::App| (app.health.failed_last_day == 0, app.name.to_lowercase());
        rank(a).cmp(&rank(b)).then(a.id.cmp(&b.id))
    });
    cursor::page(
        "apps",
        shown,
        |app| app.id.0,
        filter.cursor.as_deref(),
        filter.limit,
    )
}

fn fits(app: &App, filter: &AppFilter) -> bool {
    let contains = |part: &String| {
        let part = part.to_lowercase();
        app.name.to_lowercase().contains(&part) || app.title.to_lowercase().contains(&part)
    };
    filter.query.as_ref().is_none_or(contains)
        && filter.tag.as_ref().is_none_or(|tag| app.tags.contains(tag))
        && filter.name.as_ref().is_none_or(|name| app.name == *name)
}

async fn with_health(
    services: &Services,
    person: &Person,
    apps: &[App],
) -> Result<Vec<api::App>, ServiceError> {
    let since = UnixMillis(services.now().0 - HEALTH_SPAN_MS);
    let ids = apps.iter().map(|app| app.id).collect();
    let health = services.store.app_health(ids, since).await?;
    let health: HashMap<_, _> = health
        .into_iter()
        .map(|found| (found.app_id, found))
        .collect();
    let shown = apps
        .iter()
        .map(|app| to_api(services, person, app, health.get(&app.id)));
    Ok(shown.collect())
}

fn to_api(services: &Services, person: &Person, app: &App, health: Option<&AppHealth>) -> api::App {
    let workers = services.handles.workers.of_app(app.id);
    let online = workers
        .iter()
        .filter(|worker| worker.facts.state == WorkerState::Online)
        .count();
    api::App {
        id: Id(app.id.0),
        name: app.name.clone(),
        title: app.title.clone(),
        tags: app.tags.clone(),
        created_at: app.created_at.0,
        permissions: person.permissions(app),
        health: api::AppHealth {
            workers_online: u32::try_from(online).unwrap_or(u32::MAX),
            jobs: health.map_or(0, |health| health.jobs),
            open_instances: health.map_or(0, |health| health.open_instances),
            failed_last_day: health.map_or(0, |health| health.failed),
            succeeded_last_day: health.map_or(0, |health| health.succeeded),
            next_trigger_at: health
                .and_then(|health| health.next_trigger_at)
                .map(|at| at.0),
        },
    }
}

/// One application.
pub async fn show(
    services: &Services,
    person: &Person,
    app: &App,
) -> Result<api::App, ServiceError> {
    let shown = with_health(services, person, std::slice::from_ref(app)).await?;
    shown
        .into_iter()
        .next()
        .ok_or(ServiceError::NotFound(Thing::App))
}

/// Makes an application; its creator becomes its administrator.
pub async fn create(
    services: &Services,
    person: &Person,
    input: NewApp,
) -> Result<AppWithSecret, ServiceError> {
    let mut errors = Vec::new();
    check_name(&input.name, &mut errors);
    check_texts(Some(&input.title), Some(&input.tags), &mut errors);
    if !errors.is_empty() {
        return Err(ServiceError::Invalid(errors));
    }
    let secret = random_secret()?;
    let new = store::app::NewApp {
        name: input.name.clone(),
        title: input.title,
        tags: input.tags,
        namespace_id: Some(services.store.default_namespace().await?),
        creator: Some(person.id),
        worker_secret: secret.clone(),
    };
    let app = services
        .store
        .create_app(new)
        .await
        .map_err(|error| match error {
            store::Error::Conflict { what: "name", .. } => ServiceError::AppNameTaken(input.name),
            error => error.into(),
        })?;
    services.sessions.forget_person(person.id);
    info!(app_id = %app.id, account = person.account, "created an application");
    take_over(services).await;
    let app = show(services, &person.with_grant(app.id), &app).await?;
    Ok(AppWithSecret {
        app,
        worker_secret: secret.expose().clone(),
    })
}

/// Has a new application looked after at once. Without an answer it is taken over a little later.
async fn take_over(services: &Services) {
    let claimed = services
        .handles
        .claim_apps
        .ask(GLANCE_LIMIT, |reply| ClaimApps { reply })
        .await;
    if let Err(error) = claimed {
        debug!(%error, "a new application will be taken over later");
    }
}

/// Changes title and tags.
pub async fn change(
    services: &Services,
    person: &Person,
    app: &App,
    change: AppChange,
) -> Result<api::App, ServiceError> {
    let mut errors = Vec::new();
    check_texts(change.title.as_ref(), change.tags.as_deref(), &mut errors);
    if !errors.is_empty() {
        return Err(ServiceError::Invalid(errors));
    }
    let change = store::app::AppChange {
        title: change.title,
        tags: change.tags,
        modifier: Some(person.id),
    };
    let changed = services
        .store
        .change_app(app.id, change)
        .await
        .map_err(missing(Thing::App))?;
    services.apps.apps.remove(&app.id);
    info!(app_id = %app.id, account = person.account, "changed an application");
    show(services, person, &changed).await
}

/// Deletes an application without enabled jobs and open instances.
pub async fn remove(services: &Services, person: &Person, app: &App) -> Result<(), ServiceError> {
    let jobs = services.store.load_jobs(vec![app.id]).await?;
    let enabled = jobs
        .iter()
        .filter(|job| job.status == SwitchableStatus::Enable)
        .count();
    if enabled > 0 {
        return Err(ServiceError::AppInUse(format!(
            "{enabled} jobs are enabled: disable them first"
        )));
    }
    let open = show(services, person, app).await?.health.open_instances;
    if open > 0 {
        return Err(ServiceError::AppInUse(format!(
            "{open} instances are open: stop them first"
        )));
    }
    for job in &jobs {
        jobs::remove(services, person, job).await?;
    }
    services
        .store
        .delete_app(app.id)
        .await
        .map_err(|error| match error {
            store::Error::Conflict { reason, .. } => ServiceError::AppInUse(reason),
            store::Error::NotFound { .. } => ServiceError::NotFound(Thing::App),
            error => error.into(),
        })?;
    services.apps.apps.remove(&app.id);
    info!(app_id = %app.id, account = person.account, "deleted an application");
    Ok(())
}

/// Replaces the secret of the workers.
pub async fn renew_secret(
    services: &Services,
    person: &Person,
    app: &App,
) -> Result<AppWithSecret, ServiceError> {
    let secret = random_secret()?;
    services
        .store
        .rotate_app_secret(app.id, secret.clone(), KEPT_SECRETS)
        .await
        .map_err(missing(Thing::App))?;
    info!(app_id = %app.id, account = person.account, "renewed the secret of an application");
    let app = show(services, person, app).await?;
    Ok(AppWithSecret {
        app,
        worker_secret: secret.expose().clone(),
    })
}

fn check_name(name: &str, errors: &mut Vec<FieldError>) {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(fits) {
        let reason = Reason::new(ReasonCode::NameShape, "most", MAX_NAME);
        errors.push(FieldError::new("name", reason));
    }
}

fn check_texts(title: Option<&String>, tags: Option<&[String]>, errors: &mut Vec<FieldError>) {
    let mut wrong = |field: &str, code, most: usize| {
        errors.push(FieldError::new(field, Reason::new(code, "most", most)));
    };
    if title.is_some_and(|title| title.chars().count() > MAX_TITLE) {
        wrong("title", ReasonCode::TooManyCharacters, MAX_TITLE);
    }
    let tags = tags.unwrap_or_default();
    if tags.len() > MAX_TAGS {
        wrong("tags", ReasonCode::TooMany, MAX_TAGS);
    }
    for (place, tag) in tags.iter().enumerate() {
        let length = tag.chars().count();
        if length == 0 || length > MAX_TAG || tag.contains(',') || tag.trim() != tag {
            wrong(&format!("tags[{place}]"), ReasonCode::TagShape, MAX_TAG);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_mistakes_of_a_new_application_are_named() {
        let mut errors = Vec::new();
        check_name("a b", &mut errors);
        let tags = ["ok".to_owned(), "a,b".to_owned()];
        check_texts(Some(&"x".repeat(256)), Some(&tags), &mut errors);
        let fields: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["name", "title", "tags[1]"]);
    }

    #[test]
    fn names_are_letters_digits_and_some_signs() {
        for (name, is_right) in [("a", true), ("A-1.b_c", true), ("", false), ("ä", false)] {
            let mut errors = Vec::new();
            check_name(name, &mut errors);
            assert_eq!(errors.is_empty(), is_right, "{name}");
        }
    }
}
