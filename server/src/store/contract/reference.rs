//! Lists and rows of the reference's own interface: the same on every database.

use std::time::Duration;

use powerjob_common::id::{AppId, InstanceId, JobId, NamespaceId, UserId};
use powerjob_common::secret::Secret;
use powerjob_common::status::{InstanceStatus, Role, RoleScope};
use powerjob_common::time::UnixMillis;

use super::build::{account, app, apply, ended_state, insert, instance, job};
use super::{Fixture, START};
use crate::domain::instance::Instance;
use crate::store::reference::PageOf;
use crate::store::reference::app::{AppFacts, AppQuery};
use crate::store::reference::instance::{InstanceOrder, InstanceQuery, SORTABLE};
use crate::store::reference::job::{JobExtras, JobQuery};
use crate::store::reference::namespace::{NamespaceQuery, NamespaceRow};
use crate::store::reference::people::{RoleLists, UserChange, UserQuery};
use crate::store::reference::workflow::{NodeRow, WorkflowQuery, WorkflowRow, WorkflowRunQuery};
use crate::store::{Error, Store};

const TWO: PageOf = PageOf { index: 0, size: 2 };
const REST: PageOf = PageOf { index: 1, size: 2 };

pub(super) async fn applications_keep_what_only_the_reference_knows(fixture: Fixture) {
    let store = &fixture.store;
    let mut made = Vec::new();
    for name in ["one", "two", "x_off"] {
        made.push(app(store, name).await.id);
    }
    let facts = AppFacts {
        title: None,
        password: Secret::new("sealed".to_owned()),
        tags: Some("a,b".to_owned()),
        extra: Some("{}".to_owned()),
        namespace_id: store.save_namespace(namespace("team")).await.unwrap().id,
        modifier: Some(UserId(7)),
    };
    store.set_app_facts(made[0], facts.clone()).await.unwrap();
    store
        .set_app_password(made[0], Secret::new("other".to_owned()))
        .await
        .unwrap();
    let row = store.app_row(made[0]).await.unwrap().unwrap();
    assert_eq!(row.password.unwrap().expose(), "other");
    assert_eq!((row.title, row.modifier), (None, Some(UserId(7))));
    assert_eq!(row.created_at, START);
    let gone = store.set_app_facts(AppId(99), facts).await;
    assert!(matches!(gone, Err(Error::NotFound { .. })), "{gone:?}");

    let page = store.app_page(AppQuery::default(), TWO).await.unwrap();
    assert_eq!((page.items.len(), page.total), (2, 3));
    let page = store.app_page(AppQuery::default(), REST).await.unwrap();
    assert_eq!((page.items[0].id, page.total), (made[2], 3));
    let named = async |part: &str| {
        let query = AppQuery {
            name_part: Some(part.to_owned()),
            ..AppQuery::default()
        };
        store.app_rows(query).await.unwrap().len()
    };
    // What means something to `like` is a letter inside of a text (spec 06 section 7.4).
    assert_eq!(
        (named("%o%").await, named("o%e").await, named("_").await),
        (3, 0, 1)
    );
    let none = AppQuery {
        among: Some(Vec::new()),
        ..AppQuery::default()
    };
    assert!(store.app_rows(none).await.unwrap().is_empty());
    assert!(
        store
            .app_row_by_name("two".to_owned())
            .await
            .unwrap()
            .is_some()
    );
}

