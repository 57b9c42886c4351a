//! Leases and assignments, as `store::lease` and `store::assignment` write them.

use powerjob_common::id::AppId;
use powerjob_server::store::Error;
use powerjob_server::store::assignment::{AppOwner, Holder, LeaseRow};
use powerjob_server::store::lease::Assignment;

use super::{Assigned, Database, Lease};

/// A lease that was just taken.
#[derive(Debug, Clone)]
pub(crate) struct LeaseTaken {
    /// Its epoch.
    pub(crate) epoch: i64,
    /// First server id and how many.
    pub(crate) server_ids: (u16, u16),
}

const SERVER_IDS: u16 = 32;

impl Database {
    /// Takes the lease of a node; an earlier life of it must have ended by then.
    pub(crate) fn acquire(
        &mut self,
        node_id: &str,
        address: &str,
        (now, ttl_ms): (i64, i64),
    ) -> Result<LeaseTaken, Error> {
        if let Some(old) = self.leases.get(node_id)
            && old.expires_at > now
        {
            return Err(Error::InUse("the earlier life holds its lease".to_owned()));
        }
        let leased = self.leases.values().map(|lease| lease.epoch).max();
        let assigned = self.apps.values().flatten();
        let assigned = assigned.map(|it| it.holder.server_epoch).max();
        let epoch = leased.max(assigned).unwrap_or(0) + 1;
        let first = self.next_server_id;
        self.next_server_id = (first + SERVER_IDS) % 16_000;
        let lease = Lease {
            epoch,
            expires_at: now + ttl_ms,
            address: address.to_owned(),
            is_leaving: false,
            changes: 0,
        };
        self.leases.insert(node_id.to_owned(), lease);
        Ok(LeaseTaken {
            epoch,
            server_ids: (first, SERVER_IDS),
        })
    }

    /// Renews a lease, also one that has ended and that nobody has cleared away.
    pub(crate) fn renew(&mut self, holder: &Holder, now: i64, ttl_ms: i64) -> Result<(), Error> {
        let lease = self.lease_of(holder).ok_or(Error::Fenced)?;
        lease.expires_at = now + ttl_ms;
        Ok(())
    }

    /// Gives a lease back.
    pub(crate) fn release(&mut self, holder: &Holder) {
        if self.lease_of(holder).is_some() {
            self.leases.remove(&holder.node_id);
        }
    }

    fn lease_of(&mut self, holder: &Holder) -> Option<&mut Lease> {
        let lease = self.leases.get_mut(&holder.node_id)?;
        (lease.epoch == holder.server_epoch).then_some(lease)
    }

    /// All servers by name.
    pub(crate) fn servers(&self, now: i64) -> Vec<LeaseRow> {
        let row = |(node_id, lease): (&String, &Lease)| LeaseRow {
            holder: Holder {
                node_id: node_id.clone(),
                server_epoch: lease.epoch,
            },
            worker_address: lease.address.clone(),
            http_address: None,
            http_worker_address: None,
            is_leaving: lease.is_leaving,
            acquired_at_ms: 0,
            changes: lease.changes,
            lives_for_ms: lease.expires_at - now,
        };
        self.leases.iter().map(row).collect()
    }

    /// All applications with their owners.
    pub(crate) fn owners(&self) -> Vec<AppOwner> {
        let owner = |(app_id, assigned): (&AppId, &Option<Assigned>)| AppOwner {
            app_id: *app_id,
            holder: assigned.as_ref().map(|it| it.holder.clone()),
            epoch: assigned.as_ref().map_or(0, |it| it.epoch),
        };
        self.apps.iter().map(owner).collect()
    }

    /// Says that a server is about to end.
    pub(crate) fn announce_leaving(&mut self, holder: &Holder) -> Result<(), Error> {
        let lease = self.lease_of(holder).ok_or(Error::Fenced)?;
        lease.is_leaving = true;
        lease.changes += 1;
        Ok(())
    }

    /// Takes what no living server has.
    pub(crate) fn take(
        &mut self,
        holder: &Holder,
        apps: &[AppId],
        now: i64,
    ) -> Result<Vec<Assignment>, Error> {
        self.lease_of(holder).ok_or(Error::Fenced)?.changes += 1;
        for app_id in apps {
            let living = |it: &Assigned| {
                let lease = self.leases.get(&it.holder.node_id);
                lease.is_some_and(|lease| {
                    lease.epoch == it.holder.server_epoch && lease.expires_at > now
                })
            };
            let Some(place) = self.apps.get(app_id) else {
                continue;
            };
            if place.as_ref().is_some_and(living) {
                continue;
            }
            let epoch = place.as_ref().map_or(0, |it| it.epoch) + 1;
            let holder = holder.clone();
            self.apps.insert(*app_id, Some(Assigned { holder, epoch }));
        }
        Ok(self.owned_of(holder, apps))
    }

    /// Gives applications to a living server.
    pub(crate) fn hand_over(
        &mut self,
        holder: &Holder,
        (apps, to): (&[AppId], &Holder),
        now: i64,
    ) -> Result<Vec<Assignment>, Error> {
        self.lease_of(holder).ok_or(Error::Fenced)?;
        let lives = |lease: &mut Lease| lease.expires_at > now;
        if !self.lease_of(to).is_some_and(lives) {
            return Err(Error::Conflict {
                what: "server",
                reason: "the receiver is gone".to_owned(),
            });
        }
        for app_id in apps {
            if let Some(Some(assigned)) = self.apps.get_mut(app_id)
                && assigned.holder == *holder
            {
                assigned.holder = to.clone();
                assigned.epoch += 1;
            }
        }
        self.lease_of(holder).ok_or(Error::Fenced)?.changes += 1;
        Ok(self.owned_of(to, apps))
    }

    fn owned_of(&self, holder: &Holder, apps: &[AppId]) -> Vec<Assignment> {
        let owned = apps.iter().filter_map(|app_id| {
            let epoch = self.epoch_of(*app_id, holder)?;
            Some(Assignment {
                app_id: *app_id,
                epoch,
            })
        });
        owned.collect()
    }
}
