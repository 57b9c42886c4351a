//! The handshake of a connection that came in.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use powerjob_common::actor::ActorScope;
use powerjob_protocol::wire::control::ErrorCode;
use powerjob_protocol::wire::frame::{EncodeError, Frame, HANDSHAKE_MAX_LENGTH};
use powerjob_protocol::wire::handshake::{
    AcceptorTerms, AwaitAuth, Hello, PrefaceVerdict, Proven, Reject, Terms, accept_hello,
    judge_preface, own_revisions,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;

use crate::config::ListenConfig;
use crate::connection::{Connection, Settled};
use crate::dial::{next_frame, prepare, random};
use crate::gate::{Admission, Gate};
use crate::peer::PeerInfo;
use crate::reader::{Beginning, FrameBuffer};

/// How long a stranger may take to say the first 8 bytes.
const PREFACE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a refused peer may take to read why.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(1);

/// Why a connection did not become a session.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// Something else than this protocol, or a version that is not spoken here.
    #[error("the first bytes are not those of the protocol")]
    NotOurs,
    /// No common version.
    #[error("no common version of the protocol")]
    Version,
    /// Told to the peer.
    #[error(transparent)]
    Rejected(#[from] Reject),
    /// Told to the peer, which could not prove that it belongs to the application it named.
    #[error(
        "{node_id:?} does not know the secret of the application {app_name:?}, or there is no such \
         application"
    )]
    Unproven {
        /// As it says.
        node_id: String,
        /// As it says.
        app_name: String,
        /// What it is told.
        reject: Reject,
    },
    /// The connection failed, or what came was no frame.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The own data do not fit into a frame.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// It took too long.
    #[error("the handshake took too long")]
    Timeout,
}

impl Refusal {
    /// Whether it looks like someone who should not be here.
    pub(crate) fn is_suspicious(&self) -> bool {
        match self {
            Self::NotOurs | Self::Unproven { .. } => true,
            Self::Rejected(reject) => reject.code == ErrorCode::UNAUTHORIZED,
            Self::Io(error) => error.kind() == io::ErrorKind::InvalidData,
            Self::Version | Self::Encode(_) | Self::Timeout => false,
        }
    }

    /// What the peer is told.
    fn reject(&self) -> Option<&Reject> {
        match self {
            Self::Rejected(reject) | Self::Unproven { reject, .. } => Some(reject),
            _ => None,
        }
    }

    /// With the names that the peer gave, if they are what an operator has to look for.
    fn naming(self, hello: Hello) -> Self {
        match self {
            Self::Rejected(reject) if reject.code == ErrorCode::UNAUTHORIZED => Self::Unproven {
                node_id: hello.node_id,
                app_name: hello.app_name,
                reject,
            },
            other => other,
        }
    }
}

/// What all handshakes of a listener share.
pub(crate) struct Reception {
    pub(crate) config: ListenConfig,
    pub(crate) gate: Arc<dyn Gate>,
    pub(crate) scope: ActorScope,
}

impl Reception {
    /// Turns a connection into a session, or tells the peer why not.
    pub(crate) async fn receive(
        &self,
        stream: TcpStream,
        remote_addr: SocketAddr,
        place: OwnedSemaphorePermit,
    ) -> Result<(), Refusal> {
        let mut stream = prepare(stream)?;
        let limit = self.config.handshake_timeout;
        let shaking = Box::pin(self.shake_hands(&mut stream));
        let result = tokio::time::timeout(limit, shaking)
            .await
            .unwrap_or(Err(Refusal::Timeout));
        match result {
            Ok((frames, welcome)) => {
                self.begin(stream, remote_addr, frames, welcome, place);
                Ok(())
            }
            Err(refusal) => {
                if let Some(reject) = refusal.reject() {
                    say_no(&mut stream, reject).await;
                }
                Err(refusal)
            }
        }
    }

    async fn shake_hands(&self, stream: &mut TcpStream) -> Result<(FrameBuffer, Welcome), Refusal> {
        let prefaces = greet(stream).await?;
        let own = AcceptorTerms {
            identity: self.config.identity.clone(),
            max_length: self.config.session.max_frame_bytes,
            allow_unproven: self.config.allow_unproven,
            revisions: own_revisions(),
        };
        let mut frames = FrameBuffer::new(HANDSHAKE_MAX_LENGTH);
        let hello = next_frame(&mut frames, stream).await?;
        let claimed = accept_hello(&own, random()?, prefaces, &hello)?;
        stream.write_all(&claimed.challenge_frame()?).await?;
        let auth = next_frame(&mut frames, stream).await?;
        let hello = claimed.hello().clone();
        let judged = self.judge(claimed, &auth).await;
        let welcome = judged.map_err(|refusal| refusal.naming(hello))?;
        let ready = welcome.proven.ready_frame(&welcome.terms)?;
        stream.write_all(&ready).await?;
        frames.set_max_length(welcome.proven.max_length());
        Ok((frames, welcome))
    }

