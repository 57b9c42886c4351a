//! Two servers on one database at once.

use std::sync::Arc;
use std::time::Duration;

use powerjob_common::id::InstanceId;
use powerjob_common::status::InstanceStatus;

use super::build::{
    app, claim_apps, ended_state, insert, instance, occurrence, saved_job, trigger, update, write,
};
use super::writer::lease_request;
use super::{Fixture, open};
use crate::domain::instance::Instance;
use crate::store::write::{WriteOp, WriteOutcome};
use crate::store::{Error, Store};

/// Another server on the fixture's database.
async fn other(fixture: &Fixture) -> Store {
    open(fixture.config(), &fixture.clock).await.unwrap()
}

pub(super) async fn servers_that_start_at_once_make_the_tables_once(fixture: Fixture) {
    let stores = (0..4).map(|_| {
        let (config, clock) = (fixture.config(), Arc::clone(&fixture.clock));
        tokio::spawn(async move { open(config, &clock).await })
    });
    for store in stores.collect::<Vec<_>>() {
        store.await.unwrap().unwrap();
    }
}

pub(super) async fn a_name_has_one_living_server(fixture: Fixture) {
    let second = other(&fixture).await;
    let mut request = lease_request("a", 1);
    request.ttl = Duration::from_secs(60);
    let first = fixture.store.acquire_lease(request).await.unwrap();
    let refused = second.acquire_lease(lease_request("a", 2)).await;
    assert!(
        matches!(&refused, Err(Error::InUse(text)) if text.contains("127.0.0.1:10086")),
        "{refused:?}"
    );
    second.acquire_lease(lease_request("b", 1)).await.unwrap();
    first.renew().await.unwrap();
    fixture.expire_leases().await;
    second.acquire_lease(lease_request("a", 2)).await.unwrap();
    assert_eq!(first.renew().await, Err(Error::Fenced));
}

pub(super) async fn an_application_is_claimed_by_one_of_two(fixture: Fixture) {
    let second = other(&fixture).await;
    for number in 0..20 {
        app(&fixture.store, &format!("app-{number}")).await;
    }
    let long = |node| {
        let mut request = lease_request(node, 1);
        request.ttl = Duration::from_secs(60);
        request
    };
    let a = fixture.store.acquire_lease(long("a")).await.unwrap();
    let b = second.acquire_lease(long("b")).await.unwrap();
    let (of_a, of_b) = tokio::join!(claim_apps(&a), claim_apps(&b));
    let (of_a, of_b) = (of_a.unwrap(), of_b.unwrap());
    assert_eq!(of_a.len() + of_b.len(), 20, "{of_a:?} {of_b:?}");
    let shared = of_a
        .iter()
        .any(|one| of_b.iter().any(|other| other.app_id == one.app_id));
    assert!(!shared, "{of_a:?} {of_b:?}");
    // The living keep what they have; what a dead one had goes to the other, with a higher epoch.
    assert_eq!(claim_apps(&b).await.unwrap(), []);
    let text = "update {pj_server_lease} set expires_at = 0 where node_id = 'a'";
    fixture.execute(text).await;
    let taken = claim_apps(&b).await.unwrap();
    assert_eq!(taken.len(), of_a.len());
    assert!(taken.iter().all(|taken| taken.epoch == 2), "{taken:?}");
}

pub(super) async fn a_zombie_writes_nothing_after_a_take_over(fixture: Fixture) {
    let zombie = &fixture.store;
    let app_id = app(zombie, "app").await.id;
    let of_app = |id| Instance {
        app_id,
        ..instance(id)
    };
    let lease = zombie.acquire_lease(lease_request("a", 1)).await.unwrap();
    claim_apps(&lease).await.unwrap();
    assert_eq!(
        write(zombie, vec![insert(of_app(1))]).await,
        [WriteOutcome::Applied]
    );
    let heir = other(&fixture).await;
    let successor = heir.acquire_lease(lease_request("b", 1)).await.unwrap();
    fixture.expire_leases().await;
    assert_eq!(claim_apps(&successor).await.unwrap().len(), 1);
    let ended = WriteOp::Update(match update(1, ended_state(InstanceStatus::Succeed)) {
        WriteOp::Update(update) => {
            Box::new(crate::store::write::InstanceUpdate { app_id, ..*update })
        }
        _ => unreachable!("it is an update"),
    });
    let outcomes = write(zombie, vec![insert(of_app(2)), ended.clone()]).await;
    assert_eq!(outcomes, [WriteOutcome::Fenced, WriteOutcome::Fenced]);
    assert_eq!(write(&heir, vec![ended]).await, [WriteOutcome::Applied]);
    assert_eq!(
        heir.instance(InstanceId(1)).await.unwrap().state.status,
        InstanceStatus::Succeed
    );
    assert!(heir.instance(InstanceId(2)).await.is_err());
}

/// A take-over in the middle of a stream of writes: what the former owner was told is stored was seen by
/// the new one, and nothing was stored after it.
pub(super) async fn a_take_over_parts_the_writes_of_two_owners(fixture: Fixture) {
    let former = fixture.store.clone();
    let app_id = app(&former, "app").await.id;
    let lease = former.acquire_lease(lease_request("a", 1)).await.unwrap();
    claim_apps(&lease).await.unwrap();
    let heir = other(&fixture).await;
    let successor = heir.acquire_lease(lease_request("b", 1)).await.unwrap();
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let stream = tokio::spawn(async move {
        let (mut applied, mut begun) = (0, Some(begun));
        for id in 1.. {
            let one = insert(Instance {
                app_id,
                ..instance(id)
            });
            match &write(&former, vec![one]).await[..] {
                [WriteOutcome::Applied] => applied += 1,
                [WriteOutcome::Fenced] => return applied,
                other => panic!("{other:?}"),
            }
            if applied == 20
                && let Some(begun) = begun.take()
            {
                begun.send(()).unwrap();
            }
        }
        applied
    });
    has_begun.await.unwrap();
    let text = "update {pj_server_lease} set expires_at = 0 where node_id = 'a'";
    heir.write(async move |sql| sql.execute(text, Vec::new()).await)
        .await
        .unwrap();
    assert_eq!(claim_apps(&successor).await.unwrap().len(), 1);
    let seen = heir
        .open_instances(vec![app_id], None, u32::MAX)
        .await
        .unwrap()
        .len();
    let applied = stream.await.unwrap();
    assert_eq!(
        seen, applied,
        "seen by the heir, applied by the former owner"
    );
}

pub(super) async fn one_of_two_gets_a_trigger_key(fixture: Fixture) {
    let second = other(&fixture).await;
    let job = saved_job(&fixture.store).await;
    let due = job.next_trigger_at.unwrap().0;
    for round in 0..10 {
        let (from, to) = (due + round, due + round + 1);
        let op = |id| trigger(&job, Some(from), Some(to), vec![occurrence(id, from)]);
        let (one, other) = tokio::join!(
            write(&fixture.store, vec![op(round * 2 + 1)]),
            write(&second, vec![op(round * 2 + 2)])
        );
        let outcomes = [&one[0], &other[0]];
        let applied = outcomes.iter().filter(|o| ***o == WriteOutcome::Applied);
        assert_eq!(applied.count(), 1, "{outcomes:?}");
    }
    assert_eq!(
        fixture.number("select count(*) from {instance_info}").await,
        10
    );
}
