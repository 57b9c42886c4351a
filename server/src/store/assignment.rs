//! Who owns which application: reading it, taking what nobody has, handing over.
//!
//! Invariants:
//! 1. Every change of owner raises the epoch of the assignment.
//! 2. Only the owner hands an application over, only while it has it, and only to a living server.
//! 3. Only what no living server has is taken.

use powerjob_common::id::AppId;

use super::dialect::id_list;
use super::lease::{Assignment, ServerLease};
use super::sql::{Columns, Sql};
use super::{Error, servers};

/// One life of a server, as others name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Holder {
    pub node_id: String,
    /// Epoch of its lease.
    pub server_epoch: i64,
}

/// A server by its lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRow {
    pub holder: Holder,
    /// `host:port` for workers.
    pub worker_address: String,
    /// `host:port` for requests; `None` when it serves none, or has not said so yet.
    pub http_address: Option<String>,
    /// `host:port` for workers of the reference; `None` as above.
    pub http_worker_address: Option<String>,
    /// Whether it is about to end.
    pub is_leaving: bool,
    /// When this life began, epoch milliseconds by the database's clock.
    pub acquired_at_ms: i64,
    /// Grows with everything it changes about assignments and itself.
    pub changes: i64,
    /// Milliseconds until its lease ends, by the database's clock; not positive: it is dead.
    pub lives_for_ms: i64,
}

impl LeaseRow {
    /// Whether its lease has not ended.
    pub fn is_alive(&self) -> bool {
        self.lives_for_ms > 0
    }
}

/// An application and who has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppOwner {
    pub app_id: AppId,
    /// `None`: nobody ever had it. The holder may be dead.
    pub holder: Option<Holder>,
    pub epoch: i64,
}

/// What a server says of itself besides what its lease was taken with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Announcement {
    pub http_address: Option<String>,
    pub http_worker_address: Option<String>,
    pub is_leaving: bool,
}

impl ServerLease {
    /// Who this server is to the others.
    pub fn holder(&self) -> Holder {
        Holder {
            node_id: self.request.node.node_id.clone(),
            server_epoch: self.epoch(),
        }
    }

    /// All servers, dead ones that nobody has cleared away included. Read on the connection of the
    /// lease, which waits for nobody.
    ///
    /// # Errors
    /// [`Error::Unavailable`] also when the answer takes longer than a lease lives: nobody may keep
    /// that connection from the next renewal.
    pub async fn servers(&self) -> Result<Vec<LeaseRow>, Error> {
        let sql = self.leasing();
        let read = servers::lease_rows(&sql);
        let silence = "the servers were not read in time";
        let doubt = &self.store.inner.doubt;
        doubt.answer(self.request.ttl, silence, read).await
    }

    /// All applications with their owners, by id.
    pub async fn app_owners(&self) -> Result<Vec<AppOwner>, Error> {
        self.store
            .read(async move |sql: Sql| {
                let text = "select a.id, o.node_id, o.server_epoch, o.epoch from {app_info} a \
                    left join {pj_app_assignment} o on o.app_id = a.id and o.shard = 0 order by a.id";
                let rows = sql.rows(text, Vec::new()).await?;
                let read = |row| {
                    let mut columns = Columns::of(row);
                    let app_id = AppId(columns.number()?);
                    let node_id = columns.text()?;
                    let server_epoch = columns.number()?;
                    let holder = Holder {
                        node_id,
                        server_epoch,
                    };
                    Ok(AppOwner {
                        app_id,
                        holder: Some(holder).filter(|holder| !holder.node_id.is_empty()),
                        epoch: columns.number()?,
                    })
                };
                rows.iter().map(read).collect()
            })
            .await
    }

