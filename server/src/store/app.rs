//! Applications and their worker secrets.

use powerjob_common::id::{AppId, InstanceId, NamespaceId, UserId};
use powerjob_common::secret::Secret;
use powerjob_common::status::{Role, RoleScope};
use powerjob_common::time::UnixMillis;

use sea_orm::QueryResult;

use super::account::Grant;
use super::dialect::id_list;
use super::sql::{Columns, Sql, date_text};
use super::{Error, Store};

/// `pj_secret.kind` of the secrets that workers prove.
const KIND_WORKER: &str = "app_worker";
/// Runs that a health count looks at, so that it stays cheap under any load.
const HEALTH_RUNS: i64 = 50_000;

/// The columns that [`read_app`] reads, in its order.
const COLUMNS: &str =
    "a.id, a.app_name, a.title, a.tags, a.namespace_id, a.current_server, a.pj_created_at";

/// An application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    pub id: AppId,
    pub name: String,
    pub title: String,
    pub tags: Vec<String>,
    pub namespace_id: Option<NamespaceId>,
    /// `host:port` of the server that owns it, for Java and for display.
    pub current_server: Option<String>,
    pub created_at: UnixMillis,
}

/// What is needed to make an application.
#[derive(Debug, Clone)]
pub struct NewApp {
    pub name: String,
    pub title: String,
    pub tags: Vec<String>,
    pub namespace_id: Option<NamespaceId>,
    pub creator: Option<UserId>,
    /// The first secret of its workers.
    pub worker_secret: Secret<String>,
}

/// A change of an application; `None` stays as it is.
#[derive(Debug, Clone, Default)]
pub struct AppChange {
    pub title: Option<String>,
    pub tags: Option<Vec<String>>,
    pub modifier: Option<UserId>,
}

/// The state of an application at a glance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppHealth {
    pub app_id: AppId,
    /// Jobs that are not deleted.
    pub jobs: u64,
    pub open_instances: u64,
    /// Counted among the newest 50,000 runs of the span: at least so many.
    pub failed: u64,
    /// Counted among the newest 50,000 runs of the span: at least so many.
    pub succeeded: u64,
    pub next_trigger_at: Option<UnixMillis>,
}

/// A secret that workers of an application may prove.
#[derive(Debug, Clone)]
pub struct AppSecret {
    pub id: i64,
    pub value: Secret<String>,
    pub created_at: UnixMillis,
}

impl Store {
    /// All applications by name. One read.
    pub async fn apps(&self) -> Result<Vec<App>, Error> {
        self.read(async move |sql: Sql| {
            let text = format!("select {COLUMNS} from {{app_info}} a order by a.app_name");
            sql.rows(&text, Vec::new())
                .await?
                .iter()
                .map(read_app)
                .collect()
        })
        .await
    }

