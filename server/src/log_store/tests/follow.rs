//! Followers wake for their instance, and only then.

use std::task::Poll;

use futures_util::poll;

use super::*;

#[tokio::test]
async fn a_follower_wakes_when_lines_of_its_instance_are_stored() {
    let bench = Bench::new();
    let mut follower = bench.store().follow(INSTANCE);
    let mut second = bench.store().follow(INSTANCE);
    let of_neighbour = LogChunk {
        instance_id: 101,
        ..lines(0, 1)
    };
    assert!(bench.put(vec![of_neighbour]).await);
    assert_eq!(poll!(std::pin::pin!(follower.changed())), Poll::Pending);
    assert!(bench.put(vec![lines(0, 1)]).await);
    assert!(bench.put(vec![lines(1, 2)]).await);
    assert!(follower.changed().await && second.changed().await);
    assert_eq!(bench.texts().await, expected(0, 2));
    assert_eq!(poll!(std::pin::pin!(follower.changed())), Poll::Pending);
    assert!(bench.put(vec![lines(0, 2)]).await, "nothing new");
    assert_eq!(poll!(std::pin::pin!(follower.changed())), Poll::Pending);
}

#[tokio::test]
async fn a_waiting_follower_is_woken_across_threads() {
    let bench = Bench::new();
    let mut follower = bench.store().follow(INSTANCE);
    let following = tokio::spawn(async move { follower.changed().await });
    assert!(bench.put(vec![lines(0, 1)]).await);
    assert!(following.await.expect("no panic"));
}

#[tokio::test]
async fn followers_end_with_the_store_and_leave_nothing_behind() {
    let mut bench = Bench::new();
    let waiting = |bench: &Bench| bench.store().inner.shared.followers.count();
    let mut follower = bench.store().follow(INSTANCE);
    drop(bench.store().follow(INSTANCE));
    drop(bench.store().follow(InstanceId(5)));
    assert_eq!(waiting(&bench), 1);
    bench.reopen();
    assert!(!follower.changed().await);
    drop(follower);
    assert_eq!(waiting(&bench), 0);
}
