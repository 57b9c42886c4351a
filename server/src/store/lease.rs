//! Who owns what: the lease of this server and its applications.
//!
//! Invariants:
//! 1. A lease row has at most one living owner; every taking raises its epoch above all others.
//! 2. An assignment belongs to one life of one server; every change of owner raises its epoch.
//! 3. The holder stops acting at [`Renewal::sent_at`] + time to live - margin of its own monotonic
//!    clock: before anyone else can have taken over.
//!
//! Where several servers share the database, leases end by the database's time, and a server that is
//! late may renew until somebody else took what it had. With SQLite the lock on the file proves that
//! every other owner is dead: nothing has to expire, and a renewal only looks whether the row is still
//! ours.

use std::sync::Arc;
use std::time::Duration;

use powerjob_common::id::{AppId, NodeRef};
use powerjob_common::time::UnixMillis;
use sea_orm::QueryResult;
use tokio::sync::oneshot;

use super::assignment::LeaseRow;
use super::fence::Fence;
use super::sql::{Columns, Sql, date_text};
use super::{Error, Store};

/// Server ids of the instance id layout (14 bits).
const SERVER_IDS: u16 = 1 << 14;
/// How long a Java server counts as alive after its last heartbeat (three of its periods).
const FOREIGN_LIFE: Duration = Duration::from_secs(45);
/// Zones are ahead of and behind UTC by at most this.
const ZONES: Duration = Duration::from_secs(14 * 3_600);
/// All zones are off by a multiple of this.
const ZONE_STEP: Duration = Duration::from_secs(900);
/// How often the row that Java servers read is refreshed.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(15);
/// A server counts as dead so long after its lease has ended.
const DEATH_MARGIN: Duration = Duration::from_millis(5);
/// Where the server id after the last block is kept, so that a restart does not use the same ones.
const NEXT_SERVER_ID: &str = "next_server_id";

/// What a server asks for at its start.
#[derive(Debug, Clone)]
pub struct LeaseRequest {
    pub node: NodeRef,
    /// `host:port` for workers; mirrored in `app_info.current_server`.
    pub address: String,
    /// How long a lease lives without renewal.
    pub ttl: Duration,
    /// How many server ids for instance ids are wanted; 1 to 256.
    pub server_ids: u16,
}

/// A renewal that reached the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renewal {
    /// Monotonic time at which the renewal was sent.
    pub sent_at: Duration,
}

/// An application that this server owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Assignment {
    pub app_id: AppId,
    pub epoch: i64,
}

/// Hears of renewals; called on the lease's own thread: hand over and return.
pub trait LeaseWatch: Send + Sync + 'static {
    /// `Err(Error::Fenced)` means the lease is lost for good; other errors may pass.
    fn renewed(&self, result: Result<Renewal, Error>);

    /// The servers as they are right after a renewal.
    fn seen(&self, servers: Vec<LeaseRow>);
}

/// The lease of this server. The writer refuses batches once it is lost.
#[derive(Debug, Clone)]
pub struct ServerLease {
    pub(super) store: Store,
    pub(super) request: Arc<LeaseRequest>,
    epoch: i64,
    first_server_id: u16,
    acquired: Renewal,
}

impl Store {
    /// Takes the lease of this node; one transaction. What an earlier life of the node still sends
    /// is fenced from then on.
    ///
    /// # Errors
    /// [`Error::InUse`] while a Java server is alive on the same database.
    pub async fn acquire_lease(&self, request: LeaseRequest) -> Result<ServerLease, Error> {
        let request = Arc::new(LeaseRequest {
            server_ids: request.server_ids.clamp(1, 256),
            ..request
        });
        let sent_at = self.inner.clock.monotonic();
        let now = self.now();
        let wanted = Arc::clone(&request);
        let others = if self.inner.is_exclusive() {
            OtherServers::Dead
        } else {
            OtherServers::MayLive
        };
        let (epoch, first_server_id) = self
            .write(async move |sql: Sql| acquire(&sql, &wanted, others, now).await)
            .await?;
        self.inner.fence.set(Fence {
            node_id: request.node.node_id.clone(),
            server_epoch: epoch,
            apps: std::collections::HashMap::new(),
        });
        let acquired = Renewal { sent_at };
        Ok(ServerLease {
            store: self.clone(),
            request,
            epoch,
            first_server_id,
            acquired,
        })
    }
}

impl ServerLease {
    /// The fencing token of this server.
    pub fn epoch(&self) -> i64 {
        self.epoch
    }