    /// One application.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn app(&self, id: AppId) -> Result<App, Error> {
        self.read(async move |sql: Sql| load(&sql, id).await).await
    }

    /// The application of a name, in the exact spelling.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn app_by_name(&self, name: String) -> Result<App, Error> {
        self.read(async move |sql: Sql| {
            let text = format!("select {COLUMNS} from {{app_info}} a where a.app_name = ?");
            let row = sql.row(&text, vec![name.as_str().into()]).await?;
            let app = row.map(|row| read_app(&row)).transpose()?;
            app.filter(|app| app.name == name)
                .ok_or_else(|| Error::not_found("application"))
        })
        .await
    }

    /// Counts for the given applications; ends are those of runs made since `since`.
    pub async fn app_health(
        &self,
        ids: Vec<AppId>,
        since: UnixMillis,
    ) -> Result<Vec<AppHealth>, Error> {
        self.read(async move |sql: Sql| {
            let first = first_row_since(&sql, since).await?;
            let mut health = Vec::with_capacity(ids.len());
            for id in ids {
                health.push(health_of(&sql, id, first).await?);
            }
            Ok(health)
        })
        .await
    }

    /// Makes an application with its first secret and makes the creator its administrator: one
    /// transaction. The server that should own it claims it afterwards.
    ///
    /// # Errors
    /// [`Error::Conflict`] `name` when the name is taken, [`Error::Invalid`] for unfit values.
    pub async fn create_app(&self, new: NewApp) -> Result<App, Error> {
        let now = self.now();
        self.write(async move |sql: Sql| {
            check_name(&new.name)?;
            check_title(&new.title)?;
            let tags = join_tags(&new.tags)?;
            refuse_taken(&sql, &new.name).await?;
            let date = date_text(now);
            let creator = new.creator.map(|creator| creator.0);
            let text = "insert into {app_info} (app_name, title, tags, namespace_id, creator, \
                modifier, gmt_create, gmt_modified, pj_created_at) \
                values (?, ?, ?, ?, ?, ?, {date}, {date}, ?)";
            let values = vec![
                new.name.as_str().into(),
                new.title.as_str().into(),
                tags.into(),
                new.namespace_id.map(|id| id.0).into(),
                creator.into(),
                creator.into(),
                date.as_str().into(),
                date.as_str().into(),
                now.0.into(),
            ];
            let id = AppId(sql.insert(text, values).await?);
            add_secret(&sql, id, &new.worker_secret, now).await?;
            if let Some(user_id) = new.creator {
                let grant = Grant {
                    user_id,
                    scope: RoleScope::App,
                    target: id.0,
                    role: Role::Admin,
                };
                super::account::grant(&sql, grant, now).await?;
            }
            load(&sql, id).await
        })
        .await
    }

    /// Changes title and tags.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`] for unfit values.
    pub async fn change_app(&self, id: AppId, change: AppChange) -> Result<App, Error> {
        let now = self.now();
        self.write(async move |sql: Sql| {
            let present = load(&sql, id).await?;
            let title = change.title.unwrap_or(present.title);
            check_title(&title)?;
            let tags = join_tags(&change.tags.unwrap_or(present.tags))?;
            let text = "update {app_info} set title = ?, tags = ?, gmt_modified = {date}, \
                modifier = coalesce(?, modifier) where id = ?";
            let values = vec![
                title.into(),
                tags.into(),
                date_text(now).into(),
                change.modifier.map(|modifier| modifier.0).into(),
                id.0.into(),
            ];
            sql.execute(text, values).await?;
            load(&sql, id).await
        })
        .await
    }

    /// Deletes an application with its jobs, grants and secrets; finished instances stay until
    /// they are cleaned. One transaction.
    ///
    /// # Errors
    /// [`Error::Conflict`] `open_instances` while an instance is open, [`Error::NotFound`].
    pub async fn delete_app(&self, id: AppId) -> Result<(), Error> {
        self.write(async move |sql: Sql| {
            let open = open_instances(&sql, id).await?;
            if open > 0 {
                let reason = format!("{open} instances wait or run");
                return Err(Error::conflict("open_instances", reason));
            }
            let text = "delete from {app_info} where id = ?";
            if sql.execute(text, vec![id.0.into()]).await? == 0 {
                return Err(Error::not_found("application"));
            }
            let text = "delete from {pj_job_history} \
                where job_id in (select id from {job_info} where app_id = ?)";
            sql.execute(text, vec![id.0.into()]).await?;
            for text in [
                "delete from {job_info} where app_id = ?",
                "delete from {workflow_node_info} where app_id = ?",
                "delete from {workflow_info} where app_id = ?",
                "delete from {pj_app_assignment} where app_id = ?",
                "delete from {pj_secret} where kind = 'app_worker' and owner = ?",
                "delete from {user_role} where scope = 10 and target = ?",
            ] {
                sql.execute(text, vec![id.0.into()]).await?;
            }
            Ok(())
        })
        .await
    }

    /// The valid secrets of an application, newest first.
    pub async fn app_secrets(&self, id: AppId) -> Result<Vec<AppSecret>, Error> {
        self.read(async move |sql: Sql| secrets(&sql, id).await)
            .await
    }

    /// Adds a secret and keeps the newest `keep` (at least 1, counting the new one); the others
    /// end at once.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such application.
    pub async fn rotate_app_secret(
        &self,
        id: AppId,
        value: Secret<String>,
        keep: u32,
    ) -> Result<AppSecret, Error> {
        let now = self.now();
        self.write(async move |sql: Sql| {
            load(&sql, id).await?;
            let secret_id = add_secret(&sql, id, &value, now).await?;
            let ended = secrets(&sql, id)
                .await?
                .into_iter()
                .skip(keep.max(1) as usize);
            let ended = id_list(ended.map(|secret| secret.id));
            sql.execute("delete from {pj_secret} where id in {ids}", vec![ended])
                .await?;
            Ok(AppSecret {
                id: secret_id,
                value,
                created_at: now,
            })
        })
        .await
    }
}

async fn load(sql: &Sql, id: AppId) -> Result<App, Error> {
    let text = format!("select {COLUMNS} from {{app_info}} a where a.id = ?");
    let row = sql.row(&text, vec![id.0.into()]).await?;
    read_app(&row.ok_or_else(|| Error::not_found("application"))?)
}

fn read_app(row: &QueryResult) -> Result<App, Error> {
    let mut columns = Columns::of(row);
    Ok(App {
        id: AppId(columns.number()?),
        name: columns.text()?,
        title: columns.text()?,
        tags: split_tags(&columns.text()?),
        namespace_id: columns.get::<Option<i64>>()?.map(NamespaceId),
        current_server: columns.get()?,
        created_at: columns.instant()?.unwrap_or_default(),
    })
}

