//! Messages a second of the native protocol: one session over loopback, both ends in this process.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use powerjob_common::actor::ActorScope;
use powerjob_common::id::NodeRef;
use powerjob_common::secret::Secret;
use powerjob_common::time::{Clock, SystemClock};
use powerjob_protocol::wire::server_to_worker::{StopAnswers, StopInstances};
use powerjob_session::{
    Admission, CloseCause, DialConfig, Gate, GateFuture, Hello, Identity, Inbox, Incoming,
    ListenConfig, Listener, PeerInfo, Reject, Session, SessionConfig, dial,
};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::clock::monotonic;

const MESSAGES: usize = 300_000;
/// Questions on their way at the same time.
const WINDOW: usize = 1_000;
const LIMIT: Duration = Duration::from_secs(30);

struct Echo;

impl Inbox for Echo {
    fn on_message(&self, _session: &Session, message: Incoming) {
        if let Some((StopInstances { items }, Some(responder))) = message.open() {
            let known = vec![true; items.len()];
            responder.reply(&StopAnswers { known }).ok();
        }
    }

    fn on_closed(&self, _session: &Session, _cause: CloseCause) {}
}

struct OpenGate;

impl Gate for OpenGate {
    fn secrets<'a>(&'a self, _hello: &'a Hello) -> GateFuture<'a, Vec<Secret<String>>> {
        Box::pin(async { vec![Secret::new("bench".to_owned())] })
    }

    fn admit<'a>(&'a self, _hello: &'a Hello) -> GateFuture<'a, Result<Admission, Reject>> {
        Box::pin(async {
            Ok(Admission {
                app_id: 1,
                owner: String::new(),
            })
        })
    }

    fn inbox(&self, _peer: &PeerInfo) -> Arc<dyn Inbox> {
        Arc::new(Echo)
    }
}

fn identity(name: &str) -> Identity {
    let node = NodeRef {
        node_id: name.to_owned(),
        incarnation: 1,
    };
    Identity {
        node,
        role: role(name),
        advertised: String::new(),
        software: "bench".to_owned(),
    }
}

fn role(name: &str) -> powerjob_session::Role {
    if name == "server" {
        powerjob_session::Role::Server
    } else {
        powerjob_session::Role::Worker
    }
}

/// Small questions answered a second, [`WINDOW`] of them on their way at once.
///
/// # Errors
/// When the session cannot be opened.
pub async fn questions_per_second() -> Result<f64, Box<dyn std::error::Error>> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let scope = ActorScope::new("bench", clock);
    let listener = Listener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr().to_string();
    let stop = CancellationToken::new();
    let (config, gate) = (ListenConfig::new(identity("server")), Arc::new(OpenGate));
    let serving = tokio::spawn(listener.serve(config, gate, scope.clone(), stop.clone()));
    let secret = Some(Secret::new("bench".to_owned()));
    let mut config = DialConfig::worker(&address, identity("worker"), "bench", secret);
    config.session = SessionConfig {
        pending_asks: 2 * WINDOW,
        ..SessionConfig::default()
    };
    let session = dial(&config, Arc::new(Echo), &scope).await?;
    let rate = pipelined(&session).await?;
    stop.cancel();
    serving.await?;
    Ok(rate)
}

async fn pipelined(session: &Session) -> Result<f64, Box<dyn std::error::Error>> {
    let window = Arc::new(Semaphore::new(WINDOW));
    let failed = Arc::new(AtomicUsize::new(0));
    let question = StopInstances { items: Vec::new() };
    let start = monotonic();
    for _ in 0..MESSAGES {
        window.acquire().await?.forget();
        let (window, failed) = (window.clone(), failed.clone());
        session.ask_then("worker", "bench", &question, LIMIT, move |answer| {
            failed.fetch_add(usize::from(answer.is_err()), Relaxed);
            window.add_permits(1);
        });
    }
    let _all = window.acquire_many(WINDOW as u32).await?;
    let spent = monotonic() - start;
    match failed.load(Relaxed) {
        0 => Ok(MESSAGES as f64 / spent.as_secs_f64()),
        failed => Err(format!("{failed} questions failed").into()),
    }
}
