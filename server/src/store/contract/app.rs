//! Applications.

use powerjob_common::id::{AppId, InstanceId};
use powerjob_common::secret::Secret;
use powerjob_common::status::{InstanceStatus, Role, RoleScope};
use powerjob_common::time::UnixMillis;

use super::build::{account, app, apply, ended_state, insert, instance, saved_job, update_from};
use super::{Fixture, START};
use crate::domain::instance::Instance;
use crate::store::Error;
use crate::store::app::{AppChange, NewApp};
use crate::store::write::WriteOp;

pub(super) async fn a_name_is_used_once(fixture: Fixture) {
    let store = &fixture.store;
    let creator = store.create_account(account("ann")).await.unwrap().id;
    let new = NewApp {
        name: "app-1".to_owned(),
        title: String::new(),
        tags: vec![],
        namespace_id: None,
        creator: Some(creator),
        worker_secret: Secret::new("s".to_owned()),
    };
    let made = store.create_app(new.clone()).await.unwrap();
    assert_eq!(made.created_at, START);
    assert_eq!(store.app_by_name("app-1".to_owned()).await.unwrap(), made);
    let grants = store.grants(creator).await.unwrap();
    assert_eq!(
        (grants[0].scope, grants[0].role),
        (RoleScope::App, Role::Admin)
    );
    let taken = store.create_app(new.clone()).await;
    assert!(
        matches!(taken, Err(Error::Conflict { what: "name", .. })),
        "{taken:?}"
    );
    for name in ["", "no spaces", "ümlaut", &"n".repeat(65)] {
        let unfit = store
            .create_app(NewApp {
                name: name.to_owned(),
                ..new.clone()
            })
            .await;
        assert!(
            matches!(unfit, Err(Error::Invalid { field: "name", .. })),
            "{name}: {unfit:?}"
        );
    }
    assert_eq!(store.apps().await.unwrap(), [made]);
}

pub(super) async fn a_change_leaves_the_rest(fixture: Fixture) {
    let store = &fixture.store;
    let made = app(store, "app").await;
    assert_eq!(made.tags, ["one", "two"]);
    let change = AppChange {
        title: Some("new".to_owned()),
        ..AppChange::default()
    };
    let changed = store.change_app(made.id, change).await.unwrap();
    assert_eq!((changed.title.as_str(), changed.tags.len()), ("new", 2));
    let unfit = AppChange {
        tags: Some(vec!["a,b".to_owned()]),
        ..AppChange::default()
    };
    let refused = store.change_app(made.id, unfit).await;
    assert!(matches!(refused, Err(Error::Invalid { field: "tags", .. })));
    let missing = store.change_app(AppId(99), AppChange::default()).await;
    assert_eq!(
        missing,
        Err(Error::NotFound {
            what: "application"
        })
    );
}

pub(super) async fn an_application_with_open_instances_stays(fixture: Fixture) {
    let store = &fixture.store;
    let job = saved_job(store).await;
    let open = Instance {
        app_id: job.app_id,
        job_id: job.id,
        ..instance(1)
    };
    apply(store, vec![insert(open)]).await;
    let refused = store.delete_app(job.app_id).await;
    assert!(matches!(
        refused,
        Err(Error::Conflict {
            what: "open_instances",
            ..
        })
    ));
    apply(store, vec![end(job.app_id, 1, InstanceStatus::Canceled)]).await;
    store.delete_app(job.app_id).await.unwrap();
    let gone = Err(Error::NotFound {
        what: "application",
    });
    assert_eq!(store.delete_app(job.app_id).await, gone);
    for table in ["{job_info}", "{pj_job_history}", "{pj_secret}"] {
        assert_eq!(
            fixture
                .number(&format!("select count(*) from {table}"))
                .await,
            0,
            "{table}"
        );
    }
    assert!(store.instance(InstanceId(1)).await.is_ok(), "history stays");
}

fn end(app_id: AppId, id: i64, status: InstanceStatus) -> WriteOp {
    let ended = ended_state(status);
    let WriteOp::Update(mut update) = update_from(id, (InstanceStatus::WaitingDispatch, 0), ended)
    else {
        unreachable!("update_from makes updates");
    };
    update.app_id = app_id;
    WriteOp::Update(update)
}

pub(super) async fn secrets_are_rotated(fixture: Fixture) {
    let store = &fixture.store;
    let id = app(store, "app").await.id;
    let values = async || {
        let secrets = store.app_secrets(id).await.unwrap();
        secrets
            .into_iter()
            .map(|secret| secret.value.expose().clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(values().await, ["first secret"]);
    let secret = |text: &str| Secret::new(text.to_owned());
    store
        .rotate_app_secret(id, secret("second"), 2)
        .await
        .unwrap();
    assert_eq!(values().await, ["second", "first secret"]);
    store
        .rotate_app_secret(id, secret("third"), 2)
        .await
        .unwrap();
    assert_eq!(values().await, ["third", "second"]);
    store
        .rotate_app_secret(id, secret("fourth"), 0)
        .await
        .unwrap();
    assert_eq!(values().await, ["fourth"]);
}

pub(super) async fn health_counts_what_is_there(fixture: Fixture) {
    let store = &fixture.store;
    let job = saved_job(store).await;
    // Ids carry their time: these are of the start of the test.
    let base = (START.0 - 1_555_776_000_000) << 22;
    let of_job = |id| {
        insert(Instance {
            app_id: job.app_id,
            job_id: job.id,
            ..instance(id)
        })
    };
    apply(store, (base..base + 5).map(of_job).collect()).await;
    let ends = [
        InstanceStatus::Failed,
        InstanceStatus::Succeed,
        InstanceStatus::Succeed,
    ];
    let ends = (base..)
        .zip(ends)
        .map(|(id, status)| end(job.app_id, id, status))
        .collect();
    apply(store, ends).await;
    let health = store
        .app_health(vec![job.app_id], UnixMillis(START.0 - 1))
        .await
        .unwrap();
    let health = &health[0];
    assert_eq!((health.jobs, health.open_instances), (1, 2));
    assert_eq!((health.failed, health.succeeded), (1, 2));
    assert_eq!(health.next_trigger_at, job.next_trigger_at);
    let figures = store
        .run_figures(job.app_id, UnixMillis(START.0 - 1), 9)
        .await
        .unwrap();
    let statuses: Vec<_> = figures.iter().map(|run| run.status.code()).collect();
    assert_eq!(statuses, [1, 1, 5, 5, 4], "newest first");
    assert!(figures.iter().all(|run| run.job_id == job.id));
    let ended = ended_state(InstanceStatus::Failed);
    assert_eq!(figures[4].finished_at, ended.finished_at);
    let since = UnixMillis(START.0 - 1);
    let newest = store.run_figures(job.app_id, since, 2).await.unwrap();
    assert_eq!(newest, figures[..2]);
    let later = store
        .app_health(vec![job.app_id], UnixMillis(START.0 + 1))
        .await
        .unwrap();
    assert_eq!((later[0].failed, later[0].succeeded), (0, 0));
}