    /// Tells the other servers about this one.
    ///
    /// # Errors
    /// [`Error::Fenced`] when the lease is lost.
    pub async fn announce(&self, said: Announcement) -> Result<(), Error> {
        let holder = self.holder();
        self.store
            .write(async move |sql: Sql| {
                let text = "update {pj_server_lease} set http_address = ?, http_worker_address = ?, \
                    is_leaving = ? where node_id = ? and epoch = ?";
                let values = vec![
                    said.http_address.into(),
                    said.http_worker_address.into(),
                    i64::from(said.is_leaving).into(),
                    holder.node_id.as_str().into(),
                    holder.server_epoch.into(),
                ];
                sql.execute(text, values).await?;
                note_change(&sql, &holder).await
            })
            .await
    }

    /// Takes those of the applications that no living server has; returns the new assignments.
    /// Repeating it is harmless.
    ///
    /// # Errors
    /// [`Error::Fenced`] when the lease is lost.
    pub async fn take_apps(&self, apps: Vec<AppId>) -> Result<Vec<Assignment>, Error> {
        let (holder, address) = (self.holder(), self.request.address.clone());
        let taken = self
            .store
            .write(async move |sql: Sql| take(&sql, &holder, &address, &apps).await)
            .await?;
        self.store.inner.fence.change(|fence| {
            let taken = taken.iter().map(|taken| (taken.app_id, taken.epoch));
            fence.apps.extend(taken);
        });
        Ok(taken)
    }

    /// Gives applications to a living server. What this server still writes about them afterwards is
    /// fenced. Returns those that have changed hands; the others were not ours any more.
    ///
    /// # Errors
    /// [`Error::Fenced`] when the lease is lost; [`Error::Conflict`] when the receiver is gone. Then
    /// nothing has changed.
    pub async fn hand_over(&self, apps: Vec<AppId>, to: Holder) -> Result<Vec<Assignment>, Error> {
        let holder = self.holder();
        let given = self
            .store
            .write(async move |sql: Sql| hand_over(&sql, &holder, &to, &apps).await)
            .await?;
        self.store.inner.fence.change(|fence| {
            for given in &given {
                fence.apps.remove(&given.app_id);
            }
        });
        Ok(given)
    }

    /// Waits until what was submitted to the writer before is stored, a backlog aside.
    pub async fn wait_for_writes(&self) -> Result<(), Error> {
        let text = "select count(*) from {pj_server_lease}";
        self.store
            .write(async move |sql: Sql| sql.value::<i64>(text, Vec::new()).await)
            .await
            .map(drop)
    }

    /// Waits until all that was submitted to the writer before has its outcome.
    pub async fn wait_for_all_writes(&self) -> Result<(), Error> {
        self.store.writer().settle().await
    }

    /// Whether other servers may use the database at the same time.
    pub fn is_shared(&self) -> bool {
        !self.store.inner.is_exclusive()
    }

    /// What this server owns by the database is what it may write, no more and no less.
    pub fn confirm(&self, owned: &[Assignment]) {
        self.store.inner.fence.change(|fence| {
            fence.apps = owned.iter().map(|own| (own.app_id, own.epoch)).collect();
        });
    }
}

async fn take(
    sql: &Sql,
    holder: &Holder,
    address: &str,
    apps: &[AppId],
) -> Result<Vec<Assignment>, Error> {
    let (node, epoch) = (holder.node_id.as_str(), holder.server_epoch);
    let ids = || id_list(apps.iter().map(|app| app.0));
    let text = "insert into {pj_app_assignment} (app_id, shard, node_id, server_epoch, epoch) \
        select a.id, 0, ?, ?, 1 from {app_info} a where a.id in {ids} and not exists ( \
        select 1 from {pj_app_assignment} o where o.app_id = a.id and o.shard = 0)";
    sql.execute(text, vec![node.into(), epoch.into(), ids()])
        .await?;
    let text = format!(
        "update {{pj_app_assignment}} set epoch = epoch + 1, node_id = ?, server_epoch = ? \
         where app_id in {{ids}} and shard = 0 and not exists (select 1 from {{pj_server_lease}} l \
         where l.node_id = {{pj_app_assignment}}.node_id \
         and l.epoch = {{pj_app_assignment}}.server_epoch{})",
        and_is_alive(sql, "l.expires_at")
    );
    sql.execute(&text, vec![node.into(), epoch.into(), ids()])
        .await?;
    let owned = owned_of(sql, holder, apps).await?;
    mirror_owner(sql, address, &owned).await?;
    note_change(sql, holder).await?;
    Ok(owned)
}

