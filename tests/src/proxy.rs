//! A network that a test can disturb: it stands between a client and a server.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What the network does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Everything passes.
    Open,
    /// Connections end and new ones are ended at once, as when a host is down or a firewall rejects.
    Cut,
    /// Nothing passes until it is open again, then all of it, as on a line with retransmissions.
    Stalled,
    /// Everything vanishes without a word. Connections of this time stay dead when it is open again,
    /// as when a firewall has forgotten them.
    Silent,
}

/// A proxy on a free port of 127.0.0.1; gone when it drops.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    way: watch::Sender<Way>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Stands in front of a port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(target: u16) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let (way, _) = watch::channel(Way::Open);
        let task = tokio::spawn(listen(listener, target, way.clone()));
        Ok(Self { port, way, task })
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Changes what the network does, for open connections, too.
    pub fn set(&self, way: Way) {
        self.way.send_replace(way);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
        self.set(Way::Cut);
    }
}

async fn listen(listener: TcpListener, target: u16, way: watch::Sender<Way>) {
    while let Ok((client, _)) = listener.accept().await {
        let way = way.subscribe();
        tokio::spawn(async move {
            // The end of either side ends both: whoever tests knows what that means.
            carry(client, target, way).await.ok();
        });
    }
}

async fn carry(client: TcpStream, target: u16, way: watch::Receiver<Way>) -> io::Result<()> {
    let mut doom = way.clone();
    let work = async {
        let mut before = way.clone();
        wait_for(&mut before, |way| way != Way::Stalled).await;
        client.set_nodelay(true)?;
        let server = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], target))).await?;
        server.set_nodelay(true)?;
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        tokio::select! {
            ended = pass(&mut from_client, &mut to_server, way.clone()) => ended,
            ended = pass(&mut from_server, &mut to_client, way.clone()) => ended,
        }
    };
    tokio::select! {
        ended = work => ended,
        () = wait_for(&mut doom, |way| way == Way::Cut) => Ok(()),
    }
}

/// Passes bytes on as the way allows; swallows them from the first silence on.
async fn pass(
    from: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
    way: watch::Receiver<Way>,
) -> io::Result<()> {
    let (mut silence, mut way) = (way.clone(), way);
    let talk = async {
        let mut bytes = vec![0; 64 << 10];
        loop {
            let count = from.read(&mut bytes).await?;
            wait_for(&mut way, |way| way == Way::Open).await;
            if count == 0 {
                return Ok(());
            }
            to.write_all(&bytes[..count]).await?;
        }
    };
    tokio::select! {
        biased;
        () = wait_for(&mut silence, |way| way == Way::Silent) => std::future::pending().await,
        ended = talk => ended,
    }
}

async fn wait_for(way: &mut watch::Receiver<Way>, is_it: impl Fn(Way) -> bool) {
    // The sender lives as long as the proxy: without it the connection is of no use either.
    if way.wait_for(|way| is_it(*way)).await.is_err() {
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SOON: Duration = Duration::from_secs(10);
    const WHILE: Duration = Duration::from_millis(100);

    /// A server that sends back what it gets, and a proxy in front of it.
    async fn echo() -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.into_split();
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
        Proxy::start(port).await.unwrap()
    }

    async fn connect(proxy: &Proxy) -> TcpStream {
        TcpStream::connect(("127.0.0.1", proxy.port()))
            .await
            .unwrap()
    }

    /// What comes back within a while: a byte, the end (`Some(None)`), or nothing.
    async fn answer(stream: &mut TcpStream, limit: Duration) -> Option<Option<u8>> {
        let read = tokio::time::timeout(limit, stream.read_u8()).await;
        read.ok().map(Result::ok)
    }

    #[tokio::test]
    async fn an_open_way_lets_all_pass() {
        let proxy = echo().await;
        let mut stream = connect(&proxy).await;
        stream.write_u8(7).await.unwrap();
        assert_eq!(answer(&mut stream, SOON).await, Some(Some(7)));
    }

    #[tokio::test]
    async fn a_cut_ends_connections_and_new_ones() {
        let proxy = echo().await;
        let mut stream = connect(&proxy).await;
        stream.write_u8(7).await.unwrap();
        assert_eq!(answer(&mut stream, SOON).await, Some(Some(7)));
        proxy.set(Way::Cut);
        assert_eq!(answer(&mut stream, SOON).await, Some(None));
        assert_eq!(answer(&mut connect(&proxy).await, SOON).await, Some(None));
        proxy.set(Way::Open);
        let mut stream = connect(&proxy).await;
        stream.write_u8(8).await.unwrap();
        assert_eq!(answer(&mut stream, SOON).await, Some(Some(8)));
    }

    #[tokio::test]
    async fn a_stall_holds_everything_back_for_a_while() {
        let proxy = echo().await;
        let mut old = connect(&proxy).await;
        proxy.set(Way::Stalled);
        let mut new = connect(&proxy).await;
        old.write_u8(1).await.unwrap();
        new.write_u8(2).await.unwrap();
        assert_eq!(answer(&mut old, WHILE).await, None);
        assert_eq!(answer(&mut new, WHILE).await, None);
        proxy.set(Way::Open);
        assert_eq!(answer(&mut old, SOON).await, Some(Some(1)));
        assert_eq!(answer(&mut new, SOON).await, Some(Some(2)));
    }

    #[tokio::test]
    async fn connections_of_a_silence_stay_dead() {
        let proxy = echo().await;
        let mut old = connect(&proxy).await;
        proxy.set(Way::Silent);
        old.write_u8(1).await.unwrap();
        assert_eq!(answer(&mut old, WHILE).await, None);
        proxy.set(Way::Open);
        assert_eq!(answer(&mut old, WHILE).await, None);
        let mut new = connect(&proxy).await;
        new.write_u8(2).await.unwrap();
        assert_eq!(answer(&mut new, SOON).await, Some(Some(2)));
    }
}
