//! A server and workers in one process, and a peer that does what no good peer does.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use powerjob_common::actor::ActorScope;
use powerjob_common::id::NodeRef;
use powerjob_common::secret::Secret;
use powerjob_common::time::SystemClock;
use powerjob_protocol::wire::frame::{
    DEFAULT_MAX_LENGTH, Frame, FrameDecoder, FrameHead, FrameKind, encode_into,
};
use powerjob_protocol::wire::handshake::{Claim, Dialer, own_revisions};
use powerjob_protocol::wire::message::{TypeId, WireMessage};
use powerjob_protocol::wire::node::{UnwatchTap, WatchTap};
use powerjob_protocol::wire::server_to_worker::{StopAnswers, StopInstances};
use powerjob_session::{
    Admission, CloseCause, DialConfig, DialError, ErrorCode, Gate, GateFuture, Hello, Identity,
    Inbox, Incoming, ListenConfig, Listener, PeerInfo, Reject, Responder, Role, Session,
    SessionConfig, dial,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Nothing in these tests takes longer.
const LIMIT: Duration = Duration::from_secs(10);
pub(crate) const ASK_LIMIT: Duration = Duration::from_secs(5);
pub(crate) const SECRET: &str = "s3cret";

/// Waits, but not for ever.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, future)
        .await
        .expect("it should have happened by now")
}

