//! Deleting old logs and those of applications that are gone.

use std::time::Duration;

use super::*;

/// Five sealed segments of three lines each, stored an hour apart, and an open one.
async fn bench() -> Bench {
    let bench = Bench::with_small_segments();
    for number in 0..16 {
        if number % 3 == 0 && number > 0 {
            bench.clock.advance(Duration::from_secs(3_600));
        }
        assert!(bench.put(vec![lines(number, number + 1)]).await);
    }
    assert_eq!(bench.files("idx").len(), 5);
    bench
}

fn older_than(hours: u64) -> Retention {
    Retention {
        max_age: Some(Duration::from_secs(3_600 * hours)),
        max_bytes_per_app: None,
    }
}

async fn expire(bench: &Bench, retention: Retention) -> u64 {
    bench.store().expire(retention).await.expect("deleted")
}

#[tokio::test]
async fn what_is_older_than_allowed_is_deleted() {
    let mut bench = bench().await;
    assert_eq!(expire(&bench, Retention::default()).await, 0);
    assert_eq!(expire(&bench, older_than(9)).await, 0);
    let freed: u64 = bench.files("seg")[..2]
        .iter()
        .map(|path| std::fs::metadata(path).expect("there").len())
        .sum();
    assert_eq!(expire(&bench, older_than(3)).await, freed);
    assert_eq!(bench.texts().await, expected(6, 16));
    bench.reopen();
    assert_eq!(bench.texts().await, expected(6, 16));
}

#[tokio::test]
async fn an_open_segment_ages_too_and_numbers_are_not_used_again() {
    let mut bench = bench().await;
    let cursor = bench.read(all()).await.next_cursor;
    bench.clock.advance(Duration::from_secs(3_600 * 10));
    expire(&bench, older_than(1)).await;
    assert_eq!(bench.texts().await, expected(0, 0));
    bench.reopen();
    assert!(bench.put(vec![lines(16, 18)]).await);
    let query = LogQuery {
        cursor: Some(cursor),
        ..all()
    };
    assert_eq!(texts(&bench.read(query).await), expected(16, 18));
}

#[tokio::test]
async fn an_application_that_takes_too_much_room_loses_its_oldest_segments() {
    let bench = bench().await;
    let total: u64 = bench
        .files("seg")
        .iter()
        .map(|path| std::fs::metadata(path).expect("there").len())
        .sum();
    let retention = Retention {
        max_age: None,
        max_bytes_per_app: Some(total - 1),
    };
    expire(&bench, retention).await;
    assert_eq!(bench.texts().await, expected(3, 16));
    let nothing = Retention {
        max_bytes_per_app: Some(0),
        ..retention
    };
    expire(&bench, nothing).await;
    assert_eq!(
        bench.texts().await,
        expected(15, 16),
        "the open segment stays"
    );
}

#[tokio::test]
async fn what_nobody_uses_leaves_the_memory_and_comes_back() {
    let bench = bench().await;
    expire(&bench, Retention::default()).await;
    let is_loaded = |bench: &Bench| bench.store().inner.shared.log_of(APP).is_loaded();
    assert!(is_loaded(&bench), "it was used");
    expire(&bench, Retention::default()).await;
    assert!(!is_loaded(&bench));
    assert!(bench.put(vec![lines(15, 17)]).await);
    assert_eq!(bench.texts().await, expected(0, 17));
}

#[tokio::test]
async fn a_forgotten_application_has_no_logs_and_may_begin_anew() {
    let bench = bench().await;
    let other = AppId(8);
    assert!(
        bench
            .put_as(other, &worker("w1", 1), vec![lines(0, 1)])
            .await
    );
    bench.store().forget(APP).await.expect("deleted");
    bench
        .store()
        .forget(APP)
        .await
        .expect("nothing left to delete");
    assert_eq!(bench.texts().await, expected(0, 0));
    assert!(!bench.folder.path().join("app-7").exists());
    assert_eq!(bench.texts_of(INSTANCE, other).await, expected(0, 1));
    assert!(bench.put(vec![lines(0, 2)]).await);
    assert_eq!(bench.texts().await, expected(0, 2));
}
