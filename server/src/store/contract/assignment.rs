//! Taking, handing over and reading applications, beside a second server that is only a row.

use std::time::Duration;

use powerjob_common::id::AppId;
use powerjob_common::status::SwitchableStatus;

use super::Fixture;
use super::build::{app, insert, instance, job, write};
use super::writer::lease_request;
use crate::store::Error;
use crate::store::assignment::{Announcement, AppOwner, Holder};
use crate::store::job::{JobSave, JobSwitch};
use crate::store::lease::{Assignment, ServerLease};
use crate::store::write::WriteOutcome;

const FOR_EVER_MS: i64 = 9_000_000_000_000;

async fn lease(fixture: &Fixture) -> ServerLease {
    let mut request = lease_request("a", 1);
    request.ttl = Duration::from_secs(3_600);
    fixture.store.acquire_lease(request).await.unwrap()
}

/// Another server, which lives for as long as its row says.
async fn other_server(fixture: &Fixture, expires_at: i64) -> Holder {
    let text = format!(
        "insert into {{pj_server_lease}} (node_id, incarnation, epoch, expires_at, address, ip, \
         first_server_id, server_ids, acquired_at) \
         values ('b', 1, 70, {expires_at}, '10.0.0.2:10010', '10.0.0.2', 500, 1, 0)"
    );
    fixture.execute(&text).await;
    Holder {
        node_id: "b".to_owned(),
        server_epoch: 70,
    }
}

fn owned(app_id: AppId, epoch: i64) -> Assignment {
    Assignment { app_id, epoch }
}

pub(super) async fn what_nobody_has_is_taken_and_nothing_else(fixture: Fixture) {
    let lease = lease(&fixture).await;
    let living = other_server(&fixture, FOR_EVER_MS).await;
    let (new, theirs) = (
        app(&fixture.store, "new").await.id,
        app(&fixture.store, "theirs").await.id,
    );
    let text = format!(
        "insert into {{pj_app_assignment}} (app_id, shard, node_id, server_epoch, epoch) \
         values ({}, 0, 'b', 70, 4)",
        theirs.0
    );
    fixture.execute(&text).await;
    let taken = lease.take_apps(vec![new, theirs]).await.unwrap();
    assert_eq!(taken, [owned(new, 1)]);
    let again = lease.take_apps(vec![new]).await.unwrap();
    assert_eq!(again, [owned(new, 1)], "nothing changes by repeating");
    let owners = lease.app_owners().await.unwrap();
    let owner = |app_id, holder: &Holder, epoch| AppOwner {
        app_id,
        holder: Some(holder.clone()),
        epoch,
    };
    assert_eq!(
        owners,
        [owner(new, &lease.holder(), 1), owner(theirs, &living, 4)]
    );
    // The other one takes a new lease: its former life is dead.
    fixture
        .execute("update {pj_server_lease} set epoch = 71 where node_id = 'b'")
        .await;
    let taken = lease.take_apps(vec![new, theirs]).await.unwrap();
    assert_eq!(taken, [owned(new, 1), owned(theirs, 5)]);
}

pub(super) async fn what_is_handed_over_can_not_be_written_any_more(fixture: Fixture) {
    let lease = lease(&fixture).await;
    let other = other_server(&fixture, FOR_EVER_MS).await;
    let (kept, given) = (
        app(&fixture.store, "kept").await.id,
        app(&fixture.store, "given").await.id,
    );
    lease.take_apps(vec![kept, given]).await.unwrap();
    let of_app = |app_id: AppId, id| {
        let mut instance = instance(id);
        instance.app_id = app_id;
        insert(instance)
    };
    lease.wait_for_writes().await.unwrap();
    let moved = lease.hand_over(vec![given], other.clone()).await.unwrap();
    assert_eq!(moved, [owned(given, 2)]);
    let outcomes = write(&fixture.store, vec![of_app(kept, 1), of_app(given, 2)]).await;
    assert_eq!(outcomes, [WriteOutcome::Applied, WriteOutcome::Fenced]);
    let again = lease.hand_over(vec![given], other).await.unwrap();
    assert_eq!(again, [owned(given, 2)], "it has not changed hands again");
    let address = fixture
        .number("select count(*) from {app_info} where current_server = '10.0.0.2:10010'")
        .await;
    assert_eq!(address, 1);
}

