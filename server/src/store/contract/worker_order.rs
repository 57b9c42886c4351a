use powerjob_common::id::AppId;
use powerjob_common::status::WorkerOrderKind;

use super::Fixture;
use crate::store::worker_order::NewWorkerOrder;

fn order(kind: WorkerOrderKind, reason: &str) -> NewWorkerOrder {
    NewWorkerOrder {
        kind,
        given_by: "ADMIN".to_owned(),
        reason: reason.to_owned(),
    }
}

pub(super) async fn the_last_order_counts_and_its_revision_grows(fixture: Fixture) {
    let store = &fixture.store;
    let give = async |app, node: &str, kind, reason: &str| {
        let given = store.give_worker_order(AppId(app), node.to_owned(), order(kind, reason));
        given.await.unwrap()
    };
    let first = give(1, "w1", WorkerOrderKind::Drain, "new kernel").await;
    assert_eq!((first.kind, first.revision), (WorkerOrderKind::Drain, 1));
    assert_eq!(
        (first.reason.as_str(), first.given_at),
        ("new kernel", super::START)
    );
    give(2, "w1", WorkerOrderKind::Offline, "").await;
    give(1, "w0", WorkerOrderKind::Offline, "").await;
    let last = give(1, "w1", WorkerOrderKind::Online, "").await;
    assert_eq!((last.kind, last.revision), (WorkerOrderKind::Online, 2));

    let known = store.worker_orders(AppId(1)).await.unwrap();
    let names: Vec<_> = known.iter().map(|(node, _)| node.as_str()).collect();
    assert_eq!(names, ["w0", "w1"]);
    assert_eq!(known[1].1, last);
    assert_eq!(store.worker_orders(AppId(3)).await.unwrap(), []);
}