/// Waits until a condition holds. The conditions are counters and states that nobody announces, so
/// that they are looked at again and again.
pub(crate) async fn eventually(condition: impl Fn() -> bool) {
    soon(async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

/// What an inbox saw.
#[derive(Debug)]
pub(crate) enum Event {
    Opened(Session),
    Told(TypeId, u64),
    Held(Responder),
    Draining(ErrorCode, String),
    Closed(CloseCause),
}

/// Answers a question about stopping at once, holds the others back, and tells what it saw.
pub(crate) struct Recorder(mpsc::UnboundedSender<Event>);

pub(crate) type Events = mpsc::UnboundedReceiver<Event>;

impl Recorder {
    pub(crate) fn new() -> (Arc<Self>, Events) {
        let (sender, events) = mpsc::unbounded_channel();
        (Arc::new(Self(sender)), events)
    }

    fn note(&self, event: Event) {
        // A test that is over no longer listens.
        drop(self.0.send(event));
    }
}

impl Inbox for Recorder {
    fn on_open(&self, session: &Session) {
        self.note(Event::Opened(session.clone()));
    }

    fn on_message(&self, _session: &Session, mut message: Incoming) {
        let type_id = message.type_id();
        if message.target() == "nobody" {
            return message.refuse(ErrorCode::NO_SUCH_ACTOR, "nobody lives here", 0);
        }
        if message.target() == "careless" {
            return drop(message.responder.take());
        }
        if type_id == StopInstances::TYPE {
            let Some((question, Some(responder))) = message.open::<StopInstances>() else {
                return;
            };
            let known = question.items.iter().map(|_| true).collect();
            return responder.reply(&StopAnswers { known }).unwrap();
        }
        match message.responder.take() {
            Some(responder) => self.note(Event::Held(responder)),
            None => {
                let number = match type_id {
                    UnwatchTap::TYPE => message.decode::<UnwatchTap>().unwrap().watch_id,
                    WatchTap::TYPE => message.decode::<WatchTap>().unwrap().watch_id,
                    _ => 0,
                };
                self.note(Event::Told(type_id, number));
            }
        }
    }

    fn on_draining(&self, _session: &Session, code: ErrorCode, reason: &str) {
        self.note(Event::Draining(code, reason.to_owned()));
    }

    fn on_closed(&self, _session: &Session, cause: CloseCause) {
        self.note(Event::Closed(cause));
    }
}

pub(crate) async fn next(events: &mut Events) -> Event {
    soon(events.recv()).await.expect("the inbox lives")
}

pub(crate) async fn next_opened(events: &mut Events) -> Session {
    match next(events).await {
        Event::Opened(session) => session,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn next_held(events: &mut Events) -> Responder {
    match next(events).await {
        Event::Held(responder) => responder,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn next_closed(events: &mut Events) -> CloseCause {
    match next(events).await {
        Event::Closed(cause) => cause,
        other => panic!("{other:?}"),
    }
}

/// Knows one application, `demo` with the id 1, and two secrets of it.
struct DemoGate(Arc<Recorder>);

impl Gate for DemoGate {
    fn secrets<'a>(&'a self, hello: &'a Hello) -> GateFuture<'a, Vec<Secret<String>>> {
        let known = if hello.key_id == "demo" {
            vec![
                Secret::new(SECRET.to_owned()),
                Secret::new("old".to_owned()),
            ]
        } else {
            Vec::new()
        };
        Box::pin(async move { known })
    }

    fn admit<'a>(&'a self, hello: &'a Hello) -> GateFuture<'a, Result<Admission, Reject>> {
        Box::pin(async move {
            if hello.app_name != "demo" {
                return Err(Reject::new(ErrorCode::UNKNOWN_APP, "no such application"));
            }
            Ok(Admission {
                app_id: 1,
                owner: "10.0.0.2:10010".to_owned(),
            })
        })
    }

    fn inbox(&self, _peer: &PeerInfo) -> Arc<dyn Inbox> {
        self.0.clone()
    }
}

pub(crate) fn scope(node: &str) -> ActorScope {
    ActorScope::new(node, Arc::new(SystemClock))
}

pub(crate) fn identity(node_id: &str, role: Role) -> Identity {
    let node = NodeRef {
        node_id: node_id.to_owned(),
        incarnation: 7,
    };
    Identity::new(node, role)
}

/// A server that listens.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    pub(crate) scope: ActorScope,
    pub(crate) events: Events,
    _stop: DropGuard,
}

pub(crate) fn listen_config() -> ListenConfig {
    ListenConfig::new(identity("s1", Role::Server))
}

pub(crate) async fn server(config: ListenConfig) -> Server {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let (recorder, events) = Recorder::new();
    let (scope, stop) = (scope("s1"), CancellationToken::new());
    let addr = listener.local_addr();
    let gate = Arc::new(DemoGate(recorder));
    tokio::spawn(listener.serve(config, gate, scope.clone(), stop.clone()));
    Server {
        addr,
        scope,
        events,
        _stop: stop.drop_guard(),
    }
}

pub(crate) fn dial_config(addr: SocketAddr) -> DialConfig {
    let secret = Some(Secret::new(SECRET.to_owned()));
    DialConfig::worker(
        &addr.to_string(),
        identity("w1", Role::Worker),
        "demo",
        secret,
    )
}

pub(crate) async fn try_dial(config: &DialConfig) -> Result<Session, DialError> {
    let (recorder, _events) = Recorder::new();
    soon(dial(config, recorder, &scope("w1"))).await
}

/// Both ends of a session.
pub(crate) struct Pair {
    pub(crate) server: Server,
    pub(crate) at_server: Session,
    pub(crate) at_worker: Session,
    pub(crate) worker_scope: ActorScope,
    pub(crate) worker_events: Events,
}

pub(crate) async fn pair() -> Pair {
    pair_with(SessionConfig::default(), SessionConfig::default()).await
}

pub(crate) async fn pair_with(at_server: SessionConfig, at_worker: SessionConfig) -> Pair {
    let mut server = server(ListenConfig {
        session: at_server,
        ..listen_config()
    })
    .await;
    let config = DialConfig {
        session: at_worker,
        ..dial_config(server.addr)
    };
    let (recorder, mut worker_events) = Recorder::new();
    let worker_scope = scope("w1");
    let at_worker = soon(dial(&config, recorder, &worker_scope)).await.unwrap();
    next_opened(&mut worker_events).await;
    let at_server = next_opened(&mut server.events).await;
    Pair {
        server,
        at_server,
        at_worker,
        worker_scope,
        worker_events,
    }
}

/// A peer that has come through the door and then does as the test likes.
pub(crate) struct RawPeer {
    pub(crate) stream: TcpStream,
    decoder: FrameDecoder,
    unread: Vec<u8>,
}

impl RawPeer {
    pub(crate) async fn connect(addr: SocketAddr) -> Self {
        let mut peer = Self {
            stream: TcpStream::connect(addr).await.unwrap(),
            decoder: FrameDecoder::new(DEFAULT_MAX_LENGTH),
            unread: Vec::new(),
        };
        let claim = Claim {
            identity: identity("raw", Role::Worker),
            app_name: "demo".to_owned(),
            app_id: None,
            key_id: "demo".to_owned(),
            secret: Some(Secret::new(SECRET.to_owned())),
            max_length: DEFAULT_MAX_LENGTH,
            revisions: own_revisions(),
        };
        peer.write(&Dialer::preface()).await;
        let mut answer = [0; 8];
        soon(peer.stream.read_exact(&mut answer)).await.unwrap();
        let (dialer, hello) = Dialer::new(claim, [5; 32]).on_preface(answer).unwrap();
        peer.write(&hello).await;
        let challenge = peer.read().await.unwrap();
        let (dialer, auth) = dialer.on_frame(&challenge).unwrap();
        peer.write(&auth).await;
        let ready = peer.read().await.unwrap();
        dialer.on_frame(&ready).unwrap();
        peer
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        soon(self.stream.write_all(bytes)).await.unwrap();
    }

    pub(crate) async fn send(&mut self, kind: FrameKind, correlation: u64, body: &[u8]) {
        let mut bytes = Vec::new();
        let head = FrameHead::of_session(kind, correlation);
        encode_into(&mut bytes, &head, DEFAULT_MAX_LENGTH, body).unwrap();
        self.write(&bytes).await;
    }

    /// The next frame; `None` at the end of the stream.
    pub(crate) async fn read(&mut self) -> Option<Frame> {
        loop {
            let mut rest = self.unread.as_slice();
            let frame = self.decoder.next(&mut rest).unwrap();
            self.unread = rest.to_vec();
            if frame.is_some() {
                return frame;
            }
            let mut bytes = [0; 4_096];
            match soon(self.stream.read(&mut bytes)).await {
                Ok(0) | Err(_) => return None,
                Ok(count) => self.unread.extend_from_slice(&bytes[..count]),
            }
        }
    }

    /// The next frame that is no sign of life.
    pub(crate) async fn read_news(&mut self) -> Option<Frame> {
        loop {
            let frame = self.read().await?;
            if frame.kind != FrameKind::Ping {
                return Some(frame);
            }
        }
    }
}
