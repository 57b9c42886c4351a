//! Accounts, their passwords and what they may do.

use powerjob_common::id::UserId;
use powerjob_common::secret::Secret;
use powerjob_common::status::{Role, RoleScope};
use powerjob_common::time::UnixMillis;
use sea_orm::QueryResult;

use super::sql::{Columns, Sql, date_text};
use super::{Error, Store};

/// The type of built-in accounts; user names of the reference begin with it.
const BUILT_IN: &str = "PWJB";
/// Stands where the reference keeps its hash once that must not let anyone in any more.
pub(super) const NO_LEGACY_PASSWORD: &str = "!";
const STATUS_ENABLED: i64 = 1;
const STATUS_DISABLED: i64 = 2;

/// The columns that [`read_account`] reads, in its order.
const COLUMNS: &str = "u.id, u.username, u.origin_username, u.nick, u.email, u.phone, u.status";

/// The target of a grant on everything.
pub const GLOBAL_TARGET: i64 = 1;

/// A person or program that signs in (`user_info`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub id: UserId,
    /// Unique: `<type>_<name>`, e.g. `PWJB_ADMIN`.
    pub username: String,
    /// The name people type, e.g. `ADMIN`.
    pub name: String,
    pub nick: String,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub is_enabled: bool,
}

/// What a sign-in is checked against.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub account: Account,
    /// Argon2id in PHC form; `None` for an adopted account that has not signed in yet.
    pub password: Option<Secret<String>>,
    /// The reference's own hash, `<name>_<md5>_b`, beside the new one until the migration ends.
    pub legacy_password: Option<Secret<String>>,
}

/// A new built-in account.
#[derive(Debug, Clone)]
pub struct NewAccount {
    pub name: String,
    pub nick: String,
    pub email: Option<String>,
    pub phone: Option<String>,
    /// Argon2id in PHC form, made by the caller.
    pub password: Secret<String>,
}

/// What someone may do where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Grant {
    pub user_id: UserId,
    pub scope: RoleScope,
    /// Namespace id, application id, or [`GLOBAL_TARGET`].
    pub target: i64,
    pub role: Role,
}

impl Store {
    /// What a sign-in as `name` is checked against. The spelling must be exact.
    ///
    /// # Errors
    /// [`Error::NotFound`]; the caller hashes all the same and answers as for a wrong password.
    pub async fn credentials(&self, name: String) -> Result<Credentials, Error> {
        self.read(async move |sql: Sql| {
            find(&sql, &name)
                .await?
                .ok_or_else(|| Error::not_found("account"))
        })
        .await
    }

    /// One account.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn account(&self, id: UserId) -> Result<Account, Error> {
        self.read(async move |sql: Sql| load(&sql, id).await).await
    }

    /// All accounts by name.
    pub async fn accounts(&self) -> Result<Vec<Account>, Error> {
        self.read(async move |sql: Sql| {
            let text = format!("select {COLUMNS} from {{user_info}} u order by u.username");
            let rows = sql.rows(&text, Vec::new()).await?;
            rows.iter()
                .map(|row| read_account(&mut Columns::of(row)))
                .collect()
        })
        .await
    }

    /// Makes a built-in account.
    ///
    /// # Errors
    /// [`Error::Conflict`] `name` when the name is taken, [`Error::Invalid`] `name`.
    pub async fn create_account(&self, new: NewAccount) -> Result<Account, Error> {
        let now = self.now();
        self.write(async move |sql: Sql| insert(&sql, &new, now).await)
            .await
    }

    /// Stores a new password hash and ends all sessions of the account except `keep_session`.
    /// The legacy hash, if there is one, is made useless in the same transaction.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such account.
    pub async fn set_password(
        &self,
        id: UserId,
        password: Secret<String>,
        keep_session: Option<[u8; 32]>,
    ) -> Result<(), Error> {
        let now = self.now();
        self.write(async move |sql: Sql| {
            let account = load(&sql, id).await?;
            put_password(&sql, id, &password, now).await?;
            let text = "update {pwjb_user_info} set password = ? where username = ?";
            let values = vec![NO_LEGACY_PASSWORD.into(), account.name.as_str().into()];
            sql.execute(text, values).await?;
            let kept = keep_session.map(|kept| super::session::hexadecimal(&kept));
            let text = "delete from {pj_session} where user_id = ? and fingerprint <> ?";
            let values = vec![id.0.into(), kept.unwrap_or_default().into()];
            sql.execute(text, values).await.map(drop)
        })
        .await
    }

    /// Stores the modern hash of a password that was just proven against the legacy one; changes
    /// nothing else.
    pub async fn upgrade_password(
        &self,
        id: UserId,
        password: Secret<String>,
    ) -> Result<(), Error> {
        let now = self.now();
        self.write(async move |sql: Sql| put_password(&sql, id, &password, now).await)
            .await
    }

    /// Lets an account in or locks it out (which ends its sessions).
    ///
    /// # Errors
    /// [`Error::Conflict`] `last_administrator` when nobody could administer any more,
    /// [`Error::NotFound`].
    pub async fn set_account_enabled(&self, id: UserId, enabled: bool) -> Result<(), Error> {
        let now = self.now();
        self.write(async move |sql: Sql| {
            load(&sql, id).await?;
            let status = if enabled {
                STATUS_ENABLED
            } else {
                STATUS_DISABLED
            };
            let text = "update {user_info} set status = ?, gmt_modified = {date} where id = ?";
            sql.execute(
                text,
                vec![status.into(), date_text(now).into(), id.0.into()],
            )
            .await?;
            if enabled {
                return Ok(());
            }
            sql.execute(
                "delete from {pj_session} where user_id = ?",
                vec![id.0.into()],
            )
            .await?;
            keep_an_administrator(&sql).await
        })
        .await
    }

    /// The grants of an account.
    pub async fn grants(&self, id: UserId) -> Result<Vec<Grant>, Error> {
        self.read(async move |sql: Sql| grants_of(&sql, id).await)
            .await
    }

    /// The grants on a target.
    pub async fn grants_on(&self, scope: RoleScope, target: i64) -> Result<Vec<Grant>, Error> {
        self.read(async move |sql: Sql| {
            let text = "select distinct user_id, scope, target, role from {user_role} \
                where scope = ? and target = ? order by user_id, role";
            read_grants(
                &sql.rows(text, vec![scope.code().into(), target.into()])
                    .await?,
            )
        })
        .await
    }

    /// Adds a grant; one that exists stays as it is.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such account.
    pub async fn add_grant(&self, grant: Grant) -> Result<(), Error> {
        let now = self.now();
        self.write(async move |sql: Sql| {
            load(&sql, grant.user_id).await?;
            self::grant(&sql, grant, now).await
        })
        .await
    }

    /// Takes a grant away.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there was none, [`Error::Conflict`] `last_administrator`.
    pub async fn remove_grant(&self, grant: Grant) -> Result<(), Error> {
        self.write(async move |sql: Sql| {
            if ungrant(&sql, grant).await? == 0 {
                return Err(Error::not_found("grant"));
            }
            keep_an_administrator(&sql).await
        })
        .await
    }
}

