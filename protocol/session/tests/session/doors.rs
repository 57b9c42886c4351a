//! Who comes in, and who does not.

use std::time::Duration;

use powerjob_common::secret::Secret;
use powerjob_session::{DialConfig, DialError, ErrorCode, ListenConfig, Listener, Reject};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::*;

fn rejected(result: Result<powerjob_session::Session, DialError>) -> Reject {
    match result {
        Err(DialError::Rejected { reject, .. }) => reject,
        other => panic!("{other:?}"),
    }
}

fn with_secret(config: DialConfig, secret: &str) -> DialConfig {
    DialConfig {
        secret: Some(Secret::new(secret.to_owned())),
        ..config
    }
}

fn of_app(config: DialConfig, app: &str) -> DialConfig {
    DialConfig {
        app_name: app.to_owned(),
        key_id: app.to_owned(),
        ..config
    }
}

/// Spec 05, G06.
#[tokio::test]
async fn wrong_secret_and_unknown_app_get_the_same_refusal() {
    let server = server(listen_config()).await;
    let wrong = rejected(try_dial(&with_secret(dial_config(server.addr), "guess")).await);
    let unknown = rejected(try_dial(&of_app(dial_config(server.addr), "nobody")).await);
    assert_eq!(wrong.code, ErrorCode::UNAUTHORIZED);
    assert_eq!(wrong, unknown);
}

#[tokio::test]
async fn an_older_secret_that_is_still_active_opens_the_door() {
    let server = server(listen_config()).await;
    let session = try_dial(&with_secret(dial_config(server.addr), "old")).await;
    assert!(session.unwrap().is_open());
}

#[tokio::test]
async fn without_proof_nobody_comes_in_unless_the_server_allows_it() {
    let strict = server(listen_config()).await;
    let unproven = DialConfig {
        secret: None,
        ..dial_config(strict.addr)
    };
    assert_eq!(
        rejected(try_dial(&unproven).await).code,
        ErrorCode::UNAUTHORIZED
    );

    let open = server(ListenConfig {
        allow_unproven: true,
        ..listen_config()
    })
    .await;
    let unproven = DialConfig {
        address: open.addr.to_string(),
        ..unproven
    };
    let session = try_dial(&unproven).await.unwrap();
    assert!(!session.peer().is_authenticated);
    let unknown = rejected(try_dial(&of_app(unproven, "nobody")).await);
    assert_eq!(unknown.code, ErrorCode::UNKNOWN_APP, "nothing to hide here");
}

/// Spec 05, G03 and G04.
#[tokio::test]
async fn garbage_is_closed_and_the_server_lives() {
    let server = server(listen_config()).await;
    for garbage in [
        &b"XXXX"[..],
        b"POST /server/workerHeartbeat HTTP/1.1\r\n\r\n",
        b"PJRP\x01\x01\0\0\xff\xff\xff\xff",
    ] {
        let mut stream = TcpStream::connect(server.addr).await.unwrap();
        stream.write_all(garbage).await.unwrap();
        let mut answer = Vec::new();
        // A reset is as good an end as any.
        drop(soon(stream.read_to_end(&mut answer)).await);
        assert!(answer.len() <= 8, "{answer:?}");
    }
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    stream.write_all(b"PJRP\x07\x09\0\0").await.unwrap();
    let mut answer = Vec::new();
    soon(stream.read_to_end(&mut answer)).await.unwrap();
    assert_eq!(answer, b"PJRP\x00\x01\0\0");
    assert!(try_dial(&dial_config(server.addr)).await.is_ok());
}

/// Spec 05, G05.
#[tokio::test]
async fn silence_before_the_handshake_is_closed() {
    let server = server(ListenConfig {
        handshake_timeout: Duration::from_millis(30),
        ..listen_config()
    })
    .await;
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    assert_eq!(soon(stream.read(&mut [0; 8])).await.unwrap(), 0);
}

#[tokio::test]
async fn a_full_waiting_room_turns_away_until_there_is_room() {
    let server = server(ListenConfig {
        max_handshakes: 1,
        ..listen_config()
    })
    .await;
    let silent = TcpStream::connect(server.addr).await.unwrap();
    let turned_away = try_dial(&dial_config(server.addr)).await;
    assert!(
        matches!(
            turned_away,
            Err(DialError::Rejected { .. } | DialError::Connect { .. })
        ),
        "{turned_away:?}"
    );
    drop(silent);
    soon(async { while try_dial(&dial_config(server.addr)).await.is_err() {} }).await;
}

#[tokio::test]
async fn the_end_of_a_session_gives_its_place_back() {
    let server = server(ListenConfig {
        max_connections: 1,
        ..listen_config()
    })
    .await;
    let first = try_dial(&dial_config(server.addr)).await.unwrap();
    assert!(try_dial(&dial_config(server.addr)).await.is_err());
    first.close(ErrorCode::DRAINING, "enough");
    soon(async { while try_dial(&dial_config(server.addr)).await.is_err() {} }).await;
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let first = Listener::bind("127.0.0.1:0").await.unwrap();
    let address = first.local_addr().to_string();
    let error = Listener::bind(address.as_str()).await.unwrap_err();
    assert!(error.to_string().contains(&address), "{error}");
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_named() {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr();
    drop(listener);
    let error = try_dial(&dial_config(address)).await.unwrap_err();
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[tokio::test]
async fn a_listener_that_speaks_something_else_is_recognised() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
        drop(soon(stream.read_to_end(&mut Vec::new())).await);
    });
    let error = try_dial(&dial_config(address)).await.unwrap_err();
    assert!(matches!(error, DialError::Protocol { .. }), "{error:?}");
}
