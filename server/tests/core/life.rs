//! Starting and ending: clear errors, free ports, good order.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use powerjob_server::app::{self, StartError};
use powerjob_server::config::ServerConfig;
use tokio_util::sync::CancellationToken;

use crate::cluster::{Server, config, eventually};

fn refusal(config: ServerConfig) -> String {
    let result = app::run(config, CancellationToken::new(), |_| ());
    match result {
        Err(error @ StartError::Fatal(_)) => panic!("it started: {error}"),
        Err(error) => error.to_string(),
        Ok(()) => panic!("it started"),
    }
}

#[test]
fn settings_that_cannot_be_used_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    let base = config(folder.path());
    let cases = [
        (
            ServerConfig {
                zone: Some("Mars/Olympus".to_owned()),
                ..base.clone()
            },
            "server.zone: ",
        ),
        (
            ServerConfig {
                worker_bind: address.clone(),
                ..base.clone()
            },
            "server.worker_bind: ",
        ),
        (
            ServerConfig {
                http_bind: Some(address),
                ..base.clone()
            },
            "server.http_bind: ",
        ),
    ];
    for (config, expected) in cases {
        let text = refusal(config);
        assert!(text.starts_with(expected), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_http_edge_answers_and_a_first_password_is_handed_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(ServerConfig {
        http_bind: Some("127.0.0.1:0".to_owned()),
        ..config(folder.path())
    })
    .await;
    assert!(server.generated_password.is_some());
    eventually("the server is ready", async || {
        server.handles.ownership.check_ready().is_ok()
    })
    .await;
    let address = server.http_addr.expect("with HTTP");
    let answer = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).expect("it listens");
        let request = "GET /ready HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    })
    .await
    .expect("no panic");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    server.stop().await;
}