pub(super) async fn find(sql: &Sql, name: &str) -> Result<Option<Credentials>, Error> {
    let text = format!(
        "select {COLUMNS}, p.hash, b.password from {{user_info}} u \
         left join {{pj_password}} p on p.user_id = u.id \
         left join {{pwjb_user_info}} b on b.username = u.origin_username \
         where u.username = ?"
    );
    let username = format!("{BUILT_IN}_{name}");
    let Some(row) = sql.row(&text, vec![username.as_str().into()]).await? else {
        return Ok(None);
    };
    let mut columns = Columns::of(&row);
    let account = read_account(&mut columns)?;
    // MySQL compares without regard to case; the reference does not let such a name in either.
    if account.username != username {
        return Ok(None);
    }
    let password: Option<String> = columns.get()?;
    let legacy: Option<String> = columns.get()?;
    let legacy = legacy.filter(|hash| !hash.is_empty() && hash != NO_LEGACY_PASSWORD);
    Ok(Some(Credentials {
        account,
        password: password.map(Secret::new),
        legacy_password: legacy.map(Secret::new),
    }))
}

pub(super) async fn load(sql: &Sql, id: UserId) -> Result<Account, Error> {
    let text = format!("select {COLUMNS} from {{user_info}} u where u.id = ?");
    let row = sql.row(&text, vec![id.0.into()]).await?;
    read_account(&mut Columns::of(
        &row.ok_or_else(|| Error::not_found("account"))?,
    ))
}

/// Makes the rows of a built-in account: the reference's two, and ours with the password.
pub(super) async fn insert(sql: &Sql, new: &NewAccount, now: UnixMillis) -> Result<Account, Error> {
    let length = new.name.chars().count();
    if length == 0 || length > 200 || new.name.chars().any(char::is_control) {
        return Err(Error::invalid("name", "1 to 200 characters"));
    }
    let username = format!("{BUILT_IN}_{}", new.name);
    let taken = "select count(*) from {user_info} where username = ?";
    let taken_builtin = "select count(*) from {pwjb_user_info} where username = ?";
    let count: i64 = sql.value(taken, vec![username.as_str().into()]).await?;
    let builtin: i64 = sql
        .value(taken_builtin, vec![new.name.as_str().into()])
        .await?;
    if count + builtin > 0 {
        return Err(Error::conflict("name", "there is an account of this name"));
    }
    let date = date_text(now);
    let text = "insert into {pwjb_user_info} (username, password, gmt_create, gmt_modified) \
        values (?, ?, {date}, {date})";
    let values = vec![
        new.name.as_str().into(),
        NO_LEGACY_PASSWORD.into(),
        date.as_str().into(),
        date.as_str().into(),
    ];
    sql.execute(text, values).await?;
    let text = "insert into {user_info} (account_type, username, origin_username, nick, email, \
        phone, status, gmt_create, gmt_modified) values (?, ?, ?, ?, ?, ?, ?, {date}, {date})";
    let values = vec![
        BUILT_IN.into(),
        username.as_str().into(),
        new.name.as_str().into(),
        new.nick.as_str().into(),
        new.email.clone().into(),
        new.phone.clone().into(),
        STATUS_ENABLED.into(),
        date.as_str().into(),
        date.as_str().into(),
    ];
    let id = UserId(sql.insert(text, values).await?);
    put_password(sql, id, &new.password, now).await?;
    load(sql, id).await
}

