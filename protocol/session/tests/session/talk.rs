//! Messages, questions and answers.

use std::time::Duration;

use powerjob_protocol::wire::codec::{Decode, Encode};
use powerjob_protocol::wire::message::{TypeId, WireMessage, WireQuestion};
use powerjob_protocol::wire::node::{ActorReadings, GetActors, UnwatchTap};
use powerjob_protocol::wire::server_to_worker::{
    StopAnswers, StopInstance, StopInstances, StopReason,
};
use powerjob_session::{ErrorCode, Role, SessionError};
use serde::Serialize;
use tokio::sync::oneshot;

use crate::harness::*;

pub(crate) fn stop(instance_id: i64) -> StopInstances {
    StopInstances {
        items: vec![StopInstance {
            instance_id,
            attempt: 1,
            epoch: 1,
            trace_id: [0; 16],
            reason: StopReason::User,
        }],
    }
}

fn peer_code(error: SessionError) -> ErrorCode {
    match error {
        SessionError::Peer { code, .. } => code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn both_sides_know_each_other() {
    let pair = pair().await;
    let worker = pair.at_server.peer();
    assert_eq!(
        (worker.node.node_id.as_str(), worker.role),
        ("w1", Role::Worker)
    );
    assert_eq!((worker.app_id, worker.app_name.as_str()), (1, "demo"));
    assert!(worker.is_authenticated);
    let server = pair.at_worker.peer();
    assert_eq!(
        (server.node.node_id.as_str(), server.role),
        ("s1", Role::Server)
    );
    assert_eq!(server.remote_addr, pair.server.addr);
    assert_eq!(pair.at_worker.terms(), pair.at_server.terms());
    assert_eq!(pair.at_worker.terms().owner, "10.0.0.2:10010");
}

#[tokio::test]
async fn questions_are_answered_in_both_directions() {
    let pair = pair().await;
    for session in [&pair.at_server, &pair.at_worker] {
        let answer = session.ask("worker", "server", &stop(5), ASK_LIMIT).await;
        assert_eq!(answer, Ok(StopAnswers { known: vec![true] }));
    }
}

#[tokio::test]
async fn a_callback_gets_the_answer_without_a_task() {
    let pair = pair().await;
    let (sender, answer) = oneshot::channel();
    pair.at_server
        .ask_then("worker", "server", &stop(5), ASK_LIMIT, move |result| {
            sender.send(result).unwrap();
        });
    let answer = soon(answer).await.unwrap();
    assert_eq!(answer, Ok(StopAnswers { known: vec![true] }));
}

#[tokio::test]
async fn messages_arrive_in_order() {
    let mut pair = pair().await;
    for watch_id in 0..1_000 {
        let message = UnwatchTap { watch_id };
        pair.at_worker.tell("node", "node", &message).unwrap();
    }
    for expected in 0..1_000 {
        match next(&mut pair.server.events).await {
            Event::Told(UnwatchTap::TYPE, number) => assert_eq!(number, expected),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_dropped_responder_is_an_error_for_the_asker() {
    let pair = pair().await;
    let answer = pair
        .at_worker
        .ask("careless", "x", &stop(5), ASK_LIMIT)
        .await;
    assert_eq!(peer_code(answer.unwrap_err()), ErrorCode::HANDLER_FAILED);
}

#[tokio::test]
async fn an_error_carries_its_code_its_text_and_when_to_come_back() {
    let mut pair = pair().await;
    let server_events = &mut pair.server.events;
    let session = pair.at_worker.clone();
    let asking = session.ask("server", "x", &GetActors {}, ASK_LIMIT);
    let refusing = async {
        next_held(server_events)
            .await
            .error(ErrorCode::MAILBOX_FULL, "later", 250);
    };
    let (answer, ()) = tokio::join!(asking, refusing);
    assert_eq!(
        answer,
        Err(SessionError::Peer {
            code: ErrorCode::MAILBOX_FULL,
            message: "later".to_owned(),
            retry_after_ms: 250
        })
    );
}

#[tokio::test]
async fn a_question_without_an_answer_ends_in_time_and_a_late_answer_is_counted() {
    let mut pair = pair().await;
    let limit = Duration::from_millis(30);
    let answer = pair
        .at_worker
        .ask("server", "x", &GetActors {}, limit)
        .await;
    assert_eq!(answer, Err(SessionError::Timeout));
    assert_eq!(pair.at_worker.pending_asks(), 0);
    let responder = next_held(&mut pair.server.events).await;
    responder.reply(&ActorReadings { items: vec![] }).unwrap();
    pair.at_worker
        .ask("server", "x", &stop(5), ASK_LIMIT)
        .await
        .unwrap();
    assert_eq!(pair.at_worker.stats().late_answers, 1);
}

/// Nobody but this test knows it.
#[derive(Debug, Encode, Decode, Serialize)]
struct Unheard {}

impl WireMessage for Unheard {
    const TYPE: TypeId = TypeId(0x7f00_0001);
    const NAME: &'static str = "Unheard";
}

impl WireQuestion for Unheard {
    type Answer = StopAnswers;
}

/// Says that it is `StopInstances`, but is not.
#[derive(Debug, Encode, Decode, Serialize)]
struct Impostor(u8, u8);

impl WireMessage for Impostor {
    const TYPE: TypeId = StopInstances::TYPE;
    const NAME: &'static str = "Impostor";
}

impl WireQuestion for Impostor {
    type Answer = StopAnswers;
}

/// Spec 05, G12 and G13.
#[tokio::test]
async fn what_nobody_can_take_is_answered_with_the_reason() {
    let pair = pair().await;
    let session = &pair.at_worker;
    let unknown = session.ask("server", "x", &Unheard {}, ASK_LIMIT).await;
    assert_eq!(peer_code(unknown.unwrap_err()), ErrorCode::UNKNOWN_TYPE);
    let malformed = session.ask("server", "x", &Impostor(0, 0), ASK_LIMIT).await;
    assert_eq!(peer_code(malformed.unwrap_err()), ErrorCode::DECODE_ERROR);
    let nobody = session.ask("nobody", "x", &stop(5), ASK_LIMIT).await;
    assert_eq!(peer_code(nobody.unwrap_err()), ErrorCode::NO_SUCH_ACTOR);
    session.tell("server", "x", &Unheard {}).unwrap();
    session.tell("nobody", "x", &stop(5)).unwrap();
    session
        .ask("server", "x", &stop(5), ASK_LIMIT)
        .await
        .unwrap();
    assert_eq!(pair.at_server.stats().undeliverable, 5);
}

#[tokio::test]
async fn a_path_that_is_none_is_refused_at_the_sender() {
    let pair = pair().await;
    let sent = pair.at_worker.tell("with space", "x", &stop(5));
    assert!(matches!(sent, Err(SessionError::Codec(_))), "{sent:?}");
}

#[tokio::test]
async fn the_round_trip_is_measured_at_once() {
    let pair = pair().await;
    let (server, worker) = (&pair.at_server, &pair.at_worker);
    eventually(|| server.round_trip().is_some() && worker.round_trip().is_some()).await;
    assert!(worker.round_trip().unwrap() < Duration::from_secs(5));
    assert!(worker.clock_offset_ms().unwrap().abs() < 5_000);
}

#[tokio::test]
async fn frames_and_bytes_are_counted() {
    let pair = pair().await;
    pair.at_worker
        .ask("server", "x", &stop(5), ASK_LIMIT)
        .await
        .unwrap();
    let worker = pair.at_worker.stats();
    assert!(worker.frames_out >= 2, "a ping and a question: {worker:?}");
    assert!(worker.frames_in >= 1 && worker.bytes_in >= 57, "{worker:?}");
}
