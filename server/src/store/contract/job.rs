//! Jobs.

use std::time::Duration;

use powerjob_common::id::{AppId, InstanceId, JobId, UserId};
use powerjob_common::status::{
    DispatchStrategy, InstanceStatus, SwitchableStatus, TimeExpressionType,
};
use powerjob_common::time::{Clock, UnixMillis};

use super::build::{app, apply, insert, instance, job, occurrence, saved_job, trigger};
use super::{Fixture, START};
use crate::domain::instance::Instance;
use crate::domain::job::JobDefinition;
use crate::store::Error;
use crate::store::job::{JobFilter, JobPart, JobSave, JobSort, JobSwitch};

fn save(job: JobDefinition) -> JobSave {
    JobSave {
        job,
        base_revision: None,
        author: None,
        cancel_after: None,
    }
}

pub(super) async fn a_job_comes_back_as_it_was_saved(fixture: Fixture) {
    let store = &fixture.store;
    let created = saved_job(store).await;
    assert_eq!((created.revision, created.created_at), (1, START));
    assert_eq!(store.job(created.id).await.unwrap(), created);
    fixture.clock.advance(Duration::from_secs(1));
    let changed = JobDefinition {
        params: "other".to_owned(),
        ..created.clone()
    };
    let saved = store.save_job(save(changed.clone())).await.unwrap();
    let modified_at = fixture.clock.now();
    assert_eq!(
        saved.job,
        JobDefinition {
            revision: 2,
            modified_at,
            ..changed
        }
    );
    assert_eq!(store.job(created.id).await.unwrap(), saved.job);
    assert_eq!(
        store.job(JobId(999)).await,
        Err(Error::NotFound { what: "job" })
    );
}

pub(super) async fn a_save_on_an_old_base_is_refused(fixture: Fixture) {
    let store = &fixture.store;
    let created = saved_job(store).await;
    let first = JobSave {
        base_revision: Some(1),
        ..save(created.clone())
    };
    store.save_job(first.clone()).await.unwrap();
    let refused = store.save_job(first).await;
    assert!(
        matches!(
            refused,
            Err(Error::Conflict {
                what: "revision",
                ..
            })
        ),
        "{refused:?}"
    );
    assert_eq!(store.job(created.id).await.unwrap().revision, 2);
    store.save_job(save(created)).await.unwrap();
}

pub(super) async fn a_change_calls_off_what_was_made_ahead(fixture: Fixture) {
    let store = &fixture.store;
    let job = saved_job(store).await;
    let due = job.next_trigger_at.unwrap().0;
    let made = vec![
        occurrence(1, due),
        occurrence(2, due + 1_000),
        occurrence(3, due + 2_000),
    ];
    apply(
        store,
        vec![trigger(&job, Some(due), Some(due + 3_000), made)],
    )
    .await;
    let by_hand = Instance {
        job_id: job.id,
        app_id: job.app_id,
        ..instance(4)
    };
    apply(store, vec![insert(by_hand)]).await;
    let change = JobSave {
        cancel_after: Some(UnixMillis(due)),
        ..save(job.clone())
    };
    let saved = store.save_job(change).await.unwrap();
    assert_eq!(saved.canceled, [InstanceId(2), InstanceId(3)]);
    for (id, status) in [
        (1, InstanceStatus::WaitingDispatch),
        (2, InstanceStatus::Canceled),
        (3, InstanceStatus::Canceled),
        (4, InstanceStatus::WaitingDispatch),
    ] {
        assert_eq!(
            store.instance(InstanceId(id)).await.unwrap().state.status,
            status,
            "{id}"
        );
    }
    // What was called off is made again, under the new definition: the store alone knows what it
    // was when a caller has not heard of an earlier change or trigger (14).
    assert_eq!(saved.job.next_trigger_at, Some(UnixMillis(due + 1_000)));
    assert_eq!(store.job(job.id).await.unwrap(), saved.job);
    let blind = JobSave {
        cancel_after: Some(UnixMillis(due + 1_500)),
        ..save(JobDefinition {
            next_trigger_at: Some(UnixMillis(due + 2_000)),
            ..job.clone()
        })
    };
    let saved = store.save_job(blind).await.unwrap();
    assert_eq!(saved.job.next_trigger_at, Some(UnixMillis(due + 1_000)));
    let again = vec![occurrence(5, due + 1_000)];
    let next = saved.job.next_trigger_at.map(|next| next.0);
    apply(store, vec![trigger(&saved.job, next, Some(due + 9), again)]).await;
}

