//! Spec 05 section 14.3: what workers ask at the web port.

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use super::scene::Scene;

/// Spec 05 cases C01 to C08 and C11, spec 06 cases 78 and 79.
#[actix_web::test]
async fn web_endpoints_answer_as_the_reference() {
    let scene = Scene::start().await;
    let app = scene.app;
    let own = scene.transport.strip_prefix("http://").expect("an address");
    let done = |data: Value| json!({ "success": true, "data": data, "message": null });
    let refused = |text: &str| json!({ "success": false, "data": null, "message": text });

    // C01 to C03
    assert_eq!(
        scene.get("/server/assert?appName=demo").await,
        done(json!(app))
    );
    let unregistered =
        "app(ghost) is not registered! Please register the app in oms-console first.";
    assert_eq!(
        scene.get("/server/assert?appName=ghost").await,
        refused(unregistered)
    );
    let text = "app(null) is not registered! Please register the app in oms-console first.";
    assert_eq!(scene.get("/server/assert").await, refused(text));
    assert_eq!(
        scene.get("/server/assertV2?appName=demo").await,
        done(json!({ "appId": app }))
    );

    // C04, C05, C11: the new application is taken within moments
    let acquire = format!("/server/acquire?protocol=HTTP&appId={app}");
    assert_eq!(scene.get(&acquire).await, done(json!(own)));
    assert_eq!(
        scene.get(&format!("{acquire}&currentServer={own}")).await,
        done(json!(own))
    );
    assert_eq!(
        scene
            .get(&format!("{acquire}&currentServer=1.2.3.4:5"))
            .await,
        done(json!(own))
    );

    // C06 to C08
    let unknown = scene.get("/server/acquire?protocol=HTTP&appId=99").await;
    assert_eq!(unknown, refused("PowerJobException: 99 is not registered!"));
    for protocol in ["&protocol=AKKA", "", "&protocol=KRYO"] {
        let akka = scene
            .get(&format!("/server/acquire?appId={app}{protocol}"))
            .await;
        let text = akka["message"].as_str().unwrap_or_default();
        assert_eq!(akka["success"], false);
        assert!(text.contains("powerjob.worker.protocol=http"), "{text}");
    }
    let missing = scene.get("/server/acquire?protocol=HTTP").await;
    assert_eq!(
        missing,
        refused("InvalidDataAccessApiUsageException: The given id must not be null!")
    );
    let text = scene.get("/server/acquire?protocol=HTTP&appId=x").await;
    assert!(
        text["message"]
            .as_str()
            .unwrap_or_default()
            .starts_with("BindException: "),
        "{text}"
    );
}

/// Spec 05 cases C09 and C10, spec 06 case 80: nobody has the server call other machines.
#[actix_web::test]
async fn connectivity_is_checked_at_the_caller_only() {
    let scene = Scene::start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let answering = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a caller");
        stream.write_all(b"PONG\r\n").await.expect("it is sent");
    });
    let check =
        |ip: &str, port: u16| format!("/server/checkConnectivity?targetIp={ip}&targetPort={port}");
    assert_eq!(scene.get(&check("127.0.0.1", port)).await["data"], true);
    answering.await.expect("it answered");

    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent_port = silent.local_addr().expect("an address").port();
    let begun = tokio::time::Instant::now();
    assert_eq!(
        scene.get(&check("127.0.0.1", silent_port)).await["data"],
        false
    );
    assert!(
        begun.elapsed().as_millis() < 4_500,
        "within 3 s, and some for a busy machine"
    );
    drop(silent);
    for (ip, port) in [
        ("127.0.0.1", port),
        ("127.0.0.1", 22),
        ("169.254.169.254", 8_080),
        ("10.0.0.1", 27_777),
        ("example.com", 27_777),
        ("", 0),
    ] {
        assert_eq!(
            scene.get(&check(ip, port)).await["data"],
            false,
            "{ip}:{port}"
        );
    }
}
