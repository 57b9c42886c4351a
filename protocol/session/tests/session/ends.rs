//! How sessions end.

use std::time::Duration;

use powerjob_protocol::wire::control::{self, FarewellBody};
use powerjob_protocol::wire::frame::{
    DEFAULT_MAX_LENGTH, FLAG_NOTIFY_DROP, FrameHead, FrameKind, encode_into,
};
use powerjob_protocol::wire::node::{ActorReadings, GetActors};
use powerjob_session::{CloseCause, ErrorCode, ListenConfig, SessionConfig, SessionError};
use tokio::io::AsyncWriteExt;
use tokio::sync::oneshot;

use crate::harness::*;
use crate::talk::stop;

fn impatient() -> SessionConfig {
    SessionConfig {
        ping_interval: Duration::from_millis(20),
        idle_timeout: Duration::from_millis(100),
        ..SessionConfig::default()
    }
}

async fn impatient_server() -> Server {
    server(ListenConfig {
        session: impatient(),
        ..listen_config()
    })
    .await
}

#[tokio::test]
async fn silence_closes() {
    let mut server = impatient_server().await;
    let _silent = RawPeer::connect(server.addr).await;
    let session = next_opened(&mut server.events).await;
    assert_eq!(next_closed(&mut server.events).await, CloseCause::Silence);
    assert!(!session.is_open());
    assert_eq!(
        session.tell("worker", "x", &stop(5)),
        Err(SessionError::Disconnected)
    );
}

/// Spec 05, G31: a session without messages lives by its pings.
#[tokio::test]
async fn an_idle_session_stays() {
    let patient = SessionConfig {
        idle_timeout: Duration::from_secs(2),
        ..impatient()
    };
    let pair = pair_with(patient.clone(), patient).await;
    eventually(|| pair.at_server.stats().frames_in >= 20).await;
    assert!(pair.at_server.is_open() && pair.at_worker.is_open());
}

#[tokio::test]
async fn a_peer_that_dies_in_the_middle_of_a_frame_is_gone() {
    let mut server = server(listen_config()).await;
    let mut peer = RawPeer::connect(server.addr).await;
    next_opened(&mut server.events).await;
    peer.write(&[0x49, 0, 0, 0, b'P', b'J', 1]).await;
    peer.stream.shutdown().await.unwrap();
    assert_eq!(next_closed(&mut server.events).await, CloseCause::PeerGone);
}

/// Spec 05, G09 and G22.
#[tokio::test]
async fn broken_frames_are_answered_with_goaway() {
    let mut server = server(listen_config()).await;
    for (bytes, words) in [
        (&[0xff; 4][..], "4294967295 bytes"),
        (b"\x40\0\0\0XX", "no frame begins here"),
        (b"\x40\0\0\0PJ\x01\x30", "frame kind 0x30"),
        (b"\x40\0\0\0PJ\x01\x10\x00\x80", "frame flags 0x8000"),
    ] {
        let mut peer = RawPeer::connect(server.addr).await;
        next_opened(&mut server.events).await;
        let mut bytes = bytes.to_vec();
        bytes.resize(56, 0);
        peer.write(&bytes).await;
        let goaway = peer.read_news().await.unwrap();
        assert_eq!(goaway.kind, FrameKind::GoAway);
        let body: FarewellBody = control::decode(goaway.body()).unwrap();
        assert_eq!(body.code, ErrorCode::PROTOCOL_ERROR.0);
        assert!(body.message.contains(words), "{}", body.message);
        assert!(peer.read_news().await.is_none(), "the end of the stream");
        let cause = next_closed(&mut server.events).await;
        assert!(matches!(cause, CloseCause::Protocol(_)), "{cause:?}");
    }
}

/// Spec 05, G22.
#[tokio::test]
async fn frames_of_later_versions_are_passed_over() {
    let mut server = server(listen_config()).await;
    let mut peer = RawPeer::connect(server.addr).await;
    next_opened(&mut server.events).await;
    peer.send(FrameKind::Extension(0x90), 0, b"?").await;
    peer.send(FrameKind::Ping, 77, &control_body(1_000)).await;
    let pong = peer.read_news().await.unwrap();
    assert_eq!((pong.kind, pong.correlation), (FrameKind::Pong, 77));
    let body: control::PongBody = control::decode(pong.body()).unwrap();
    assert_eq!(body.echoed_ms, 1_000);
}