pub(super) async fn switching_off_and_deleting(fixture: Fixture) {
    let store = &fixture.store;
    let job = saved_job(store).await;
    let switch = |status| JobSwitch {
        id: job.id,
        status,
        next_trigger_at: None,
        author: None,
        cancel_after: None,
    };
    let off = store
        .switch_job(switch(SwitchableStatus::Disable))
        .await
        .unwrap()
        .job;
    assert_eq!((off.status, off.revision), (SwitchableStatus::Disable, 2));
    assert_eq!(off.next_trigger_at, None);
    store
        .switch_job(switch(SwitchableStatus::Deleted))
        .await
        .unwrap();
    assert_eq!(
        store.job(job.id).await.unwrap().status,
        SwitchableStatus::Deleted
    );
    let gone = Err(Error::NotFound { what: "job" });
    assert_eq!(
        store.switch_job(switch(SwitchableStatus::Enable)).await,
        gone
    );
    assert_eq!(store.save_job(save(job.clone())).await, gone);
}

pub(super) async fn a_copy_is_off_and_named_so(fixture: Fixture) {
    let store = &fixture.store;
    let job = saved_job(store).await;
    let copy = store.copy_job(job.id, None).await.unwrap();
    assert_eq!((copy.name.as_str(), copy.revision), ("job_COPY", 1));
    assert_eq!(
        (copy.status, copy.next_trigger_at),
        (SwitchableStatus::Disable, None)
    );
    assert_ne!(copy.id, job.id);
    assert_eq!(store.job(copy.id).await.unwrap(), copy);
}

pub(super) async fn the_history_keeps_every_definition(fixture: Fixture) {
    let store = &fixture.store;
    let first = saved_job(store).await;
    let changed = JobDefinition {
        name: "renamed".to_owned(),
        ..first.clone()
    };
    let change = JobSave {
        author: Some(UserId(4)),
        ..save(changed)
    };
    let second = store.save_job(change).await.unwrap().job;
    assert_eq!(store.job_at_revision(first.id, 1).await.unwrap(), first);
    assert_eq!(store.job_at_revision(first.id, 2).await.unwrap(), second);
    let history = store.job_history(first.id, 10).await.unwrap();
    let seen: Vec<_> = history
        .iter()
        .map(|line| (line.revision, line.author))
        .collect();
    assert_eq!(seen, [(2, Some(UserId(4))), (1, Some(UserId(9)))]);
    assert_eq!(store.job_history(first.id, 1).await.unwrap().len(), 1);
    let missing = store.job_at_revision(first.id, 7).await;
    assert_eq!(missing, Err(Error::NotFound { what: "revision" }));
}

