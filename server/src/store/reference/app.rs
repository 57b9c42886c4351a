//! What only the reference keeps of an application: the password of its programs, beside facts for
//! lists.

use powerjob_common::id::{AppId, NamespaceId, UserId};
use powerjob_common::secret::Secret;
use powerjob_common::time::UnixMillis;
use sea_orm::QueryResult;

use super::conditions::Conditions;
use super::{PageOf, Rows, instant_or_date, page_of};
use crate::store::sql::{Columns, Sql, date_text};
use crate::store::{Error, Store};

const COLUMNS: &str = "\
a.id, a.app_name, a.title, a.password, a.tags, a.extra, a.namespace_id, a.creator, a.modifier,
a.pj_created_at, a.gmt_create, a.gmt_modified";

/// A row of `app_info`.
#[derive(Debug, Clone)]
pub struct AppRow {
    pub id: AppId,
    pub name: String,
    pub title: Option<String>,
    /// As stored: sealed, or in clear by a server of old.
    pub password: Option<Secret<String>>,
    pub tags: Option<String>,
    pub extra: Option<String>,
    pub namespace_id: Option<NamespaceId>,
    pub creator: Option<UserId>,
    pub modifier: Option<UserId>,
    pub created_at: UnixMillis,
    pub modified_at: UnixMillis,
}

/// What the reference's interface sets of an application; all of it is replaced.
#[derive(Debug, Clone)]
pub struct AppFacts {
    pub title: Option<String>,
    /// Sealed.
    pub password: Secret<String>,
    pub tags: Option<String>,
    pub extra: Option<String>,
    pub namespace_id: NamespaceId,
    pub modifier: Option<UserId>,
}

/// Which applications; `None` does not restrict.
#[derive(Debug, Clone, Default)]
pub struct AppQuery {
    pub id: Option<i64>,
    /// Only these.
    pub among: Option<Vec<i64>>,
    pub namespace: Option<i64>,
    pub name: Option<String>,
    pub name_part: Option<String>,
    pub tag_part: Option<String>,
}

impl AppQuery {
    fn conditions(&self) -> Conditions {
        let mut all = Conditions::default();
        all.number("a.id = ?", self.id);
        all.among("a.id", self.among.as_ref());
        all.number("a.namespace_id = ?", self.namespace);
        all.equals("a.app_name", self.name.as_ref());
        all.contains("a.app_name", self.name_part.as_ref());
        all.contains("a.tags", self.tag_part.as_ref());
        all
    }
}

impl Store {
    /// One application.
    pub async fn app_row(&self, id: AppId) -> Result<Option<AppRow>, Error> {
        let query = AppQuery {
            id: Some(id.0),
            ..AppQuery::default()
        };
        Ok(self.app_rows(query).await?.pop())
    }

    /// The application of a name, in the exact spelling.
    pub async fn app_row_by_name(&self, name: String) -> Result<Option<AppRow>, Error> {
        let query = AppQuery {
            name: Some(name.clone()),
            ..AppQuery::default()
        };
        let rows = self.app_rows(query).await?;
        Ok(rows.into_iter().find(|row| row.name == name))
    }

    /// All applications that fit, oldest first.
    pub async fn app_rows(&self, query: AppQuery) -> Result<Vec<AppRow>, Error> {
        self.read(async move |sql: Sql| {
            let conditions = query.conditions();
            let text = format!(
                "select {COLUMNS} from {{app_info}} a where {} order by a.id",
                conditions.text()
            );
            let rows = sql.rows(&text, conditions.values).await?;
            rows.iter().map(read).collect()
        })
        .await
    }

    /// A page of the applications that fit, oldest first.
    pub async fn app_page(&self, query: AppQuery, page: PageOf) -> Result<Rows<AppRow>, Error> {
        self.read(async move |sql: Sql| {
            let conditions = query.conditions();
            let from = format!("from {{app_info}} a where {}", conditions.text());
            let select = format!("select {COLUMNS} {from} order by a.id");
            page_of(&sql, (&select, &from), conditions.values, page, read).await
        })
        .await
    }

    /// Replaces the password of the programs of an application, sealed as it is to be stored.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn set_app_password(&self, id: AppId, sealed: Secret<String>) -> Result<(), Error> {
        let now = self.now();
        self.write(async move |sql: Sql| {
            let text = "update {app_info} set password = ?, gmt_modified = {date} where id = ?";
            let values = vec![
                sealed.expose().as_str().into(),
                date_text(now).into(),
                id.0.into(),
            ];
            match sql.execute(text, values).await? {
                0 => Err(Error::not_found("application")),
                _ => Ok(()),
            }
        })
        .await
    }

    /// Replaces what the reference's interface sets of an application.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn set_app_facts(&self, id: AppId, facts: AppFacts) -> Result<(), Error> {
        let now = self.now();
        self.write(async move |sql: Sql| {
            let text = "update {app_info} set title = ?, password = ?, tags = ?, extra = ?, \
                namespace_id = ?, modifier = coalesce(?, modifier), gmt_modified = {date} \
                where id = ?";
            let values = vec![
                facts.title.into(),
                facts.password.expose().as_str().into(),
                facts.tags.into(),
                facts.extra.into(),
                facts.namespace_id.0.into(),
                facts.modifier.map(|id| id.0).into(),
                date_text(now).into(),
                id.0.into(),
            ];
            match sql.execute(text, values).await? {
                0 => Err(Error::not_found("application")),
                _ => Ok(()),
            }
        })
        .await
    }
}

fn read(row: &QueryResult) -> Result<AppRow, Error> {
    let mut columns = Columns::of(row);
    Ok(AppRow {
        id: AppId(columns.number()?),
        name: columns.text()?,
        title: columns.get()?,
        password: columns.get::<Option<String>>()?.map(Secret::new),
        tags: columns.get()?,
        extra: columns.get()?,
        namespace_id: columns.get::<Option<i64>>()?.map(NamespaceId),
        creator: columns.get::<Option<i64>>()?.map(UserId),
        modifier: columns.get::<Option<i64>>()?.map(UserId),
        created_at: instant_or_date(&mut columns)?,
        modified_at: columns.date()?.unwrap_or_default(),
    })
}
