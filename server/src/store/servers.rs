//! The servers that the database knows, by their leases.

use std::collections::HashMap;

use super::assignment::{Holder, LeaseRow};
use super::sql::{Columns, Sql};
use super::{Error, Store};

/// A server for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownServer {
    pub lease: LeaseRow,
    /// How many applications it owns.
    pub apps: u64,
}

impl Store {
    /// All servers, by name; also those that died and whose applications nobody has taken yet.
    pub async fn known_servers(&self) -> Result<Vec<KnownServer>, Error> {
        self.read(async move |sql: Sql| {
            let leases = lease_rows(&sql).await?;
            let apps = owned_counts(&sql).await?;
            let known = leases.into_iter().map(|lease| KnownServer {
                apps: apps.get(&lease.holder).copied().unwrap_or(0),
                lease,
            });
            Ok(known.collect())
        })
        .await
    }
}

/// All leases, by the names of their servers.
pub(super) async fn lease_rows(sql: &Sql) -> Result<Vec<LeaseRow>, Error> {
    let text = "select node_id, epoch, address, http_address, http_worker_address, is_leaving, \
        acquired_at, changes, expires_at - {now_ms} from {pj_server_lease} order by node_id";
    // The lock on an SQLite file proves that its server lives; nobody renews anything there.
    let is_single = sql.is_sqlite();
    let read = |row| {
        let mut columns = Columns::of(row);
        Ok(LeaseRow {
            holder: holder(&mut columns)?,
            worker_address: columns.text()?,
            http_address: Some(columns.text()?).filter(|address| !address.is_empty()),
            http_worker_address: Some(columns.text()?).filter(|address| !address.is_empty()),
            is_leaving: columns.number()? != 0,
            acquired_at_ms: columns.number()?,
            changes: columns.number()?,
            lives_for_ms: match columns.number()? {
                _ if is_single => i64::MAX,
                left => left,
            },
        })
    };
    sql.rows(text, Vec::new()).await?.iter().map(read).collect()
}

async fn owned_counts(sql: &Sql) -> Result<HashMap<Holder, u64>, Error> {
    let text = "select node_id, server_epoch, count(*) from {pj_app_assignment} \
        group by node_id, server_epoch";
    let read = |row| {
        let mut columns = Columns::of(row);
        Ok((holder(&mut columns)?, columns.number()?.unsigned_abs()))
    };
    sql.rows(text, Vec::new()).await?.iter().map(read).collect()
}

fn holder(columns: &mut Columns<'_>) -> Result<Holder, Error> {
    Ok(Holder {
        node_id: columns.text()?,
        server_epoch: columns.number()?,
    })
}
