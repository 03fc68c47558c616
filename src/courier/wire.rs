//! Bytes for sockets: syslog over UDP, TCP and unix sockets, journald.

use std::path::Path;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UdpSocket, UnixDatagram};

use super::guard;
use super::task::Fault;
use crate::sink::journald;

/// Sends one message.
pub(super) async fn send(url: &str, bytes: &[u8], allow: &[String], patience: Duration) -> Result<(), Fault> {
    let sent = tokio::time::timeout(patience, steps(url, bytes, allow)).await;
    match sent {
        Ok(done) => done,
        Err(_) => Err(Fault::again(format!("not taken within {} ms", patience.as_millis()))),
    }
}

async fn steps(url: &str, bytes: &[u8], allow: &[String]) -> Result<(), Fault> {
    let words = |e: std::io::Error| Fault::again(e.to_string());
    match url.split_once("://") {
        Some(("udp", rest)) => {
            let at = address(rest, allow).await?;
            let any = if at.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
            let socket = UdpSocket::bind(any).await.map_err(words)?;
            socket.send_to(bytes, at).await.map_err(words).map(|_| ())
        }
        Some(("tcp", rest)) => {
            let mut stream = TcpStream::connect(address(rest, allow).await?).await.map_err(words)?;
            stream.write_all(bytes).await.map_err(words)?;
            stream.shutdown().await.map_err(words)
        }
        Some(("unix", path)) => datagram(Path::new(path), bytes).await,
        _ if url.is_empty() => datagram(Path::new(journald::SOCKET), bytes).await,
        _ => datagram(Path::new(url), bytes).await,
    }
}

async fn datagram(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    let words = |e: std::io::Error| Fault::again(format!("{}: {e}", path.display()));
    let socket = UnixDatagram::unbound().map_err(words)?;
    socket.send_to(bytes, path).await.map_err(words).map(|_| ())
}

/// `HOST:PORT`. The log server of a desk stands inside, and is named in `allow` like every other one.
async fn address(text: &str, allow: &[String]) -> Result<std::net::SocketAddr, Fault> {
    let (host, port) = text.rsplit_once(':').ok_or_else(|| Fault::never("the address has no port"))?;
    let port = port.parse().map_err(|_| Fault::never("the port is no number"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_allowed = allow.iter().any(|a| a.eq_ignore_ascii_case(host));
    guard::resolved(host, port, is_allowed).await
}
