//! Opens a session.

use std::io;
use std::sync::Arc;

use powerjob_common::actor::ActorScope;
use powerjob_protocol::wire::frame::{Frame, HANDSHAKE_MAX_LENGTH};
use powerjob_protocol::wire::handshake::{DialFailure, Dialer, Established, Reject};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::config::{DialConfig, SessionConfig};
use crate::connection::{Connection, Settled};
use crate::error::DialError;
use crate::inbox::Inbox;
use crate::peer::PeerInfo;
use crate::reader::{Beginning, FrameBuffer};
use crate::session::Session;

/// A peer cannot make this side ping more often than this.
const SHORTEST_PING_INTERVAL: Duration = Duration::from_millis(10);

/// Opens a session with the peer at `config.address`; what it sends goes to `inbox`.
///
/// # Errors
/// [`DialError`]; nothing is left behind, try again with a growing pause.
pub async fn dial(
    config: &DialConfig,
    inbox: Arc<dyn Inbox>,
    scope: &ActorScope,
) -> Result<Session, DialError> {
    let address = || config.address.clone();
    let connecting = TcpStream::connect(&config.address);
    let stream = tokio::time::timeout(config.connect_timeout, connecting)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .and_then(prepare)
        .map_err(|source| DialError::Connect {
            address: address(),
            source,
        })?;
    let shaking = Box::pin(shake_hands(config, stream));
    let (stream, frames, established) = tokio::time::timeout(config.handshake_timeout, shaking)
        .await
        .map_err(|_| DialError::Timeout { address: address() })?
        .map_err(|failure| failure.into_error(address()))?;
    let remote_addr = stream.peer_addr().map_err(|source| DialError::Connect {
        address: address(),
        source,
    })?;
    let settled = settle(config, established, remote_addr);
    Ok(Beginning {
        connection: Connection::new(settled, scope.clone()),
        inbox,
        frames,
        stream,
        place: None,
    }
    .start())
}

/// Sets what every connection needs: without it small frames wait for acknowledgements.
pub(crate) fn prepare(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Fresh random bytes.
pub(crate) fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes)
}

/// The next frame of a handshake.
pub(crate) async fn next_frame(
    frames: &mut FrameBuffer,
    stream: &mut TcpStream,
) -> io::Result<Frame> {
    loop {
        match frames.pop() {
            Ok(Some(frame)) => return Ok(frame),
            Ok(None) if frames.fill(stream).await? == 0 => {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            Ok(None) => {}
            Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        }
    }
}

async fn shake_hands(
    config: &DialConfig,
    mut stream: TcpStream,
) -> Result<(TcpStream, FrameBuffer, Established), Failure> {
    let dialer = Dialer::new(config.claim(), random()?);
    stream.write_all(&Dialer::preface()).await?;
    let mut answer = [0; 8];
    stream.read_exact(&mut answer).await?;
    let (dialer, hello) = dialer.on_preface(answer)?;
    stream.write_all(&hello).await?;
    let mut frames = FrameBuffer::new(HANDSHAKE_MAX_LENGTH);
    let challenge = next_frame(&mut frames, &mut stream).await?;
    let (dialer, auth) = tell_if_broken(dialer.on_frame(&challenge), &mut stream).await?;
    stream.write_all(&auth).await?;
    let ready = next_frame(&mut frames, &mut stream).await?;
    let established = tell_if_broken(dialer.on_frame(&ready), &mut stream).await?;
    frames.set_max_length(established.max_length);
    Ok((stream, frames, established))
}

/// Tells the peer what it did wrong before giving up.
async fn tell_if_broken<T>(
    result: Result<T, DialFailure>,
    stream: &mut TcpStream,
) -> Result<T, Failure> {
    if let Err(DialFailure::Broken(reject)) = &result {
        stream.write_all(&reject.to_frame()).await?;
    }
    Ok(result?)
}

fn settle(
    config: &DialConfig,
    established: Established,
    remote_addr: std::net::SocketAddr,
) -> Settled {
    let told = Duration::from_millis(u64::from(established.terms.ping_ms));
    let ping_interval = config
        .session
        .ping_interval
        .min(told.max(SHORTEST_PING_INTERVAL));
    Settled {
        own: config.identity.clone(),
        peer: PeerInfo {
            node: established.node,
            role: config.peer_role,
            app_id: established.terms.app_id,
            app_name: config.app_name.clone(),
            advertised: established.advertised,
            software: established.software,
            remote_addr,
            is_authenticated: config.secret.is_some(),
        },
        terms: established.terms,
        max_length: established.max_length,
        config: SessionConfig {
            ping_interval,
            ..config.session.clone()
        },
    }
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Handshake(#[from] DialFailure),
}

impl Failure {
    fn into_error(self, address: String) -> DialError {
        let reason = match self {
            Self::Handshake(DialFailure::Refused(reject)) => {
                return DialError::Rejected { address, reject };
            }
            Self::Handshake(DialFailure::Impostor) => return DialError::Impostor { address },
            Self::Handshake(DialFailure::Broken(Reject { message, .. })) => message,
            Self::Handshake(failure) => failure.to_string(),
            Self::Io(error) if error.kind() == io::ErrorKind::InvalidData => error.to_string(),
            Self::Io(source) => return DialError::Connect { address, source },
        };
        DialError::Protocol { address, reason }
    }
}
