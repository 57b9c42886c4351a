//! Leases and assignments.

use std::sync::Arc;
use std::time::Duration;

use powerjob_common::time::{Clock, UnixMillis};
use tokio::sync::mpsc;

use super::Fixture;
use super::build::{app, claim_apps, insert, instance, write};
use super::writer::lease_request;
use crate::domain::instance::Instance;
use crate::store::Error;
use crate::store::assignment::LeaseRow;
use crate::store::lease::{Assignment, LeaseWatch, Renewal};
use crate::store::sql::date_text;
use crate::store::write::WriteOutcome;

pub(super) async fn every_taking_raises_the_epoch(fixture: Fixture) {
    let mut epochs = Vec::new();
    for (node, incarnation) in [("a", 1), ("a", 2), ("b", 1), ("a", 2)] {
        fixture.expire_leases().await;
        let lease = fixture
            .store
            .acquire_lease(lease_request(node, incarnation))
            .await
            .unwrap();
        epochs.push(lease.epoch());
    }
    assert!(
        epochs.is_sorted_by(|before, after| before < after),
        "{epochs:?}"
    );
    assert_eq!(
        fixture
            .number("select count(*) from {pj_server_lease}")
            .await,
        if fixture.store.is_shared() { 2 } else { 1 }
    );
}

pub(super) async fn the_former_life_is_fenced(fixture: Fixture) {
    let former = fixture
        .store
        .acquire_lease(lease_request("a", 1))
        .await
        .unwrap();
    fixture.clock.advance(Duration::from_millis(300));
    let renewed = former.renew().await.unwrap();
    assert_eq!(renewed.sent_at, fixture.clock.monotonic());
    fixture.expire_leases().await;
    fixture
        .store
        .acquire_lease(lease_request("a", 2))
        .await
        .unwrap();
    assert_eq!(former.renew().await, Err(Error::Fenced));
    assert_eq!(claim_apps(&former).await, Err(Error::Fenced));
}

pub(super) async fn applications_are_claimed_once_and_again_by_the_next_life(fixture: Fixture) {
    let store = &fixture.store;
    let first = app(store, "first").await.id;
    let lease = store.acquire_lease(lease_request("a", 1)).await.unwrap();
    let claimed = claim_apps(&lease).await.unwrap();
    assert_eq!(
        claimed,
        [Assignment {
            app_id: first,
            epoch: 1
        }]
    );
    assert_eq!(claim_apps(&lease).await.unwrap(), []);
    assert_eq!(
        store.app(first).await.unwrap().current_server.as_deref(),
        Some("127.0.0.1:10086")
    );
    let second = app(store, "second").await.id;
    let claimed = claim_apps(&lease).await.unwrap();
    assert_eq!(
        claimed,
        [Assignment {
            app_id: second,
            epoch: 1
        }]
    );
    fixture.expire_leases().await;
    let next = store.acquire_lease(lease_request("b", 1)).await.unwrap();
    let mut claimed = claim_apps(&next).await.unwrap();
    claimed.sort_by_key(|owned| owned.app_id);
    assert_eq!(
        claimed,
        [
            Assignment {
                app_id: first,
                epoch: 2
            },
            Assignment {
                app_id: second,
                epoch: 2
            }
        ]
    );
}

pub(super) async fn server_ids_go_round(fixture: Fixture) {
    let mut request = lease_request("a", 1);
    request.server_ids = 256;
    let mut seen = Vec::new();
    for _ in 0..65 {
        fixture.expire_leases().await;
        seen.push(
            fixture
                .store
                .acquire_lease(request.clone())
                .await
                .unwrap()
                .server_ids(),
        );
    }
    assert_eq!(seen[..3], [(0, 256), (256, 256), (512, 256)]);
    assert_eq!(seen[63..], [(16_128, 256), (0, 256)]);
}

pub(super) async fn a_living_java_server_keeps_us_out(fixture: Fixture) {
    let heard = date_text(UnixMillis(fixture.clock.now().0 - 44_000));
    let text =
        format!("insert into {{server_info}} (ip, gmt_modified) values ('10.1.1.1', '{heard}')");
    fixture.execute(&text).await;
    let refused = fixture.store.acquire_lease(lease_request("a", 1)).await;
    assert!(
        matches!(&refused, Err(Error::InUse(text)) if text.contains("10.1.1.1")),
        "{refused:?}"
    );
    fixture.clock.advance(Duration::from_secs(2));
    fixture
        .store
        .acquire_lease(lease_request("a", 1))
        .await
        .unwrap();
    fixture.expire_leases().await;
    // Our own row does not keep the next life out.
    fixture
        .store
        .acquire_lease(lease_request("a", 2))
        .await
        .unwrap();
}

pub(super) async fn a_released_lease_fences_what_is_still_written(fixture: Fixture) {
    let store = &fixture.store;
    let app_id = app(store, "app").await.id;
    let lease = store.acquire_lease(lease_request("a", 1)).await.unwrap();
    claim_apps(&lease).await.unwrap();
    let of_app = |id| {
        insert(Instance {
            app_id,
            ..instance(id)
        })
    };
    assert_eq!(write(store, vec![of_app(1)]).await, [WriteOutcome::Applied]);
    lease.release().await.unwrap();
    lease.release().await.unwrap();
    assert_eq!(write(store, vec![of_app(2)]).await, [WriteOutcome::Fenced]);
    assert_eq!(
        fixture.number("select count(*) from {server_info}").await,
        0
    );
}

struct Report(mpsc::UnboundedSender<Result<Renewal, Error>>);

impl LeaseWatch for Report {
    fn renewed(&self, result: Result<Renewal, Error>) {
        self.0.send(result).ok();
    }

    fn seen(&self, servers: Vec<LeaseRow>) {
        assert_eq!(servers.len(), 1);
        assert!(servers[0].is_alive());
    }
}

pub(super) async fn the_keeper_reports_renewals_and_the_loss(fixture: Fixture) {
    let lease = fixture
        .store
        .acquire_lease(lease_request("a", 1))
        .await
        .unwrap();
    let (sender, mut reports) = mpsc::unbounded_channel();
    let _keeper = lease
        .keep(Duration::from_millis(1), Arc::new(Report(sender)))
        .unwrap();
    for _ in 0..3 {
        assert!(reports.recv().await.unwrap().is_ok());
    }
    fixture
        .execute("update {pj_server_lease} set epoch = epoch + 1")
        .await;
    let mut last = Ok(lease.acquired());
    while let Some(report) = reports.recv().await {
        last = report;
    }
    assert_eq!(last, Err(Error::Fenced), "the keeper ends with the loss");
}

pub(super) async fn a_server_is_known_with_its_applications(fixture: Fixture) {
    let store = &fixture.store;
    app(store, "one").await;
    app(store, "two").await;
    let lease = store.acquire_lease(lease_request("a", 1)).await.unwrap();
    claim_apps(&lease).await.unwrap();
    let known = store.known_servers().await.unwrap();
    assert_eq!(known.len(), 1);
    assert_eq!(known[0].lease.holder, lease.holder());
    assert!(known[0].lease.acquired_at_ms > 0);
    assert_eq!(known[0].apps, 2);
}