pub(super) async fn jobs_are_found_by_each_of_their_columns(fixture: Fixture) {
    let store = &fixture.store;
    let app = app(store, "app").await.id;
    let mut ids = Vec::new();
    for name in ["first", "second", "third"] {
        ids.push(store.create_job(job(app, name), None).await.unwrap().id);
    }
    let extras = JobExtras {
        notify_user_ids: Some("5,17".to_owned()),
        alarm_config: Some(r#"{"alertThreshold":1}"#.to_owned()),
        extra: Some("e".to_owned()),
        ..JobExtras::default()
    };
    store.set_job_extras(ids[0], extras).await.unwrap();
    store
        .set_job_extras(ids[0], JobExtras::default())
        .await
        .unwrap();
    let row = store.job_row(ids[0]).await.unwrap().unwrap();
    assert_eq!(row.notify_user_ids.as_deref(), Some("5,17"), "kept");
    assert_eq!(row.extra, None, "replaced");
    let later = Some(UnixMillis(START.0 + 1_000));
    let earlier = Some(UnixMillis(START.0 - 1_000));
    let all = JobQuery {
        app: Some(app.0),
        id_above: Some(0),
        id_below: Some(i64::MAX),
        name_part: Some("%i%".to_owned()),
        description_part: Some("what".to_owned()),
        time_expression_types: Some(vec![row.time_expression_type]),
        execute_types: Some(vec![row.execute_type, 2]),
        processor_types: Some(vec![row.processor_type]),
        statuses: Some(vec![1, 2]),
        created_before: later,
        created_after: earlier,
        modified_before: later,
        modified_after: earlier,
        dispatch_strategy: row.dispatch_strategy,
        ..JobQuery::default()
    };
    let found = store.job_page(all, TWO).await.unwrap();
    let found: Vec<JobId> = found.items.iter().map(|row| row.id).collect();
    assert_eq!(found, [ids[0], ids[2]]);
    let notified = JobQuery {
        notify_user_ids_part: Some("17".to_owned()),
        id: Some(ids[0].0),
        name: Some("first".to_owned()),
        processor: row.processor_info,
        tag: row.tag,
        ..JobQuery::default()
    };
    assert_eq!(store.job_rows(notified).await.unwrap().len(), 1);
    for query in [
        JobQuery {
            created_after: later,
            ..JobQuery::default()
        },
        JobQuery {
            statuses: Some(Vec::new()),
            ..JobQuery::default()
        },
        JobQuery {
            next_trigger_before: Some(0),
            next_trigger_after: Some(1),
            ..JobQuery::default()
        },
    ] {
        assert!(store.job_rows(query).await.unwrap().is_empty());
    }
}

pub(super) async fn instances_come_in_each_order(fixture: Fixture) {
    let store = &fixture.store;
    let ended = |id, status| Instance {
        state: ended_state(status),
        ..instance(id)
    };
    apply(
        store,
        vec![
            insert(ended(1, InstanceStatus::Succeed)),
            insert(ended(2, InstanceStatus::Failed)),
            insert(instance(3)),
        ],
    )
    .await;
    let ids = async |query: InstanceQuery, order: InstanceOrder| -> Vec<i64> {
        let page = PageOf { index: 0, size: 9 };
        let found = store.instance_page(query, order, page).await.unwrap();
        found.items.iter().map(|row| row.instance_id.0).collect()
    };
    let newest_first = ids(InstanceQuery::default(), InstanceOrder::default()).await;
    assert_eq!(newest_first, [3, 2, 1]);
    for (name, column) in SORTABLE {
        let order = InstanceOrder {
            column: Some(column),
            ascending: true,
        };
        let sorted = ids(InstanceQuery::default(), order).await;
        assert_eq!(sorted.len(), 3, "{name}");
    }
    let chosen = InstanceQuery {
        app: Some(1),
        job: Some(7),
        kind: Some(1),
        id_above: Some(0),
        id_below: Some(3),
        statuses: Some(vec![4, 5]),
        created_before: Some(UnixMillis(START.0 + 1_000)),
        modified_after: Some(UnixMillis(START.0 - 1_000)),
        ..InstanceQuery::default()
    };
    assert_eq!(ids(chosen, InstanceOrder::default()).await, [2, 1]);
    let of_workflows = InstanceQuery {
        kind: Some(2),
        ..InstanceQuery::default()
    };
    assert!(ids(of_workflows, InstanceOrder::default()).await.is_empty());
    assert!(store.instance(InstanceId(3)).await.is_ok());
}

fn namespace(code: &str) -> NamespaceRow {
    NamespaceRow {
        id: NamespaceId(0),
        code: code.to_owned(),
        name: Some("Team".to_owned()),
        token: Some("t".to_owned()),
        status: 1,
        dept: None,
        tags: Some("x".to_owned()),
        extra: None,
        creator: None,
        modifier: None,
        created_at: START,
        modified_at: START,
    }
}

pub(super) async fn namespaces_have_a_code_of_their_own(fixture: Fixture) {
    let store = &fixture.store;
    let creator = store.create_account(account("ann")).await.unwrap().id;
    let new = NamespaceRow {
        creator: Some(creator),
        ..namespace("team_a")
    };
    let saved = store.save_namespace(new.clone()).await.unwrap();
    assert_eq!((saved.creator, saved.created_at), (Some(creator), START));
    let again = store.save_namespace(new).await;
    assert!(
        matches!(again, Err(Error::Conflict { what: "code", .. })),
        "{again:?}"
    );
    let renamed = NamespaceRow {
        name: None,
        status: 2,
        ..saved.clone()
    };
    let renamed = store.save_namespace(renamed).await.unwrap();
    assert_eq!((renamed.name, renamed.status), (None, 2));
    let query = || NamespaceQuery {
        code_part: Some("team".to_owned()),
        among: Some(vec![saved.id.0]),
        ..NamespaceQuery::default()
    };
    assert_eq!(store.namespace_page(query(), TWO).await.unwrap().total, 1);
    store.delete_namespace(saved.id).await.unwrap();
    assert!(store.namespace_rows(query()).await.unwrap().is_empty());
    let inhabited = store.save_namespace(namespace("team_b")).await.unwrap().id;
    let facts = AppFacts {
        title: None,
        password: Secret::new("sealed".to_owned()),
        tags: None,
        extra: None,
        namespace_id: inhabited,
        modifier: None,
    };
    let app = app(store, "app").await.id;
    store.set_app_facts(app, facts).await.unwrap();
    let refused = store.delete_namespace(inhabited).await;
    assert!(
        matches!(refused, Err(Error::Conflict { what: "apps", .. })),
        "{refused:?}"
    );
}

pub(super) async fn people_change_and_have_roles(fixture: Fixture) {
    let store = &fixture.store;
    let ann = store.create_account(account("ann")).await.unwrap().id;
    let bob = store.create_account(account("bob")).await.unwrap().id;
    let change = UserChange {
        phone: Some("555".to_owned()),
        web_hook: Some("http://example.org".to_owned()),
        ..UserChange::default()
    };
    store.change_user(ann, change).await.unwrap();
    let query = UserQuery {
        id: Some(ann.0),
        account_type: Some("PWJB".to_owned()),
        username_part: Some("an".to_owned()),
        nick_part: Some("ann".to_owned()),
        phone_part: Some("55".to_owned()),
    };
    let found = store.user_rows(query).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].email.as_deref(), Some("a@example.org"), "it stays");
    let unknown = store.change_user(UserId(99), UserChange::default()).await;
    assert!(
        matches!(unknown, Err(Error::NotFound { .. })),
        "{unknown:?}"
    );

    // Somebody has to be left who may do everything.
    let lists = |scope, target, developers| RoleLists {
        scope,
        target,
        lists: vec![(Role::Developer, developers)],
    };
    let administrators = RoleLists {
        scope: RoleScope::Global,
        target: crate::store::account::GLOBAL_TARGET,
        lists: vec![(Role::Admin, vec![ann])],
    };
    store.set_roles(administrators).await.unwrap();
    let on_app = |developers| lists(RoleScope::App, 1, developers);
    let changed = store.set_roles(on_app(vec![ann, bob])).await.unwrap();
    assert_eq!(changed, [ann, bob]);
    let changed = store.set_roles(on_app(vec![bob])).await.unwrap();
    assert_eq!(changed, [ann]);
    let grants = store.grants(bob).await.unwrap();
    assert_eq!((grants.len(), grants[0].role), (1, Role::Developer));
}

