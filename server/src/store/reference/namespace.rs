//! Namespaces: groups of applications.

use powerjob_common::id::{NamespaceId, UserId};
use powerjob_common::status::{Role, RoleScope};
use powerjob_common::time::UnixMillis;
use sea_orm::QueryResult;

use super::conditions::Conditions;
use super::{PageOf, Rows, page_of};
use crate::store::account::{self, Grant};
use crate::store::sql::{Columns, Sql, date_text};
use crate::store::{Error, Store};

const COLUMNS: &str = "\
n.id, n.code, n.name, n.token, n.status, n.dept, n.tags, n.extra, n.creator, n.modifier,
n.gmt_create, n.gmt_modified";

/// A row of `namespace`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespaceRow {
    /// 0 = not stored yet.
    pub id: NamespaceId,
    pub code: String,
    pub name: Option<String>,
    /// Nothing uses it.
    pub token: Option<String>,
    pub status: i64,
    pub dept: Option<String>,
    pub tags: Option<String>,
    pub extra: Option<String>,
    pub creator: Option<UserId>,
    pub modifier: Option<UserId>,
    pub created_at: UnixMillis,
    pub modified_at: UnixMillis,
}

/// Which namespaces; `None` does not restrict.
#[derive(Debug, Clone, Default)]
pub struct NamespaceQuery {
    pub id: Option<i64>,
    pub code: Option<String>,
    pub code_part: Option<String>,
    pub name_part: Option<String>,
    pub tag_part: Option<String>,
    /// Only these.
    pub among: Option<Vec<i64>>,
}

impl NamespaceQuery {
    fn conditions(&self) -> Conditions {
        let mut all = Conditions::default();
        all.number("n.id = ?", self.id);
        all.equals("n.code", self.code.as_ref());
        all.contains("n.code", self.code_part.as_ref());
        all.contains("n.name", self.name_part.as_ref());
        all.contains("n.tags", self.tag_part.as_ref());
        all.among("n.id", self.among.as_ref());
        all
    }
}

impl Store {
    /// All namespaces that fit, oldest first.
    pub async fn namespace_rows(&self, query: NamespaceQuery) -> Result<Vec<NamespaceRow>, Error> {
        self.read(async move |sql: Sql| {
            let all = query.conditions();
            let text = format!(
                "select {COLUMNS} from {{namespace}} n where {} order by n.id",
                all.text()
            );
            let rows = sql.rows(&text, all.values).await?;
            rows.iter().map(read).collect()
        })
        .await
    }

    /// A page of the namespaces that fit, oldest first.
    pub async fn namespace_page(
        &self,
        query: NamespaceQuery,
        page: PageOf,
    ) -> Result<Rows<NamespaceRow>, Error> {
        self.read(async move |sql: Sql| {
            let all = query.conditions();
            let from = format!("from {{namespace}} n where {}", all.text());
            let select = format!("select {COLUMNS} {from} order by n.id");
            page_of(&sql, (&select, &from), all.values, page, read).await
        })
        .await
    }

    /// Stores a namespace, new or in place of the former one; the creator of a new one becomes its
    /// administrator.
    ///
    /// # Errors
    /// [`Error::Conflict`] `code` when the code of a new one is taken, [`Error::NotFound`].
    pub async fn save_namespace(&self, row: NamespaceRow) -> Result<NamespaceRow, Error> {
        let now = self.now();
        self.write(async move |sql: Sql| {
            let id = if row.id.0 == 0 {
                insert(&sql, &row, now).await?
            } else {
                update(&sql, &row, now).await?
            };
            let text = format!("select {COLUMNS} from {{namespace}} n where n.id = ?");
            let found = sql.row(&text, vec![id.into()]).await?;
            read(&found.ok_or_else(|| Error::not_found("namespace"))?)
        })
        .await
    }

    /// Deletes a namespace with its roles.
    ///
    /// # Errors
    /// [`Error::Conflict`] `apps` with their names while there are any, [`Error::NotFound`].
    pub async fn delete_namespace(&self, id: NamespaceId) -> Result<(), Error> {
        self.write(async move |sql: Sql| {
            let text = "select app_name from {app_info} where namespace_id = ? order by id";
            let apps = sql.rows(text, vec![id.0.into()]).await?;
            let names: Result<Vec<_>, _> = apps.iter().map(|row| Columns::of(row).text()).collect();
            let names = names?;
            if !names.is_empty() {
                return Err(Error::conflict("apps", names.join(",")));
            }
            let text = "delete from {namespace} where id = ?";
            if sql.execute(text, vec![id.0.into()]).await? == 0 {
                return Err(Error::not_found("namespace"));
            }
            let text = "delete from {user_role} where scope = ? and target = ?";
            let scope = RoleScope::Namespace.code().into();
            sql.execute(text, vec![scope, id.0.into()]).await.map(drop)
        })
        .await
    }
}

async fn insert(sql: &Sql, row: &NamespaceRow, now: UnixMillis) -> Result<i64, Error> {
    let taken = "select count(*) from {namespace} where code = ?";
    if sql
        .value::<i64>(taken, vec![row.code.as_str().into()])
        .await?
        > 0
    {
        return Err(Error::conflict("code", "there is a namespace of this code"));
    }
    let date = date_text(now);
    let creator = row.creator.map(|id| id.0);
    let text = "insert into {namespace} (code, name, token, status, dept, tags, extra, creator, \
        modifier, gmt_create, gmt_modified) values (?, ?, ?, ?, ?, ?, ?, ?, ?, {date}, {date})";
    let values = vec![
        row.code.as_str().into(),
        row.name.clone().into(),
        row.token.clone().into(),
        row.status.into(),
        row.dept.clone().into(),
        row.tags.clone().into(),
        row.extra.clone().into(),
        creator.into(),
        creator.into(),
        date.as_str().into(),
        date.as_str().into(),
    ];
    let id = sql.insert(text, values).await?;
    if let Some(user_id) = row.creator {
        let grant = Grant {
            user_id,
            scope: RoleScope::Namespace,
            target: id,
            role: Role::Admin,
        };
        account::grant(sql, grant, now).await?;
    }
    Ok(id)
}

async fn update(sql: &Sql, row: &NamespaceRow, now: UnixMillis) -> Result<i64, Error> {
    let text = "update {namespace} set name = ?, status = ?, dept = ?, tags = ?, extra = ?, \
        modifier = ?, gmt_modified = {date} where id = ?";
    let values = vec![
        row.name.clone().into(),
        row.status.into(),
        row.dept.clone().into(),
        row.tags.clone().into(),
        row.extra.clone().into(),
        row.modifier.map(|id| id.0).into(),
        date_text(now).into(),
        row.id.0.into(),
    ];
    match sql.execute(text, values).await? {
        0 => Err(Error::not_found("namespace")),
        _ => Ok(row.id.0),
    }
}

fn read(row: &QueryResult) -> Result<NamespaceRow, Error> {
    let mut columns = Columns::of(row);
    Ok(NamespaceRow {
        id: NamespaceId(columns.number()?),
        code: columns.text()?,
        name: columns.get()?,
        token: columns.get()?,
        status: columns.optional_number()?.unwrap_or(1),
        dept: columns.get()?,
        tags: columns.get()?,
        extra: columns.get()?,
        creator: columns.get::<Option<i64>>()?.map(UserId),
        modifier: columns.get::<Option<i64>>()?.map(UserId),
        created_at: columns.date()?.unwrap_or_default(),
        modified_at: columns.date()?.unwrap_or_default(),
    })
}
