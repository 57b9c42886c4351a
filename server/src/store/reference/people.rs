//! Accounts as the reference's console shows and changes them, and who has which role on what.

use powerjob_common::id::UserId;
use powerjob_common::status::{Role, RoleScope};
use sea_orm::QueryResult;

use super::conditions::Conditions;
use crate::store::account::{self, Grant, keep_an_administrator};
use crate::store::sql::{Columns, Sql, date_text};
use crate::store::{Error, Store};

const COLUMNS: &str = "\
u.id, u.username, u.nick, u.account_type, u.origin_username, u.phone, u.email, u.web_hook, u.extra,
u.status";

/// A row of `user_info`, without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRow {
    pub id: UserId,
    /// Unique: `<type>_<name>`.
    pub username: String,
    pub nick: Option<String>,
    pub account_type: Option<String>,
    pub origin_username: Option<String>,
    pub phone: Option<String>,
    pub email: Option<String>,
    pub web_hook: Option<String>,
    pub extra: Option<String>,
    /// 2 = switched off.
    pub status: Option<i64>,
}

/// Which accounts; `None` does not restrict.
#[derive(Debug, Clone, Default)]
pub struct UserQuery {
    pub id: Option<i64>,
    pub account_type: Option<String>,
    pub username_part: Option<String>,
    pub nick_part: Option<String>,
    pub phone_part: Option<String>,
}

/// What is changed of an account; `None` stays.
#[derive(Debug, Clone, Default)]
pub struct UserChange {
    pub nick: Option<String>,
    pub phone: Option<String>,
    pub email: Option<String>,
    pub web_hook: Option<String>,
    pub extra: Option<String>,
}

/// Who shall have which role on a target; a role that is not named stays as it is.
#[derive(Debug, Clone)]
pub struct RoleLists {
    pub scope: RoleScope,
    pub target: i64,
    pub lists: Vec<(Role, Vec<UserId>)>,
}

impl Store {
    /// All accounts that fit, oldest first.
    pub async fn user_rows(&self, query: UserQuery) -> Result<Vec<UserRow>, Error> {
        self.read(async move |sql: Sql| {
            let mut all = Conditions::default();
            all.number("u.id = ?", query.id);
            all.equals("u.account_type", query.account_type.as_ref());
            all.contains("u.username", query.username_part.as_ref());
            all.contains("u.nick", query.nick_part.as_ref());
            all.contains("u.phone", query.phone_part.as_ref());
            let text = format!(
                "select {COLUMNS} from {{user_info}} u where {} order by u.id",
                all.text()
            );
            let rows = sql.rows(&text, all.values).await?;
            rows.iter().map(read).collect()
        })
        .await
    }

    /// Changes what people tell about themselves.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn change_user(&self, id: UserId, change: UserChange) -> Result<(), Error> {
        let now = self.now();
        self.write(async move |sql: Sql| {
            let text = "update {user_info} set nick = coalesce(?, nick), \
                phone = coalesce(?, phone), email = coalesce(?, email), \
                web_hook = coalesce(?, web_hook), extra = coalesce(?, extra), \
                gmt_modified = {date} where id = ?";
            let values = vec![
                change.nick.into(),
                change.phone.into(),
                change.email.into(),
                change.web_hook.into(),
                change.extra.into(),
                date_text(now).into(),
                id.0.into(),
            ];
            match sql.execute(text, values).await? {
                0 => Err(Error::not_found("account")),
                _ => Ok(()),
            }
        })
        .await
    }

    /// Makes the lists true in one transaction; whose rights have changed.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown account, [`Error::Conflict`] `last_administrator`.
    pub async fn set_roles(&self, roles: RoleLists) -> Result<Vec<UserId>, Error> {
        let now = self.now();
        self.write(async move |sql: Sql| {
            let mut changed = Vec::new();
            for (role, wanted) in &roles.lists {
                let present = account::holders(&sql, (roles.scope, roles.target), *role).await?;
                let grant = |user_id| Grant {
                    user_id,
                    scope: roles.scope,
                    target: roles.target,
                    role: *role,
                };
                for gone in present.iter().filter(|id| !wanted.contains(id)) {
                    account::ungrant(&sql, grant(*gone)).await?;
                    changed.push(*gone);
                }
                for new in wanted.iter().filter(|id| !present.contains(id)) {
                    account::load(&sql, *new).await?;
                    account::grant(&sql, grant(*new), now).await?;
                    changed.push(*new);
                }
            }
            keep_an_administrator(&sql).await?;
            Ok(changed)
        })
        .await
    }
}

fn read(row: &QueryResult) -> Result<UserRow, Error> {
    let mut columns = Columns::of(row);
    Ok(UserRow {
        id: UserId(columns.number()?),
        username: columns.text()?,
        nick: columns.get()?,
        account_type: columns.get()?,
        origin_username: columns.get()?,
        phone: columns.get()?,
        email: columns.get()?,
        web_hook: columns.get()?,
        extra: columns.get()?,
        status: columns.optional_number()?,
    })
}