    async fn judge(&self, claimed: AwaitAuth, auth: &Frame) -> Result<Welcome, Refusal> {
        let secrets = if claimed.needs_proof() {
            self.gate.secrets(claimed.hello()).await
        } else {
            Vec::new()
        };
        let proven = claimed.on_auth(auth, &secrets)?;
        let admission = self.gate.admit(proven.hello()).await?;
        let terms = self.terms(admission)?;
        Ok(Welcome { proven, terms })
    }

    fn terms(&self, admission: Admission) -> io::Result<Terms> {
        let ping_ms = self.config.session.ping_interval.as_millis();
        Ok(Terms {
            session_id: u64::from_le_bytes(random()?),
            app_id: admission.app_id,
            owner: admission.owner,
            ping_ms: u32::try_from(ping_ms).unwrap_or(u32::MAX),
            credit_frames: 0,
            credit_bytes: 0,
            server_time: self.scope.clock().now().0,
        })
    }

    fn begin(
        &self,
        stream: TcpStream,
        remote_addr: SocketAddr,
        frames: FrameBuffer,
        welcome: Welcome,
        place: OwnedSemaphorePermit,
    ) {
        let hello = welcome.proven.hello();
        let peer = PeerInfo {
            node: hello.node(),
            role: hello.role(),
            app_id: welcome.terms.app_id,
            app_name: hello.app_name.clone(),
            advertised: hello.advertised.clone(),
            software: hello.software.clone(),
            remote_addr,
            is_authenticated: welcome.proven.is_authenticated(),
        };
        let inbox = self.gate.inbox(&peer);
        let settled = Settled {
            own: self.config.identity.clone(),
            peer,
            max_length: welcome.proven.max_length(),
            terms: welcome.terms,
            config: self.config.session.clone(),
        };
        Beginning {
            connection: Connection::new(settled, self.scope.clone()),
            inbox,
            frames,
            stream,
            place: Some(place),
        }
        .start();
    }
}

/// A dialer that was let in.
struct Welcome {
    proven: Proven,
    terms: Terms,
}

/// Exchanges prefaces: the dialer's and the answer.
async fn greet(stream: &mut TcpStream) -> Result<([u8; 8], [u8; 8]), Refusal> {
    let mut preface = [0; 8];
    tokio::time::timeout(PREFACE_TIMEOUT, read_preface(stream, &mut preface))
        .await
        .unwrap_or(Err(Refusal::Timeout))?;
    match judge_preface(preface) {
        PrefaceVerdict::GoOn(answer) => {
            stream.write_all(&answer).await?;
            Ok((preface, answer))
        }
        PrefaceVerdict::Refuse(answer) => {
            stream.write_all(&answer).await?;
            Err(Refusal::Version)
        }
        PrefaceVerdict::NotOurs => Err(Refusal::NotOurs),
    }
}

/// Reads 8 bytes; a stranger is recognised by the first four.
async fn read_preface(stream: &mut TcpStream, preface: &mut [u8; 8]) -> Result<(), Refusal> {
    let (magic, rest) = preface.split_at_mut(4);
    stream.read_exact(magic).await?;
    if magic != powerjob_protocol::wire::handshake::MAGIC {
        return Err(Refusal::NotOurs);
    }
    stream.read_exact(rest).await?;
    Ok(())
}

/// Says why, and waits a moment so that the peer can read it before the connection goes.
async fn say_no(stream: &mut TcpStream, reject: &Reject) {
    let farewell = async {
        stream.write_all(&reject.to_frame()).await?;
        stream.shutdown().await?;
        let mut nowhere = [0; 256];
        while stream.read(&mut nowhere).await? > 0 {}
        Ok::<(), io::Error>(())
    };
    // Whether the peer hears it or not, the connection ends here.
    drop(tokio::time::timeout(FAREWELL_TIMEOUT, farewell).await);
}