async fn put_password(
    sql: &Sql,
    id: UserId,
    password: &Secret<String>,
    now: UnixMillis,
) -> Result<(), Error> {
    let hash = password.expose().as_str();
    let text = "update {pj_password} set hash = ?, changed_at = ? where user_id = ?";
    if sql
        .execute(text, vec![hash.into(), now.0.into(), id.0.into()])
        .await?
        == 0
    {
        let text = "insert into {pj_password} (hash, changed_at, user_id) values (?, ?, ?)";
        sql.execute(text, vec![hash.into(), now.0.into(), id.0.into()])
            .await?;
    }
    Ok(())
}

/// Adds a grant unless it exists.
pub(super) async fn grant(sql: &Sql, grant: Grant, now: UnixMillis) -> Result<(), Error> {
    let text = "select count(*) from {user_role} \
        where user_id = ? and scope = ? and target = ? and role = ?";
    if sql.value::<i64>(text, grant_values(grant)).await? > 0 {
        return Ok(());
    }
    let date = date_text(now);
    let text = "insert into {user_role} (user_id, scope, target, role, gmt_create, gmt_modified) \
        values (?, ?, ?, ?, {date}, {date})";
    let mut values = grant_values(grant);
    values.extend([date.as_str().into(), date.as_str().into()]);
    sql.execute(text, values).await.map(drop)
}

/// Takes a grant away; how many rows of it there were.
pub(super) async fn ungrant(sql: &Sql, grant: Grant) -> Result<u64, Error> {
    let text = "delete from {user_role} \
        where user_id = ? and scope = ? and target = ? and role = ?";
    sql.execute(text, grant_values(grant)).await
}

/// Who has a role on a target.
pub(super) async fn holders(
    sql: &Sql,
    (scope, target): (RoleScope, i64),
    role: Role,
) -> Result<Vec<UserId>, Error> {
    let text = "select distinct user_id from {user_role} \
        where scope = ? and target = ? and role = ? order by user_id";
    let values = vec![scope.code().into(), target.into(), role.code().into()];
    let rows = sql.rows(text, values).await?;
    rows.iter()
        .map(|row| Columns::of(row).number().map(UserId))
        .collect()
}

pub(super) async fn grants_of(sql: &Sql, id: UserId) -> Result<Vec<Grant>, Error> {
    let text = "select distinct user_id, scope, target, role from {user_role} \
        where user_id = ? order by scope, target, role";
    read_grants(&sql.rows(text, vec![id.0.into()]).await?)
}

fn grant_values(grant: Grant) -> Vec<sea_orm::Value> {
    vec![
        grant.user_id.0.into(),
        grant.scope.code().into(),
        grant.target.into(),
        grant.role.code().into(),
    ]
}

/// Fails the transaction that would leave nobody who may do everything.
pub(super) async fn keep_an_administrator(sql: &Sql) -> Result<(), Error> {
    let text = "select count(*) from {user_role} r join {user_info} u on u.id = r.user_id \
        where r.scope = ? and r.role = ? and coalesce(u.status, 1) <> ?";
    let values = vec![
        RoleScope::Global.code().into(),
        Role::Admin.code().into(),
        STATUS_DISABLED.into(),
    ];
    if sql.value::<i64>(text, values).await? == 0 {
        return Err(Error::conflict(
            "last_administrator",
            "no administrator would be left",
        ));
    }
    Ok(())
}

pub(super) fn read_account(columns: &mut Columns<'_>) -> Result<Account, Error> {
    let id = UserId(columns.number()?);
    let username = columns.text()?;
    let origin: Option<String> = columns.get()?;
    let nick: Option<String> = columns.get()?;
    let name = origin.unwrap_or_else(|| {
        username
            .split_once('_')
            .map_or(username.as_str(), |(_, name)| name)
            .to_owned()
    });
    Ok(Account {
        id,
        nick: nick.unwrap_or_else(|| name.clone()),
        name,
        username,
        email: columns.get()?,
        phone: columns.get()?,
        is_enabled: columns.optional_number()? != Some(STATUS_DISABLED),
    })
}

/// Grants of unknown roles or scopes give nothing: they are skipped.
fn read_grants(rows: &[QueryResult]) -> Result<Vec<Grant>, Error> {
    let mut grants = Vec::with_capacity(rows.len());
    for row in rows {
        let mut columns = Columns::of(row);
        let user_id = UserId(columns.number()?);
        let (scope, target, role) = (columns.number()?, columns.number()?, columns.number()?);
        let scope = i32::try_from(scope).ok().and_then(RoleScope::from_code);
        let role = i32::try_from(role).ok().and_then(Role::from_code);
        if let (Some(scope), Some(role)) = (scope, role) {
            grants.push(Grant {
                user_id,
                scope,
                target,
                role,
            });
        }
    }
    Ok(grants)
}
