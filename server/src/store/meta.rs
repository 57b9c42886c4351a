//! Facts about the database itself (`pj_meta`), and its first start.

use powerjob_common::id::{NamespaceId, UserId};
use powerjob_common::secret::Secret;
use powerjob_common::status::{Role, RoleScope};
use powerjob_common::time::UnixMillis;

use super::account::{GLOBAL_TARGET, Grant, NewAccount};
use super::sql::{Columns, Sql, date_text};
use super::{Error, Store};

/// The account that first start makes, and the marks it leaves, as the reference does (spec 06
/// section 4.16).
const ADMINISTRATOR: &str = "ADMIN";
const NAMESPACE: &str = "default_namespace";
const MARK_KEY: &str = "sys_initialize";
const MARK_ADMINISTRATOR: &str = "goal_init_admin";
const MARK_NAMESPACE: &str = "goal_init_namespace";

/// A row that transactions outside the hot path lock first, so that they take turns on databases that
/// several servers share, as they do on SQLite.
pub(super) const TURN: &str = "turn";

/// What the first start made, or found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstStart {
    pub administrator: UserId,
    pub namespace: NamespaceId,
    /// Whether the administrator was made by this call: its password is the one given.
    pub is_new: bool,
}

impl Store {
    /// Whether [`Store::first_start`] has been done, here or by the reference product.
    pub async fn is_initialized(&self) -> Result<bool, Error> {
        self.read(async move |sql: Sql| {
            Ok(is_marked(&sql, MARK_ADMINISTRATOR).await?
                && is_marked(&sql, MARK_NAMESPACE).await?)
        })
        .await
    }

    /// Makes the account `ADMIN` with all rights and the default namespace, once in the life of a
    /// database; what exists is left alone. `password` is an Argon2id hash in PHC form. One
    /// transaction.
    pub async fn first_start(&self, password: Secret<String>) -> Result<FirstStart, Error> {
        let now = self.now();
        self.write(async move |sql: Sql| first_start(&sql, password, now).await)
            .await
    }

    /// The namespace that first start made, or the first one there is.
    ///
    /// # Errors
    /// [`Error::NotFound`] before the first start.
    pub async fn default_namespace(&self) -> Result<NamespaceId, Error> {
        self.read(async move |sql: Sql| default_namespace(&sql).await)
            .await
    }

    /// A fact, e.g. the cluster's id.
    pub async fn meta(&self, key: String) -> Result<Option<String>, Error> {
        self.read(async move |sql: Sql| {
            let row = sql
                .row(
                    "select value from {pj_meta} where name = ?",
                    vec![key.into()],
                )
                .await?;
            row.map(|row| Columns::of(&row).text()).transpose()
        })
        .await
    }

    /// Stores a fact in place of the former one.
    pub async fn set_meta(&self, key: String, value: String) -> Result<(), Error> {
        self.write(async move |sql: Sql| set(&sql, &key, &value).await)
            .await
    }
}

pub(super) async fn set(sql: &Sql, key: &str, value: &str) -> Result<(), Error> {
    let text = "update {pj_meta} set value = ? where name = ?";
    if sql.execute(text, vec![value.into(), key.into()]).await? == 0 {
        let text = "insert into {pj_meta} (name, value) values (?, ?)";
        sql.execute(text, vec![key.into(), value.into()]).await?;
    }
    Ok(())
}

async fn first_start(
    sql: &Sql,
    password: Secret<String>,
    now: UnixMillis,
) -> Result<FirstStart, Error> {
    let namespace = match default_namespace(sql).await {
        Ok(namespace) => namespace,
        Err(Error::NotFound { .. }) => make_namespace(sql, now).await?,
        Err(error) => return Err(error),
    };
    mark(sql, MARK_NAMESPACE, now).await?;
    let existing = super::account::find(sql, ADMINISTRATOR).await?;
    let is_new = existing.is_none() && !is_marked(sql, MARK_ADMINISTRATOR).await?;
    let administrator = match existing {
        Some(credentials) => credentials.account.id,
        None => make_administrator(sql, password, now).await?,
    };
    mark(sql, MARK_ADMINISTRATOR, now).await?;
    Ok(FirstStart {
        administrator,
        namespace,
        is_new,
    })
}

async fn make_administrator(
    sql: &Sql,
    password: Secret<String>,
    now: UnixMillis,
) -> Result<UserId, Error> {
    let new = NewAccount {
        name: ADMINISTRATOR.to_owned(),
        nick: ADMINISTRATOR.to_owned(),
        email: None,
        phone: None,
        password,
    };
    let account = super::account::insert(sql, &new, now).await?;
    let grant = Grant {
        user_id: account.id,
        scope: RoleScope::Global,
        target: GLOBAL_TARGET,
        role: Role::Admin,
    };
    super::account::grant(sql, grant, now).await?;
    Ok(account.id)
}

async fn make_namespace(sql: &Sql, now: UnixMillis) -> Result<NamespaceId, Error> {
    let date = date_text(now);
    let text = "insert into {namespace} (code, name, status, gmt_create, gmt_modified) \
        values (?, ?, 1, {date}, {date})";
    let values = vec![
        NAMESPACE.into(),
        NAMESPACE.into(),
        date.as_str().into(),
        date.as_str().into(),
    ];
    Ok(NamespaceId(sql.insert(text, values).await?))
}

async fn default_namespace(sql: &Sql) -> Result<NamespaceId, Error> {
    let text = "select id from {namespace} order by case code when ? then 0 else 1 end, id limit 1";
    let row = sql.row(text, vec![NAMESPACE.into()]).await?;
    let row = row.ok_or_else(|| Error::not_found("namespace"))?;
    Ok(NamespaceId(Columns::of(&row).number()?))
}

async fn is_marked(sql: &Sql, goal: &str) -> Result<bool, Error> {
    let text = "select count(*) from {sundry} where pkey = ? and skey = ?";
    Ok(sql
        .value::<i64>(text, vec![MARK_KEY.into(), goal.into()])
        .await?
        > 0)
}

async fn mark(sql: &Sql, goal: &str, now: UnixMillis) -> Result<(), Error> {
    if is_marked(sql, goal).await? {
        return Ok(());
    }
    let date = date_text(now);
    let text = "insert into {sundry} (pkey, skey, content, gmt_create, gmt_modified) \
        values (?, ?, 'A', {date}, {date})";
    let values = vec![
        MARK_KEY.into(),
        goal.into(),
        date.as_str().into(),
        date.as_str().into(),
    ];
    sql.execute(text, values).await.map(drop)
}