fn node(job_id: i64) -> NodeRow {
    NodeRow {
        id: 0,
        app_id: AppId(1),
        workflow_id: None,
        kind: 1,
        job_id: Some(job_id),
        name: Some("n".to_owned()),
        params: None,
        is_enabled: true,
        skip_when_failed: false,
        extra: None,
        created_at: START,
        modified_at: START,
    }
}

fn workflow(name: &str) -> WorkflowRow {
    WorkflowRow {
        id: 0,
        app_id: AppId(1),
        name: name.to_owned(),
        description: None,
        time_expression_type: 1,
        time_expression: None,
        lifecycle: None,
        max_instances: 1,
        next_trigger_time: None,
        notify_user_ids: None,
        dag: Some(r#"{"nodes":[],"edges":[]}"#.to_owned()),
        status: 1,
        extra: None,
        created_at: START,
        modified_at: START,
    }
}

async fn node_ids(store: &Store, ids: &[i64]) -> Vec<i64> {
    let nodes = store.workflow_nodes(ids.to_vec()).await.unwrap();
    nodes.iter().map(|node| node.id).collect()
}

pub(super) async fn a_workflow_owns_its_nodes(fixture: Fixture) {
    let store = &fixture.store;
    let nodes = vec![node(1), node(2), node(3)];
    let nodes = store.save_workflow_nodes(nodes).await.unwrap();
    let ids: Vec<i64> = nodes.iter().map(|node| node.id).collect();
    let read = store.workflow_nodes(ids.clone()).await.unwrap();
    assert!(
        read.iter()
            .all(|node| node.is_enabled && !node.skip_when_failed)
    );
    let id = store
        .save_workflow(workflow("wf"), ids.clone())
        .await
        .unwrap();
    let read = store.workflow_nodes(ids.clone()).await.unwrap();
    assert!(read.iter().all(|node| node.workflow_id == Some(id)));

    fixture.clock.advance(Duration::from_secs(60));
    let row = store.workflow(id).await.unwrap().unwrap();
    assert_eq!((row.created_at, row.name.as_str()), (START, "wf"));
    store
        .save_workflow(row.clone(), ids[1..].to_vec())
        .await
        .unwrap();
    assert_eq!(node_ids(store, &ids).await, ids[1..]);
    store.save_workflow(row, Vec::new()).await.unwrap();
    assert!(node_ids(store, &ids).await.is_empty(), "none is left");
    let gone = store
        .save_workflow(
            WorkflowRow {
                id: 99,
                ..workflow("wf")
            },
            Vec::new(),
        )
        .await;
    assert!(matches!(gone, Err(Error::NotFound { .. })), "{gone:?}");

    let second = store
        .save_workflow(workflow("other"), Vec::new())
        .await
        .unwrap();
    let names = async |part: &str| -> Vec<i64> {
        let query = WorkflowQuery {
            app: Some(1),
            name_part: Some(part.to_owned()),
            ..WorkflowQuery::default()
        };
        let page = store.workflow_page(query, TWO).await.unwrap();
        page.items.iter().map(|row| row.id).collect()
    };
    assert_eq!(names("").await, [second, id], "newest first");
    store.set_workflow_status(second, 99).await.unwrap();
    assert_eq!(names("").await, [id]);
    let runs = WorkflowRunQuery {
        app: Some(1),
        wf_instance_id: Some(1),
        workflow: Some(id),
        status: Some(3),
    };
    assert_eq!(store.workflow_run_page(runs, TWO).await.unwrap().total, 0);
}