#[tokio::test]
async fn a_dropped_message_is_reported_to_a_sender_that_wants_to_know() {
    let mut server = server(listen_config()).await;
    let mut peer = RawPeer::connect(server.addr).await;
    next_opened(&mut server.events).await;
    let head = FrameHead {
        flags: FLAG_NOTIFY_DROP,
        ..FrameHead::of_session(FrameKind::Tell, 9)
    };
    let mut bytes = Vec::new();
    encode_into(&mut bytes, &head, DEFAULT_MAX_LENGTH, b"").unwrap();
    peer.write(&bytes).await;
    let dropped = peer.read_news().await.unwrap();
    assert_eq!((dropped.kind, dropped.correlation), (FrameKind::Dropped, 9));
    let body: control::DroppedBody = control::decode(dropped.body()).unwrap();
    assert_eq!(body.code, ErrorCode::UNKNOWN_TYPE.0);
}

fn control_body(sent_at_ms: i64) -> Vec<u8> {
    powerjob_protocol::wire::codec::encode(&control::PingBody { sent_at_ms }).unwrap()
}

#[tokio::test]
async fn a_second_hello_breaks_the_protocol() {
    let mut server = server(listen_config()).await;
    let mut peer = RawPeer::connect(server.addr).await;
    next_opened(&mut server.events).await;
    peer.send(FrameKind::Hello, 0, b"").await;
    let cause = next_closed(&mut server.events).await;
    assert_eq!(
        cause,
        CloseCause::Protocol("Hello after the handshake".to_owned())
    );
}

#[tokio::test]
async fn closing_tells_the_peer_why_and_ends_open_questions() {
    let mut pair = pair().await;
    let (sender, answer) = oneshot::channel();
    pair.at_worker
        .ask_then("server", "x", &GetActors {}, ASK_LIMIT, move |result| {
            sender.send(result).unwrap();
        });
    let _held = next_held(&mut pair.server.events).await;
    pair.at_server.close(ErrorCode::DRAINING, "good night");
    let (code, message) = (ErrorCode::DRAINING, "good night".to_owned());
    let local = CloseCause::Local {
        code,
        message: message.clone(),
    };
    assert_eq!(next_closed(&mut pair.server.events).await, local);
    assert_eq!(soon(answer).await.unwrap(), Err(SessionError::Disconnected));
    match next(&mut pair.worker_events).await {
        Event::Draining(said, text) => assert_eq!((said, &text), (code, &message)),
        other => panic!("{other:?}"),
    }
    assert_eq!(
        next_closed(&mut pair.worker_events).await,
        CloseCause::GoAway { code, message }
    );
    soon(pair.at_worker.closed()).await;
}

/// Spec 05, G35.
#[tokio::test]
async fn a_draining_session_takes_nothing_new_and_waits_for_its_answers() {
    let mut pair = pair().await;
    let (sender, answer) = oneshot::channel();
    pair.at_worker
        .ask_then("server", "x", &GetActors {}, ASK_LIMIT, move |result| {
            sender.send(result).unwrap();
        });
    let held = next_held(&mut pair.server.events).await;
    pair.at_server.drain(ErrorCode::DRAINING, "restart");
    match next(&mut pair.worker_events).await {
        Event::Draining(ErrorCode::DRAINING, reason) => assert_eq!(reason, "restart"),
        other => panic!("{other:?}"),
    }
    assert!(!pair.at_worker.is_open());
    let refused = pair.at_worker.ask("server", "x", &stop(5), ASK_LIMIT).await;
    assert_eq!(refused, Err(SessionError::Disconnected));
    held.reply(&ActorReadings { items: vec![] }).unwrap();
    assert!(soon(answer).await.unwrap().is_ok());
    let cause = next_closed(&mut pair.worker_events).await;
    assert!(matches!(cause, CloseCause::GoAway { .. }), "{cause:?}");
}

#[tokio::test]
async fn a_drain_ends_when_its_time_is_over() {
    let hasty = SessionConfig {
        drain_timeout: Duration::from_millis(30),
        ..SessionConfig::default()
    };
    let mut pair = pair_with(hasty, SessionConfig::default()).await;
    pair.at_worker
        .ask_then("server", "x", &GetActors {}, ASK_LIMIT, |_| {});
    let _held = next_held(&mut pair.server.events).await;
    pair.at_server.drain(ErrorCode::DRAINING, "restart");
    let cause = next_closed(&mut pair.server.events).await;
    assert!(cause.is_orderly(), "{cause:?}");
}
