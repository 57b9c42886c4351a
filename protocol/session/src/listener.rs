//! Takes connections.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use powerjob_common::actor::ActorScope;
use powerjob_protocol::wire::handshake::PREFACE_TOO_MANY;
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::ListenConfig;
use crate::failures::Failures;
use crate::gate::Gate;
use crate::reception::{Reception, Refusal};
use crate::throttle::Throttle;

/// How long to wait when the machine has no more sockets to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A port that takes sessions.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    local_addr: SocketAddr,
}

impl Listener {
    /// Takes the port; `:0` takes a free one.
    ///
    /// # Errors
    /// The error names the address: most often another process has it.
    pub async fn bind<A: ToSocketAddrs + std::fmt::Display>(addr: A) -> io::Result<Self> {
        let named = addr.to_string();
        let explain = |error: io::Error| {
            io::Error::new(error.kind(), format!("cannot listen on {named}: {error}"))
        };
        let socket = TcpListener::bind(addr).await.map_err(explain)?;
        let local_addr = socket.local_addr().map_err(explain)?;
        Ok(Self { socket, local_addr })
    }

    /// The address it has taken.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Takes connections until `stop` is cancelled. Sessions that stand outlive it: drain or close
    /// them, they are known from [`crate::Inbox::on_open`].
    pub async fn serve(
        self,
        config: ListenConfig,
        gate: Arc<dyn Gate>,
        scope: ActorScope,
        stop: CancellationToken,
    ) {
        let desk = Arc::new(Desk {
            handshakes: Arc::new(Semaphore::new(config.max_handshakes)),
            connections: Arc::new(Semaphore::new(config.max_connections)),
            failures: Failures::default(),
            refusals: Throttle::default(),
            reception: Reception {
                config,
                gate,
                scope,
            },
        });
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                accepted = self.socket.accept() => match accepted {
                    Ok((stream, remote_addr)) => desk.clone().take(stream, remote_addr),
                    Err(error) => {
                        desk.log_refusal(None, format!("cannot accept: {error}"));
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
    }
}

struct Desk {
    handshakes: Arc<Semaphore>,
    connections: Arc<Semaphore>,
    failures: Failures,
    refusals: Throttle,
    reception: Reception,
}

impl Desk {
    /// Gives a connection to a task of its own, or turns it away.
    fn take(self: Arc<Self>, stream: TcpStream, remote_addr: SocketAddr) {
        let places = (
            self.handshakes.clone().try_acquire_owned(),
            self.connections.clone().try_acquire_owned(),
        );
        let (Ok(handshake), Ok(connection)) = places else {
            self.log_refusal(None, "too many connections".to_owned());
            // Best effort: a fresh socket has room for 8 bytes; the peer comes back later anyway.
            drop(stream.try_write(&PREFACE_TOO_MANY));
            return;
        };
        tokio::spawn(async move {
            self.receive(stream, remote_addr, connection).await;
            drop(handshake);
        });
    }

    async fn receive(
        &self,
        stream: TcpStream,
        remote_addr: SocketAddr,
        place: OwnedSemaphorePermit,
    ) {
        let delay = self.failures.delay(remote_addr.ip(), Instant::now());
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        if let Err(refusal) = self.reception.receive(stream, remote_addr, place).await {
            self.note(&refusal, remote_addr);
        }
    }

    fn note(&self, refusal: &Refusal, remote_addr: SocketAddr) {
        if refusal.is_suspicious() {
            self.failures.note(remote_addr.ip(), Instant::now());
        }
        self.log_refusal(Some(remote_addr), refusal.to_string());
    }

    fn log_refusal(&self, remote_addr: Option<SocketAddr>, reason: String) {
        let cause = (remote_addr.map(|addr| addr.ip()), reason.clone());
        let Some(suppressed) = self.refusals.admit(cause, Instant::now()) else {
            return;
        };
        match remote_addr {
            Some(remote_addr) => {
                tracing::warn!(%remote_addr, reason, suppressed, "refused a connection");
            }
            None => tracing::warn!(reason, suppressed, "refused connections"),
        }
    }
}