/// The first row made since `since`: row ids and instance ids are the same or grow together, but for
/// a few rows of the same moment.
pub(super) async fn first_row_since(sql: &Sql, since: UnixMillis) -> Result<i64, Error> {
    let text = "select id from {instance_info} where {instance_key} >= ? \
        order by {instance_key} limit 1";
    let row = sql.row(text, vec![first_instance_id(since).into()]).await?;
    row.map_or(Ok(i64::MAX), |row| Columns::of(&row).number())
}

/// The smallest instance id of a moment: 22 bits below the milliseconds since the layout's epoch.
fn first_instance_id(since: UnixMillis) -> i64 {
    let epoch = powerjob_common::instance_id::created_at(InstanceId(0));
    since.0.saturating_sub(epoch.0).clamp(0, i64::MAX >> 22) << 22
}

async fn health_of(sql: &Sql, id: AppId, first_row: i64) -> Result<AppHealth, Error> {
    let text = "select count(*), min(case when status = 1 then next_trigger_time end) \
        from {job_info} where app_id = ? and status <> 99";
    let row = sql.row(text, vec![id.0.into()]).await?;
    let row = row.ok_or_else(|| Error::not_found("application"))?;
    let mut columns = Columns::of(&row);
    let (jobs, next_trigger_at) = (columns.number()?.unsigned_abs(), columns.instant()?);
    let text = "select count(case when status = 4 then 1 end), count(case when status = 5 then 1 end) from ( \
        select status from {instance_info} where app_id = ? and id >= ? order by id desc limit ?) r";
    let values = vec![id.0.into(), first_row.into(), HEALTH_RUNS.into()];
    let row = sql
        .row(text, values)
        .await?
        .ok_or_else(|| Error::not_found("application"))?;
    let mut columns = Columns::of(&row);
    Ok(AppHealth {
        app_id: id,
        jobs,
        open_instances: open_instances(sql, id).await?,
        failed: columns.number()?.unsigned_abs(),
        succeeded: columns.number()?.unsigned_abs(),
        next_trigger_at,
    })
}

async fn open_instances(sql: &Sql, id: AppId) -> Result<u64, Error> {
    let text = "select count(*) from {instance_info} where app_id = ? and status < 4";
    Ok(sql
        .value::<i64>(text, vec![id.0.into()])
        .await?
        .unsigned_abs())
}

async fn secrets(sql: &Sql, id: AppId) -> Result<Vec<AppSecret>, Error> {
    let text = "select id, value, created_at from {pj_secret} \
        where kind = ? and owner = ? order by id desc";
    let rows = sql
        .rows(text, vec![KIND_WORKER.into(), id.0.into()])
        .await?;
    rows.iter()
        .map(|row| {
            let mut columns = Columns::of(row);
            Ok(AppSecret {
                id: columns.number()?,
                value: Secret::new(columns.text()?),
                created_at: columns.instant()?.unwrap_or_default(),
            })
        })
        .collect()
}

async fn add_secret(
    sql: &Sql,
    id: AppId,
    value: &Secret<String>,
    now: UnixMillis,
) -> Result<i64, Error> {
    let text = "insert into {pj_secret} (kind, owner, value, created_at) values (?, ?, ?, ?)";
    let value = value.expose().as_str();
    sql.insert(
        text,
        vec![KIND_WORKER.into(), id.0.into(), value.into(), now.0.into()],
    )
    .await
}

async fn refuse_taken(sql: &Sql, name: &str) -> Result<(), Error> {
    let text = "select count(*) from {app_info} where app_name = ?";
    match sql.value::<i64>(text, vec![name.into()]).await? {
        0 => Ok(()),
        _ => Err(Error::conflict(
            "name",
            "there is an application of this name",
        )),
    }
}

fn check_name(name: &str) -> Result<(), Error> {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if (1..=64).contains(&name.len()) && name.chars().all(is_fit) {
        return Ok(());
    }
    Err(Error::invalid(
        "name",
        "1 to 64 characters of A-Z a-z 0-9 . _ -",
    ))
}

fn check_title(title: &str) -> Result<(), Error> {
    match title.chars().count() {
        0..=255 => Ok(()),
        _ => Err(Error::invalid("title", "it is longer than 255 characters")),
    }
}

/// Tags share one column, separated by commas.
fn join_tags(tags: &[String]) -> Result<String, Error> {
    if tags
        .iter()
        .any(|tag| tag.contains(',') || tag.trim().is_empty())
    {
        return Err(Error::invalid(
            "tags",
            "a tag must not be empty or contain a comma",
        ));
    }
    let joined = tags.join(",");
    if joined.chars().count() > 255 {
        return Err(Error::invalid(
            "tags",
            "together they are longer than 255 characters",
        ));
    }
    Ok(joined)
}

fn split_tags(tags: &str) -> Vec<String> {
    let tags = tags.split(',').map(str::trim).filter(|tag| !tag.is_empty());
    tags.map(str::to_owned).collect()
}