pub(super) async fn lists_are_filtered_and_sorted_and_cut(fixture: Fixture) {
    let store = &fixture.store;
    let app_id = app(store, "app").await.id;
    for (name, due) in [
        ("beta", Some(30)),
        ("Alpha", None),
        ("gamma_1", Some(10)),
        ("beta", Some(20)),
    ] {
        let job = JobDefinition {
            next_trigger_at: due.map(UnixMillis),
            ..job(app_id, name)
        };
        store.create_job(job, None).await.unwrap();
    }
    let names = async |filter: JobFilter, sort: JobSort| {
        let mut names = Vec::new();
        let mut cursor = None;
        loop {
            let page = store
                .list_jobs(app_id, filter.clone(), sort, cursor, 1)
                .await
                .unwrap();
            names.extend(page.jobs.into_iter().map(|job| job.name));
            cursor = page.next_cursor;
            if cursor.is_none() {
                return (names, page.total);
            }
        }
    };
    let all = JobFilter::default;
    assert_eq!(
        names(all(), JobSort::Newest).await.0,
        ["beta", "gamma_1", "Alpha", "beta"]
    );
    assert_eq!(
        names(all(), JobSort::Name).await.0,
        ["Alpha", "beta", "beta", "gamma_1"]
    );
    assert_eq!(
        names(all(), JobSort::NextTrigger).await.0,
        ["gamma_1", "beta", "beta", "Alpha"]
    );
    assert_eq!(names(all(), JobSort::Modified).await.1, 4);
    let named = |part: &str| JobFilter {
        name_contains: Some(part.to_owned()),
        ..all()
    };
    assert_eq!(
        names(named("ALPH"), JobSort::Name).await,
        (vec!["Alpha".to_owned()], 1)
    );
    assert_eq!(names(named("a_1"), JobSort::Name).await.0, ["gamma_1"]);
    assert_eq!(names(named("%"), JobSort::Name).await.1, 0);
    let cron = JobFilter {
        kinds: vec![TimeExpressionType::Cron],
        ..all()
    };
    assert_eq!(names(cron, JobSort::Name).await.1, 0);
    let broken = store
        .list_jobs(app_id, all(), JobSort::Name, Some("x".to_owned()), 5)
        .await;
    assert!(matches!(
        broken,
        Err(Error::Invalid {
            field: "cursor",
            ..
        })
    ));
}

pub(super) async fn a_kind_of_ours_is_kept_beside_one_that_java_knows(fixture: Fixture) {
    let store = &fixture.store;
    let app_id = app(store, "app").await.id;
    let mut once = job(app_id, "once");
    once.schedule.kind = TimeExpressionType::Once;
    once.schedule.expression = "2026-12-24T18:00".to_owned();
    let once = store.create_job(once, None).await.unwrap();
    assert_eq!(store.job(once.id).await.unwrap(), once);
    let filter = JobFilter {
        kinds: vec![TimeExpressionType::Once],
        ..JobFilter::default()
    };
    let list = store.list_jobs(app_id, filter, JobSort::Newest, None, 9);
    assert_eq!(list.await.unwrap().jobs, std::slice::from_ref(&once));
    let code = "select count(*) from {job_info} where id = ? and time_expression_type = 1";
    let id = once.id.0;
    let known = store.read(async move |sql| sql.value::<i64>(code, vec![id.into()]).await);
    assert_eq!(known.await, Ok(1), "the reference reads API");
    // The Java product saves the row with a kind of its own: that counts then.
    let java = "update {job_info} set time_expression_type = 2 where id = ?";
    store
        .write(async move |sql| sql.execute(java, vec![id.into()]).await)
        .await
        .unwrap();
    let found = store.job(once.id).await.unwrap();
    assert_eq!(found.schedule.kind, TimeExpressionType::Cron);
}

pub(super) async fn a_schedule_without_a_further_time_is_switched_off(fixture: Fixture) {
    let store = &fixture.store;
    let due = saved_job(store).await;
    assert!(
        !store.end_schedule(due.id, due.revision).await.unwrap(),
        "it has a next time"
    );
    let ended = JobDefinition {
        next_trigger_at: None,
        ..due.clone()
    };
    let ended = store.save_job(save(ended)).await.unwrap().job;
    assert!(
        !store.end_schedule(due.id, due.revision).await.unwrap(),
        "it was changed since"
    );
    assert!(store.end_schedule(ended.id, ended.revision).await.unwrap());
    let found = store.job(ended.id).await.unwrap();
    assert_eq!(
        (found.status, found.revision),
        (SwitchableStatus::Disable, ended.revision)
    );
    assert!(!store.end_schedule(ended.id, ended.revision).await.unwrap());
}

