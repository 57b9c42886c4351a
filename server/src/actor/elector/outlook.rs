//! What the database says about servers and applications, and what this server has to do about it.
//! Pure.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use powerjob_common::id::AppId;

use crate::domain::share_out::{Member, Move, share_out};
use crate::live::{ClusterView, ServerInfo};
use crate::store::assignment::{AppOwner, Holder, LeaseRow};
use crate::store::lease::Assignment;

/// See the head of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outlook {
    /// For everybody to see.
    pub(super) view: ClusterView,
    /// What is ours.
    pub(super) owned: Vec<Assignment>,
    /// What nobody ever had: new applications.
    pub(super) new: Vec<AppId>,
    /// All that has to change hands.
    pub(super) moves: Vec<Move<Holder>>,
}

impl Outlook {
    /// A lease that lives for no longer than `late_ms` should have been renewed.
    pub(super) fn new(
        me: &Holder,
        late_ms: i64,
        servers: &[LeaseRow],
        owners: &[AppOwner],
    ) -> Self {
        let infos: BTreeMap<&Holder, Arc<ServerInfo>> = servers
            .iter()
            .filter(|server| server.is_alive() || server.holder == *me)
            .map(|server| (&server.holder, Arc::new(info(server, late_ms))))
            .collect();
        let members: Vec<_> = infos
            .iter()
            .map(|(holder, info)| Member {
                server: (*holder).clone(),
                is_leaving: info.is_leaving,
            })
            .collect();
        let held: Vec<_> = owners
            .iter()
            .map(|owner| (owner.app_id, owner.holder.clone()))
            .collect();
        let living_owner = |owner: &AppOwner| {
            let info = infos.get(owner.holder.as_ref()?)?;
            Some((owner.app_id, info.clone()))
        };
        let is_ours = |owner: &&AppOwner| owner.holder.as_ref() == Some(me);
        Self {
            view: ClusterView {
                owners: owners.iter().filter_map(living_owner).collect(),
                servers: infos.values().cloned().collect(),
            },
            owned: owners.iter().filter(is_ours).map(assignment).collect(),
            new: owners
                .iter()
                .filter(|owner| owner.holder.is_none())
                .map(|owner| owner.app_id)
                .collect(),
            moves: share_out(&members, &held),
        }
    }

    /// Whether another server is about to give something to `me`.
    pub(super) fn gets(&self, me: &Holder) -> bool {
        self.moves
            .iter()
            .any(|it| it.from.is_some() && it.to == *me)
    }

    /// What of `loaded` is not ours any more.
    pub(super) fn lost(&self, loaded: &HashMap<AppId, i64>) -> Vec<AppId> {
        let owned: HashMap<_, _> = self
            .owned
            .iter()
            .map(|own| (own.app_id, own.epoch))
            .collect();
        let is_lost = |(app_id, epoch): &(&AppId, &i64)| owned.get(app_id) != Some(epoch);
        loaded
            .iter()
            .filter(is_lost)
            .map(|(app_id, _)| *app_id)
            .collect()
    }
}

fn assignment(owner: &AppOwner) -> Assignment {
    Assignment {
        app_id: owner.app_id,
        epoch: owner.epoch,
    }
}

fn info(server: &LeaseRow, late_ms: i64) -> ServerInfo {
    ServerInfo {
        node_id: server.holder.node_id.clone(),
        epoch: server.holder.server_epoch,
        worker_address: server.worker_address.clone(),
        http_address: server.http_address.clone(),
        http_worker_address: server.http_worker_address.clone(),
        is_leaving: server.is_leaving,
        is_late: server.lives_for_ms <= late_ms,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::actor::elector) fn holder(name: &str) -> Holder {
        Holder {
            node_id: name.to_owned(),
            server_epoch: 1,
        }
    }

    pub(in crate::actor::elector) fn server(name: &str, lives_for_ms: i64) -> LeaseRow {
        LeaseRow {
            holder: holder(name),
            worker_address: format!("{name}:10010"),
            http_address: None,
            http_worker_address: None,
            is_leaving: false,
            acquired_at_ms: 0,
            changes: 0,
            lives_for_ms,
        }
    }

    fn owners(list: &[&str]) -> Vec<AppOwner> {
        let owner = |(id, name): (i64, &&str)| AppOwner {
            app_id: AppId(id),
            holder: (!name.is_empty()).then(|| holder(name)),
            epoch: 3,
        };
        (1..).zip(list).map(owner).collect()
    }

    fn look(servers: &[LeaseRow], list: &[&str]) -> Outlook {
        Outlook::new(&holder("a"), 600, servers, &owners(list))
    }

    #[test]
    fn what_a_dead_server_had_is_shared_out_among_the_living() {
        let servers = [server("a", 900), server("b", 900), server("c", -1)];
        let outlook = look(&servers, &["a", "b", "c", "c", ""]);
        assert_eq!(outlook.view.servers.len(), 2);
        assert_eq!(outlook.view.owners.len(), 2);
        assert_eq!(outlook.new, [AppId(5)]);
        let taken: Vec<_> = outlook
            .moves
            .iter()
            .map(|it| (it.app_id.0, &*it.to.node_id))
            .collect();
        assert_eq!(taken, [(3, "a"), (4, "a"), (5, "b")]);
        assert!(outlook.moves.iter().all(|it| it.from.is_none()));
        assert!(!outlook.gets(&holder("a")));
    }

    #[test]
    fn who_has_not_renewed_for_a_while_is_late_and_keeps_what_it_has() {
        let outlook = look(&[server("a", 900), server("b", 600)], &["a", "b"]);
        let late: Vec<_> = outlook.view.servers.iter().map(|it| it.is_late).collect();
        assert_eq!(late, [false, true]);
        assert!(outlook.moves.is_empty());
    }

    #[test]
    fn a_newer_life_of_a_node_is_another_server() {
        let mut again = server("c", 900);
        again.holder.server_epoch = 2;
        let outlook = look(&[server("a", 900), again.clone()], &["a", "c"]);
        let only = Move {
            app_id: AppId(2),
            from: None,
            to: again.holder,
        };
        assert_eq!(outlook.moves, [only]);
    }

    #[test]
    fn who_gets_something_knows_it() {
        let servers = [server("a", 900), server("b", 900)];
        let outlook = look(&servers, &["a", "a", "a", "a"]);
        assert!(outlook.gets(&holder("b")));
        assert!(!outlook.gets(&holder("a")));
        assert_eq!(outlook.moves.len(), 2);
    }

    #[test]
    fn what_was_taken_over_or_has_a_new_epoch_is_lost() {
        let outlook = look(&[server("a", 900), server("b", 900)], &["a", "b", "a"]);
        let loaded = HashMap::from([(AppId(1), 3), (AppId(2), 3), (AppId(3), 2)]);
        let mut lost = outlook.lost(&loaded);
        lost.sort_unstable();
        assert_eq!(lost, [AppId(2), AppId(3)]);
    }
}
