//! Every queue has an end.

use std::sync::{Arc, Mutex};

use powerjob_protocol::wire::node::{GetActors, TapRecords, UnwatchTap};
use powerjob_session::{SessionConfig, SessionError};

use crate::harness::*;
use crate::talk::stop;

/// The runtime of the test has one thread: nothing is written while the test does not wait.
#[tokio::test(flavor = "current_thread")]
async fn a_full_queue_refuses_at_once_and_recovers() {
    let at_worker = SessionConfig {
        control_queue_frames: 4,
        ..SessionConfig::default()
    };
    let pair = pair_with(SessionConfig::default(), at_worker).await;
    let tell = |watch_id| pair.at_worker.tell("node", "x", &UnwatchTap { watch_id });
    let refused = (0..20)
        .filter(|id| tell(*id) == Err(SessionError::Overloaded))
        .count();
    assert!((16..=17).contains(&refused), "{refused}");
    assert_eq!(pair.at_worker.stats().refused, refused as u64);
    eventually(|| tell(99).is_ok()).await;
}

#[tokio::test(flavor = "current_thread")]
async fn bulk_has_a_bound_of_its_own() {
    let at_worker = SessionConfig {
        bulk_queue_bytes: 1_000,
        ..SessionConfig::default()
    };
    let pair = pair_with(SessionConfig::default(), at_worker).await;
    let records = TapRecords {
        watch_id: 1,
        dropped: 0,
        records: vec!["x".repeat(600)],
    };
    assert_eq!(pair.at_worker.tell("node", "x", &records), Ok(()));
    assert_eq!(
        pair.at_worker.tell("node", "x", &records),
        Err(SessionError::Overloaded)
    );
    let answer = pair.at_worker.ask("server", "x", &stop(5), ASK_LIMIT).await;
    assert!(answer.is_ok(), "control frames still pass: {answer:?}");
}

#[tokio::test]
async fn questions_without_an_answer_are_bounded() {
    let at_worker = SessionConfig {
        pending_asks: 2,
        ..SessionConfig::default()
    };
    let mut pair = pair_with(SessionConfig::default(), at_worker).await;
    let refused = Arc::new(Mutex::new(Vec::new()));
    for number in 0..3 {
        let refused = refused.clone();
        pair.at_worker
            .ask_then("server", "x", &GetActors {}, ASK_LIMIT, move |result| {
                refused.lock().unwrap().push((number, result.unwrap_err()));
            });
    }
    assert_eq!(*refused.lock().unwrap(), [(2, SessionError::Overloaded)]);
    drop(next_held(&mut pair.server.events).await);
    eventually(|| pair.at_worker.pending_asks() == 1).await;
}

#[tokio::test]
async fn a_message_larger_than_a_frame_is_refused_and_the_session_lives() {
    let small = SessionConfig {
        max_frame_bytes: 64 << 10,
        ..SessionConfig::default()
    };
    let pair = pair_with(small, SessionConfig::default()).await;
    let mut large = stop(5);
    large.items = vec![large.items[0].clone(); 10_000];
    let sent = pair.at_worker.tell("server", "x", &large);
    assert_eq!(sent, Err(SessionError::TooLarge));
    assert!(
        pair.at_worker
            .ask("server", "x", &stop(5), ASK_LIMIT)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn large_messages_pass_in_pieces() {
    let pair = pair().await;
    let mut large = stop(5);
    large.items = vec![large.items[0].clone(); 100_000];
    let answer = pair.at_worker.ask("server", "x", &large, ASK_LIMIT).await;
    assert_eq!(answer.unwrap().known.len(), 100_000);
}