async fn hand_over(
    sql: &Sql,
    holder: &Holder,
    to: &Holder,
    apps: &[AppId],
) -> Result<Vec<Assignment>, Error> {
    let text = format!(
        "select address from {{pj_server_lease}} where node_id = ? and epoch = ?{}",
        and_is_alive(sql, "expires_at")
    );
    let receiver = vec![to.node_id.as_str().into(), to.server_epoch.into()];
    let row = sql.row(&text, receiver).await?;
    let row = row.ok_or_else(|| Error::Conflict {
        what: "server",
        reason: format!("{} is gone", to.node_id),
    })?;
    let address = Columns::of(&row).text()?;
    let text = "update {pj_app_assignment} set epoch = epoch + 1, node_id = ?, server_epoch = ? \
        where app_id in {ids} and shard = 0 and node_id = ? and server_epoch = ?";
    let values = vec![
        to.node_id.as_str().into(),
        to.server_epoch.into(),
        id_list(apps.iter().map(|app| app.0)),
        holder.node_id.as_str().into(),
        holder.server_epoch.into(),
    ];
    sql.execute(text, values).await?;
    let given = owned_of(sql, to, apps).await?;
    mirror_owner(sql, &address, &given).await?;
    note_change(sql, holder).await?;
    Ok(given)
}

/// Those of `apps` that a server has.
async fn owned_of(sql: &Sql, holder: &Holder, apps: &[AppId]) -> Result<Vec<Assignment>, Error> {
    let text = "select app_id, epoch from {pj_app_assignment} \
        where app_id in {ids} and shard = 0 and node_id = ? and server_epoch = ? order by app_id";
    let values = vec![
        id_list(apps.iter().map(|app| app.0)),
        holder.node_id.as_str().into(),
        holder.server_epoch.into(),
    ];
    let rows = sql.rows(text, values).await?;
    let read = |row| {
        let mut columns = Columns::of(row);
        Ok(Assignment {
            app_id: AppId(columns.number()?),
            epoch: columns.number()?,
        })
    };
    rows.iter().map(read).collect()
}

/// The column that Java workers and people read.
async fn mirror_owner(sql: &Sql, address: &str, owned: &[Assignment]) -> Result<(), Error> {
    let text = "update {app_info} set current_server = ? where id in {ids} \
        and coalesce(current_server, '') <> ?";
    let ids = id_list(owned.iter().map(|own| own.app_id.0));
    sql.execute(text, vec![address.into(), ids, address.into()])
        .await
        .map(drop)
}

/// Makes a change seen by the others; without a lease nothing may be changed. The last statement of
/// its transaction: renewals wait for the lock on the row, so nothing may be waited for under it.
async fn note_change(sql: &Sql, holder: &Holder) -> Result<(), Error> {
    let text = "update {pj_server_lease} set changes = coalesce(changes, 0) + 1 \
        where node_id = ? and epoch = ?";
    let values = vec![holder.node_id.as_str().into(), holder.server_epoch.into()];
    match sql.execute(text, values).await? {
        0 => Err(Error::Fenced),
        _ => Ok(()),
    }
}

/// The condition that a lease has not ended. With SQLite the lock on the file proves who lives.
fn and_is_alive(sql: &Sql, expires_at: &str) -> String {
    if sql.is_sqlite() {
        String::new()
    } else {
        format!(" and {expires_at} > {{now_ms}}")
    }
}
