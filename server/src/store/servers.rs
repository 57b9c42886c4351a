//! The servers that the database knows, for people.

use super::sql::{Columns, Sql};
use super::{Error, Store};

/// A server by its lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownServer {
    pub node_id: String,
    /// `host:port` for workers.
    pub address: String,
    /// The fencing token of its present life.
    pub epoch: i64,
    /// When this life began, epoch milliseconds by the database's clock.
    pub acquired_at_ms: i64,
    /// How many applications it owns.
    pub apps: u64,
}

impl Store {
    /// All servers, by name; also those that died and whose applications nobody has taken yet.
    pub async fn known_servers(&self) -> Result<Vec<KnownServer>, Error> {
        self.read(async move |sql: Sql| {
            let text = "select l.node_id, l.address, l.epoch, l.acquired_at, \
                (select count(*) from {pj_app_assignment} a \
                where a.node_id = l.node_id and a.server_epoch = l.epoch) \
                from {pj_server_lease} l order by l.node_id";
            let rows = sql.rows(text, Vec::new()).await?;
            rows.iter()
                .map(|row| {
                    let mut columns = Columns::of(row);
                    Ok(KnownServer {
                        node_id: columns.text()?,
                        address: columns.text()?,
                        epoch: columns.number()?,
                        acquired_at_ms: columns.number()?,
                        apps: columns.number()?.unsigned_abs(),
                    })
                })
                .collect()
        })
        .await
    }
}