pub(super) async fn unfit_jobs_are_refused(fixture: Fixture) {
    let store = &fixture.store;
    let app_id = app(store, "app").await.id;
    let field = async |job: JobDefinition| match store.create_job(job, None).await {
        Err(Error::Invalid { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(field(job(app_id, " ")).await, "name");
    assert_eq!(field(job(app_id, &"n".repeat(256))).await, "name");
    let odd = JobDefinition {
        min_cpu_cores: f64::NAN,
        ..job(app_id, "job")
    };
    assert_eq!(field(odd).await, "min_cpu_cores");
    let homeless = store.create_job(job(AppId(99), "job"), None).await;
    assert_eq!(
        homeless,
        Err(Error::NotFound {
            what: "application"
        })
    );
}

pub(super) async fn the_due_index_has_all_but_the_deleted(fixture: Fixture) {
    let store = &fixture.store;
    let first = saved_job(store).await;
    let second = store
        .create_job(job(first.app_id, "second"), None)
        .await
        .unwrap();
    let switch = JobSwitch {
        id: first.id,
        status: SwitchableStatus::Deleted,
        next_trigger_at: None,
        author: None,
        cancel_after: None,
    };
    store.switch_job(switch).await.unwrap();
    assert_eq!(
        store
            .load_jobs(vec![first.app_id, AppId(99)])
            .await
            .unwrap(),
        [second]
    );
    assert_eq!(store.load_jobs(vec![]).await.unwrap(), []);
    assert_eq!(
        store.jobs(vec![first.id, JobId(99)]).await.unwrap().len(),
        1
    );
}

pub(super) async fn a_strategy_of_ours_is_hidden_from_java(fixture: Fixture) {
    let store = &fixture.store;
    let created = saved_job(store).await;
    let job = JobDefinition {
        dispatch_strategy: DispatchStrategy::RoundRobin,
        ..created.clone()
    };
    let saved = store.save_job(save(job)).await.unwrap().job;
    assert_eq!(saved.dispatch_strategy, DispatchStrategy::RoundRobin);
    assert_eq!(store.job(created.id).await.unwrap(), saved);
    assert_eq!(
        fixture
            .number("select dispatch_strategy from job_info")
            .await,
        i64::from(DispatchStrategy::HealthFirst.code())
    );
    // The Java product chooses another one.
    fixture
        .execute("update job_info set dispatch_strategy = 2")
        .await;
    let changed = store.job(created.id).await.unwrap();
    assert_eq!(changed.dispatch_strategy, DispatchStrategy::Random);
}

pub(super) async fn the_parts_of_an_application_are_all_its_jobs(fixture: Fixture) {
    let store = &fixture.store;
    let mine = app(store, "mine").await.id;
    let other = app(store, "other").await.id;
    let mut made = Vec::new();
    for (number, kind, next) in [
        (1, TimeExpressionType::Cron, Some(START)),
        (
            2,
            TimeExpressionType::Cron,
            Some(START.after(Duration::from_secs(60))),
        ),
        (3, TimeExpressionType::Api, None),
        (4, TimeExpressionType::FixedDelay, None),
        (5, TimeExpressionType::FixedDelay, Some(START)),
        (6, TimeExpressionType::FixedRate, None),
        (7, TimeExpressionType::FixedRate, Some(START)),
    ] {
        let mut job = job(mine, &format!("job {number}"));
        job.schedule.kind = kind;
        job.next_trigger_at = next;
        made.push(store.create_job(job, None).await.unwrap());
    }
    store.create_job(job(other, "other"), None).await.unwrap();
    let mut found = Vec::new();
    for (part, count) in [
        (JobPart::Loops, 3),
        (JobPart::DueUntil(START), 2),
        (JobPart::DueAfter(START), 2),
    ] {
        let mut pieces = store.jobs_in_pieces(mine, part);
        let before = found.len();
        while let Some(piece) = pieces.recv().await {
            found.extend(piece.unwrap());
        }
        assert_eq!(found.len() - before, count, "{part:?}");
    }
    found.sort_by_key(|job| job.id);
    assert_eq!(found, made);
}