    /// The block of server ids for [`powerjob_common::instance_id::InstanceIdGenerator`]: first and
    /// number.
    pub fn server_ids(&self) -> (u16, u16) {
        (self.first_server_id, self.request.server_ids)
    }

    /// When the lease was taken.
    pub fn acquired(&self) -> Renewal {
        self.acquired
    }

    /// A connection of its own: a renewal waits neither for readers nor for the store's runtime.
    pub(super) fn leasing(&self) -> Sql {
        let inner = &self.store.inner;
        Sql::on_connection(inner.leasing.clone(), Arc::clone(&inner.dialect))
    }

    /// Renews once.
    ///
    /// # Errors
    /// [`Error::Fenced`] when the lease is lost.
    pub async fn renew(&self) -> Result<Renewal, Error> {
        let sent_at = self.store.inner.clock.monotonic();
        let sql = self.leasing();
        // An answer that comes later is of no use.
        let renewal = self.renew_row(&sql);
        let silence = "the renewal was not answered in time";
        let doubt = &self.store.inner.doubt;
        match doubt.answer(self.request.ttl, silence, renewal).await? {
            0 => Err(Error::Fenced),
            _ => Ok(Renewal { sent_at }),
        }
    }

    /// Rows that are still ours; where several servers live, it is renewed until the database's time
    /// plus the time to live.
    async fn renew_row(&self, sql: &Sql) -> Result<u64, Error> {
        let (node, epoch) = (self.request.node.node_id.as_str(), self.epoch);
        if self.store.inner.is_exclusive() {
            let text = "select count(*) from {pj_server_lease} where node_id = ? and epoch = ?";
            let count: i64 = sql.value(text, vec![node.into(), epoch.into()]).await?;
            return Ok(count.unsigned_abs());
        }
        let text = "update {pj_server_lease} set expires_at = {now_ms} + ? \
            where node_id = ? and epoch = ?";
        let ttl = span_ms(self.request.ttl);
        sql.execute_again(text, vec![ttl.into(), node.into(), epoch.into()])
            .await
    }

    /// Renews every `every` on a thread and a connection of its own until the handle drops.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the thread can not be started.
    pub fn keep(&self, every: Duration, watch: Arc<dyn LeaseWatch>) -> Result<LeaseKeeper, Error> {
        let (stop, stopped) = oneshot::channel();
        let lease = self.clone();
        let unavailable = |error: std::io::Error| Error::Unavailable(error.to_string());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(unavailable)?;
        std::thread::Builder::new()
            .name("store-lease".to_owned())
            .spawn(move || runtime.block_on(lease.keep_renewing(every, watch, stopped)))
            .map_err(unavailable)?;
        Ok(LeaseKeeper { _stop: stop })
    }

    async fn keep_renewing(
        &self,
        every: Duration,
        watch: Arc<dyn LeaseWatch>,
        mut stopped: oneshot::Receiver<()>,
    ) {
        let mut beat_at = self.acquired.sent_at;
        let mut renewed_at = self.acquired.sent_at;
        let mut pause = Duration::ZERO;
        loop {
            tokio::select! {
                _ = &mut stopped => return,
                () = tokio::time::sleep(pause) => {}
            }
            let renewed = self.renew_if_able(renewed_at).await;
            if let Ok(renewal) = &renewed {
                renewed_at = renewal.sent_at;
            }
            let is_lost = renewed == Err(Error::Fenced);
            watch.renewed(renewed);
            if is_lost {
                return;
            }
            pause = every;
            match self.servers().await {
                Ok(servers) => {
                    pause = every.min(until_next_death(&servers));
                    watch.seen(servers);
                }
                Err(error) => tracing::warn!(%error, "the servers could not be read"),
            }
            let now = self.store.inner.clock.monotonic();
            if now.saturating_sub(beat_at) >= HEARTBEAT_EVERY {
                beat_at = now;
                // The next renewal does not wait for the writer.
                let lease = self.clone();
                self.store.inner.runtime.spawn(async move {
                    let beaten = tokio::time::timeout(HEARTBEAT_EVERY, lease.beat());
                    if beaten.await.is_err() {
                        tracing::warn!("the row of this server was not refreshed in time");
                    }
                });
            }
        }
    }

