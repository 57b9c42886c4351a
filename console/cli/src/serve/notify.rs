//! Tells systemd how far the service is (`Type=notify`); without systemd nobody listens.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// How far the service is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Progress {
    /// It takes requests.
    Ready,
    /// It ends.
    Stopping,
}

/// Tells the socket of the variable `NOTIFY_SOCKET`, if there is one.
pub(super) fn tell(progress: Progress) {
    let Some(socket) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    if let Err(error) = send(&socket, progress) {
        tracing::warn!(%error, "systemd was not told how far the service is");
    }
}

fn send(socket: &OsStr, progress: Progress) -> io::Result<()> {
    let text = match progress {
        Progress::Ready => "READY=1",
        Progress::Stopping => "STOPPING=1",
    };
    let address = match socket.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        path => SocketAddr::from_pathname(OsStr::from_bytes(path))?,
    };
    UnixDatagram::unbound()?
        .send_to_addr(text.as_bytes(), &address)
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_sockets_are_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notify");
        let by_path = UnixDatagram::bind(&path).expect("a socket");
        send(path.as_os_str(), Progress::Ready).expect("sent");
        let name = format!("powerjob-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).expect("a name");
        let abstractly = UnixDatagram::bind_addr(&address).expect("a socket");
        send(OsStr::new(&format!("@{name}")), Progress::Stopping).expect("sent");
        let mut text = [0; 32];
        for (socket, expected) in [(by_path, "READY=1"), (abstractly, "STOPPING=1")] {
            let length = socket.recv(&mut text).expect("a message");
            assert_eq!(&text[..length], expected.as_bytes());
        }
        assert!(send(OsStr::new("/nowhere/at/all"), Progress::Ready).is_err());
    }
}
