//! A small HTTP/1.1 client for load: one kept-alive connection, no allocation per call beyond the
//! body, so that the client's own cost stays far below the server's.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One kept-alive connection to a server.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    host: String,
    token: String,
    inbound: Vec<u8>,
    outbound: Vec<u8>,
}

/// Status and body of an answer.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Errors
    /// When it is none; the error shows the beginning of the body.
    pub fn json(&self) -> io::Result<serde_json::Value> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let text = String::from_utf8_lossy(&self.body[..self.body.len().min(200)]);
            io::Error::other(format!("status {}, no JSON ({error}): {text}", self.status))
        })
    }
}

impl Connection {
    /// Connects to `address` (`host:port`); `token` may be empty.
    ///
    /// # Errors
    /// When the server does not take the connection.
    pub async fn open(address: &str, token: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (host, token) = (address.to_owned(), token.to_owned());
        Ok(Self {
            stream,
            host,
            token,
            inbound: Vec::new(),
            outbound: Vec::new(),
        })
    }

    /// Sends a request with a JSON body (empty = none) and waits for the answer.
    ///
    /// # Errors
    /// When the connection breaks or the answer is no HTTP.
    pub async fn call(&mut self, method: &str, path: &str, body: &[u8]) -> io::Result<Answer> {
        self.outbound.clear();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            self.host,
            self.token,
            body.len()
        );
        self.outbound.extend_from_slice(head.as_bytes());
        self.outbound.extend_from_slice(body);
        self.stream.write_all(&self.outbound).await?;
        self.answer().await
    }

    async fn answer(&mut self) -> io::Result<Answer> {
        let head_end = self.fill_until(|bytes| find(bytes, b"\r\n\r\n")).await? + 4;
        let head = String::from_utf8_lossy(&self.inbound[..head_end]).to_ascii_lowercase();
        let status = head.split(' ').nth(1).and_then(|text| text.parse().ok());
        let status = status.ok_or_else(|| io::Error::other("no status line"))?;
        self.inbound.drain(..head_end);
        let body = if head.contains("transfer-encoding: chunked") {
            self.chunked().await?
        } else {
            self.sized(content_length(&head)).await?
        };
        Ok(Answer { status, body })
    }

    async fn sized(&mut self, length: usize) -> io::Result<Vec<u8>> {
        self.fill_until(|bytes| (bytes.len() >= length).then_some(length))
            .await?;
        Ok(self.inbound.drain(..length).collect())
    }

    async fn chunked(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line_end = self.fill_until(|bytes| find(bytes, b"\r\n")).await?;
            let line: Vec<u8> = self.inbound.drain(..line_end + 2).collect();
            let size = String::from_utf8_lossy(&line);
            let size = usize::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
            let chunk = self.sized(size + 2).await?;
            if size == 0 {
                return Ok(body);
            }
            body.extend_from_slice(&chunk[..size]);
        }
    }

    async fn fill_until(&mut self, found: impl Fn(&[u8]) -> Option<usize>) -> io::Result<usize> {
        loop {
            if let Some(position) = found(&self.inbound) {
                return Ok(position);
            }
            if self.stream.read_buf(&mut self.inbound).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

fn content_length(head: &str) -> usize {
    head.lines()
        .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok())
        .unwrap_or(0)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}