    /// Renews, but a lease that has run out only when the writer reaches the database, too: who can not
    /// write must not be given anything.
    async fn renew_if_able(&self, renewed_at: Duration) -> Result<Renewal, Error> {
        let inner = &self.store.inner;
        let has_run_out = inner.clock.monotonic().saturating_sub(renewed_at) > self.request.ttl;
        if has_run_out && !inner.is_exclusive() {
            // It gives up by itself what is not answered.
            let written = tokio::time::timeout(self.request.ttl, self.wait_for_writes());
            let silent = |_| Error::Unavailable("the writer has no database yet".to_owned());
            written.await.map_err(silent)??;
        }
        self.renew().await
    }

    /// Refreshes what others read about this server; nobody's life depends on it.
    async fn beat(&self) {
        let (request, now) = (Arc::clone(&self.request), self.store.now());
        let beat = async move |sql: Sql| mirror_server(&sql, host(&request.address), now).await;
        if let Err(error) = self.store.write(beat).await {
            tracing::warn!(%error, "could not refresh the row of this server");
        }
    }

    /// Gives everything back, so that another server need not wait for the end of the lease. What is
    /// still written afterwards is fenced.
    pub async fn release(&self) -> Result<(), Error> {
        let (request, epoch) = (Arc::clone(&self.request), self.epoch);
        self.store
            .write(async move |sql: Sql| release(&sql, &request, epoch).await)
            .await
    }
}

/// How long until the first of the living dies unless it renews: then its applications are free.
fn until_next_death(servers: &[LeaseRow]) -> Duration {
    let left = servers
        .iter()
        .filter(|server| server.is_alive())
        .map(|server| server.lives_for_ms.cast_unsigned())
        .min();
    left.map_or(Duration::MAX, Duration::from_millis)
        .saturating_add(DEATH_MARGIN)
}

/// Renews until it drops.
#[derive(Debug)]
pub struct LeaseKeeper {
    _stop: oneshot::Sender<()>,
}

/// What is known of the other servers of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OtherServers {
    /// The lock on the file proves it.
    Dead,
    /// Each has its own lease, with its own end.
    MayLive,
}

async fn acquire(
    sql: &Sql,
    request: &LeaseRequest,
    others: OtherServers,
    now: UnixMillis,
) -> Result<(i64, u16), Error> {
    refuse_foreign_server(sql, host(&request.address), now).await?;
    let epoch: i64 = sql
        .value(
            "select coalesce(max(epoch), 0) + 1 from {pj_server_lease}",
            Vec::new(),
        )
        .await?;
    let assigned: i64 = sql
        .value(
            "select coalesce(max(server_epoch), 0) + 1 from {pj_app_assignment}",
            Vec::new(),
        )
        .await?;
    let epoch = epoch.max(assigned);
    let first_server_id = next_server_ids(sql, request.server_ids).await?;
    match others {
        OtherServers::Dead => {
            sql.execute("delete from {pj_server_lease}", Vec::new())
                .await?;
        }
        OtherServers::MayLive => end_own_life(sql, request).await?,
    }
    let text = "insert into {pj_server_lease} (node_id, incarnation, epoch, expires_at, address, \
        ip, first_server_id, server_ids, acquired_at) \
        values (?, ?, ?, {now_ms} + ?, ?, ?, ?, ?, {now_ms})";
    let values = vec![
        request.node.node_id.as_str().into(),
        request.node.incarnation.cast_signed().into(),
        epoch.into(),
        span_ms(request.ttl).into(),
        request.address.as_str().into(),
        host(&request.address).into(),
        i64::from(first_server_id).into(),
        i64::from(request.server_ids).into(),
    ];
    sql.execute(text, values).await?;
    begin_marks(sql, &request.node.node_id, epoch).await?;
    mirror_server(sql, host(&request.address), now).await?;
    Ok((epoch, first_server_id))
}

/// The row in which the writer notes its last batch.
async fn begin_marks(sql: &Sql, node: &str, epoch: i64) -> Result<(), Error> {
    let text = "update {pj_commit} set epoch = ?, mark = 0 where node_id = ?";
    let changed = sql.execute(text, vec![epoch.into(), node.into()]).await?;
    if changed == 0 {
        let text = "insert into {pj_commit} (epoch, mark, node_id) values (?, 0, ?)";
        sql.execute(text, vec![epoch.into(), node.into()]).await?;
    }
    Ok(())
}

/// Removes the row of an earlier life of this node, once it has expired.
///
/// # Errors
/// [`Error::InUse`] while it has not: the name may be another living server's.
async fn end_own_life(sql: &Sql, request: &LeaseRequest) -> Result<(), Error> {
    let node = request.node.node_id.as_str();
    let text = "select address, expires_at - {now_ms} from {pj_server_lease} \
        where node_id = ? {for_update}";
    let Some(row) = sql.row(text, vec![node.into()]).await? else {
        return Ok(());
    };
    let mut columns = Columns::of(&row);
    let (address, left) = (columns.text()?, columns.number()?);
    if left > 0 {
        return Err(Error::InUse(format!(
            "the server {node} at {address} holds its lease for {left} ms more"
        )));
    }
    let text = "delete from {pj_server_lease} where node_id = ?";
    sql.execute(text, vec![node.into()]).await.map(drop)
}