pub(super) async fn jobs_of_an_application_that_has_left_are_not_saved(fixture: Fixture) {
    let lease = lease(&fixture).await;
    let other = other_server(&fixture, FOR_EVER_MS).await;
    let store = &fixture.store;
    let app_id = app(store, "app").await.id;
    lease.take_apps(vec![app_id]).await.unwrap();
    let saved = store.create_job(job(app_id, "one"), None).await.unwrap();
    let switch = JobSwitch {
        id: saved.id,
        status: SwitchableStatus::Disable,
        next_trigger_at: None,
        author: None,
        cancel_after: None,
    };
    let save = JobSave {
        job: saved,
        base_revision: None,
        author: None,
        cancel_after: None,
    };
    // Behind the back of this server, as while it stood still.
    let text = format!(
        "update {{pj_app_assignment}} set epoch = 2, node_id = 'b', server_epoch = {} \
         where app_id = {}",
        other.server_epoch, app_id.0
    );
    fixture.execute(&text).await;
    let created = store.create_job(job(app_id, "two"), None).await;
    assert_eq!(created.err(), Some(Error::Fenced));
    assert_eq!(store.save_job(save).await.err(), Some(Error::Fenced));
    assert_eq!(store.switch_job(switch).await.err(), Some(Error::Fenced));
    assert_eq!(fixture.number("select count(*) from {job_info}").await, 1);
}

pub(super) async fn nothing_is_handed_to_a_server_that_is_gone(fixture: Fixture) {
    let lease = lease(&fixture).await;
    let app_id = app(&fixture.store, "app").await.id;
    lease.take_apps(vec![app_id]).await.unwrap();
    let gone = Holder {
        node_id: "b".to_owned(),
        server_epoch: 70,
    };
    let refused = lease.hand_over(vec![app_id], gone).await;
    assert!(
        matches!(refused, Err(Error::Conflict { what: "server", .. })),
        "{refused:?}"
    );
    assert_eq!(
        lease.app_owners().await.unwrap()[0].holder,
        Some(lease.holder())
    );
    assert_eq!(lease.app_owners().await.unwrap()[0].epoch, 1);
}

pub(super) async fn without_a_lease_nothing_is_taken_or_given(fixture: Fixture) {
    let lease = lease(&fixture).await;
    let other = other_server(&fixture, FOR_EVER_MS).await;
    let app_id = app(&fixture.store, "app").await.id;
    lease.take_apps(vec![app_id]).await.unwrap();
    fixture
        .execute("delete from {pj_server_lease} where node_id = 'a'")
        .await;
    assert_eq!(lease.take_apps(vec![app_id]).await, Err(Error::Fenced));
    assert_eq!(
        lease.hand_over(vec![app_id], other).await,
        Err(Error::Fenced)
    );
    assert_eq!(
        lease.app_owners().await.unwrap()[0].epoch,
        1,
        "all of it was undone"
    );
}

pub(super) async fn servers_see_what_others_say_of_themselves(fixture: Fixture) {
    let lease = lease(&fixture).await;
    other_server(&fixture, FOR_EVER_MS).await;
    let before = lease.servers().await.unwrap();
    assert_eq!(before.len(), 2);
    assert_eq!(
        (before[0].holder.clone(), before[0].changes),
        (lease.holder(), 0)
    );
    assert!(
        before
            .iter()
            .all(|server| server.is_alive() && !server.is_leaving)
    );
    let said = Announcement {
        http_address: Some("10.0.0.1:7700".to_owned()),
        http_worker_address: Some("10.0.0.1:10011".to_owned()),
        is_leaving: true,
    };
    lease.announce(said).await.unwrap();
    let after = lease.servers().await.unwrap();
    assert_eq!(after[0].http_address.as_deref(), Some("10.0.0.1:7700"));
    let for_workers = after[0].http_worker_address.as_deref();
    assert_eq!(for_workers, Some("10.0.0.1:10011"));
    assert_eq!((after[0].is_leaving, after[0].changes), (true, 1));
    assert_eq!(after[1].worker_address, "10.0.0.2:10010");
    assert_eq!(after[1].http_address, None);
}