/// A Java server would schedule the same jobs: no live mixing on one database. Its heartbeat is in
/// the local time of its machine, in a zone that nobody knows here, but no zone is off by anything
/// else than quarters of an hour.
async fn refuse_foreign_server(sql: &Sql, own_ip: &str, now: UnixMillis) -> Result<(), Error> {
    let text = "select ip, gmt_modified from {server_info} where gmt_modified > {date} and ip <> ? \
        and ip not in (select ip from {pj_server_lease})";
    let values = vec![date_text(earliest_sign(now)).into(), own_ip.into()];
    refuse_living(&sql.rows(text, values).await?, now)
}

/// As [`refuse_foreign_server`], for a database that does not have our tables yet.
pub(super) async fn refuse_java(sql: &Sql, now: UnixMillis) -> Result<(), Error> {
    let text = "select ip, gmt_modified from {server_info} where gmt_modified > {date}";
    let values = vec![date_text(earliest_sign(now)).into()];
    refuse_living(&sql.rows(text, values).await?, now)
}

fn earliest_sign(now: UnixMillis) -> UnixMillis {
    UnixMillis(now.0.saturating_sub(span_ms(ZONES + FOREIGN_LIFE)))
}

fn refuse_living(rows: &[QueryResult], now: UnixMillis) -> Result<(), Error> {
    for row in rows {
        let mut columns = Columns::of(row);
        let (ip, beat) = (columns.text()?, columns.date()?);
        if beat.is_some_and(|beat| is_alive(beat, now)) {
            return Err(Error::InUse(format!(
                "a server of the Java product is alive at {ip}, or was less than a minute ago; \
                 stop it first"
            )));
        }
    }
    Ok(())
}

/// Whether a Java server that wrote this sign of life, in whatever zone, may still live.
pub(super) fn is_alive(beat: UnixMillis, now: UnixMillis) -> bool {
    let age = now.0 - beat.0;
    age.abs() < span_ms(ZONES + FOREIGN_LIFE)
        && age.rem_euclid(span_ms(ZONE_STEP)) < span_ms(FOREIGN_LIFE)
}

/// The next block of server ids, round and round: a restart never repeats the ids of the life
/// before, even if its clock ran ahead.
async fn next_server_ids(sql: &Sql, count: u16) -> Result<u16, Error> {
    let row = sql
        .row(
            "select value from {pj_meta} where name = ?",
            vec![NEXT_SERVER_ID.into()],
        )
        .await?;
    let next = match row {
        Some(row) => Columns::of(&row).text()?.parse::<u16>().unwrap_or(0),
        None => 0,
    };
    let first = if next > SERVER_IDS - count { 0 } else { next };
    super::meta::set(sql, NEXT_SERVER_ID, &(first + count).to_string()).await?;
    Ok(first)
}

async fn release(sql: &Sql, request: &LeaseRequest, epoch: i64) -> Result<(), Error> {
    let node = request.node.node_id.as_str();
    let text = "delete from {pj_server_lease} where node_id = ? and epoch = ?";
    let deleted = sql.execute(text, vec![node.into(), epoch.into()]).await?;
    if deleted > 0 {
        let text = "delete from {server_info} where ip = ?";
        sql.execute(text, vec![host(&request.address).into()])
            .await?;
    }
    Ok(())
}

/// The row by which servers of the Java product would see this one.
async fn mirror_server(sql: &Sql, ip: &str, now: UnixMillis) -> Result<(), Error> {
    let date = date_text(now);
    let text = "update {server_info} set gmt_modified = {date} where ip = ?";
    let updated = sql
        .execute(text, vec![date.as_str().into(), ip.into()])
        .await?;
    if updated == 0 {
        let text =
            "insert into {server_info} (gmt_create, gmt_modified, ip) values ({date}, {date}, ?)";
        sql.execute(
            text,
            vec![date.as_str().into(), date.as_str().into(), ip.into()],
        )
        .await?;
    }
    Ok(())
}

fn host(address: &str) -> &str {
    address.rsplit_once(':').map_or(address, |(host, _)| host)
}

fn span_ms(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
