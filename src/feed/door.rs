//! Opening a socket: name lookup, TCP to the quickest address, TLS, websocket handshake.
//!
//! Names are resolved anew on every attempt, because venues move behind their names. Addresses are
//! tried 250 ms apart with families taking turns (RFC 8305, simplified), so a dead IPv6 route costs a
//! quarter of a second and not the connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use hyper::http::HeaderMap;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::{TcpStream, lookup_host};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

use super::redirect::Target;
use super::words::{self, Failure};

/// An open websocket.
pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 16;
/// Head start of one address over the next.
const STAGGER: Duration = Duration::from_millis(250);
/// Largest message any venue file may allow.
pub const MESSAGE_BYTES_MAX: usize = 16 << 20;
/// Outgoing bytes a stuck socket may hold.
const WRITE_BYTES_MAX: usize = 1 << 20;

/// TLS settings shared by all connections: TLS 1.2 or newer, roots of this machine and of Mozilla.
pub fn tls() -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    // Roots of the machine may be absent or partly unreadable; the bundled ones remain.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    with_roots(roots)
}

/// TLS settings that trust nobody, for feeds that all lead to loopback in plain text.
pub fn no_tls() -> Result<Arc<ClientConfig>, String> {
    with_roots(RootCertStore::empty())
}

fn with_roots(roots: RootCertStore) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| format!("TLS: {e}"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Opens websockets.
#[derive(Clone, Debug)]
pub struct Door {
    /// TLS settings, or why there are none.
    pub tls: Result<Arc<ClientConfig>, String>,
    /// Everything together may take this long.
    pub patience: Duration,
    /// What the venue wants at the handshake.
    pub headers: HeaderMap,
}

impl Door {
    /// Opens `target`; messages above `bytes_max` will end the connection.
    pub async fn open(&self, target: &Target, bytes_max: usize) -> Result<Socket, Failure> {
        match tokio::time::timeout(self.patience, self.steps(target, bytes_max)).await {
            Ok(done) => done,
            Err(_) => Err(Failure::new(format!("no connection within {} s", self.patience.as_secs_f64()))),
        }
    }

    async fn steps(&self, target: &Target, bytes_max: usize) -> Result<Socket, Failure> {
        let tls = self.tls.clone().map_err(Failure::new)?;
        let stream = dial(&target.host, target.port).await?;
        // Heartbeats and subscriptions are small; waiting to merge them only adds delay.
        stream.set_nodelay(true).map_err(|e| words::tcp(&target.host, &e))?;
        let limit = Some(bytes_max.min(MESSAGE_BYTES_MAX));
        let config = WebSocketConfig::default()
            .max_message_size(limit)
            .max_frame_size(limit)
            .max_write_buffer_size(WRITE_BYTES_MAX);
        let connector = Some(Connector::Rustls(tls));
        let mut request = target.url.as_str().into_client_request().map_err(|e| words::websocket(&e))?;
        request.headers_mut().extend(self.headers.clone());
        match client_async_tls_with_config(request, stream, Some(config), connector).await {
            Ok((socket, _)) => Ok(socket),
            Err(error) => Err(words::websocket(&error)),
        }
    }
}

/// TCP to the first address of `host` that answers.
async fn dial(host: &str, port: u16) -> Result<TcpStream, Failure> {
    let found = lookup_host((host, port)).await.map_err(|e| words::dns(host, &e))?;
    let mut waiting = turns(found.take(ADDRESSES_MAX).collect()).into_iter();
    let mut racing = FuturesUnordered::new();
    let mut failure = Failure::new(format!("DNS: {} has no address", words::clean(host)));
    loop {
        if let Some(address) = waiting.next() {
            racing.push(TcpStream::connect(address));
        } else if racing.is_empty() {
            return Err(failure);
        }
        let more = waiting.len() > 0;
        tokio::select! {
            Some(result) = racing.next() => match result {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = words::tcp(host, &error),
            },
            () = tokio::time::sleep(STAGGER), if more => {}
        }
    }
}

/// Address families in turns, beginning with the one the resolver prefers.
fn turns(found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let six_first = found.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = found.into_iter().partition(|a| a.is_ipv6() == six_first);
    let mut out = Vec::with_capacity(first.len() + second.len());
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    loop {
        let (a, b) = (first.next(), second.next());
        if a.is_none() && b.is_none() {
            return out;
        }
        out.extend(a);
        out.extend(b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns() {
        let at = |s: &str| -> SocketAddr { s.parse().unwrap() };
        let (six, six2, four, four2) = (at("[::1]:1"), at("[::2]:1"), at("127.0.0.1:1"), at("127.0.0.2:1"));
        assert_eq!(turns(vec![six, six2, four, four2]), [six, four, six2, four2]);
        assert_eq!(turns(vec![four, six]), [four, six]);
        assert!(turns(Vec::new()).is_empty());
    }

    #[test]
    fn bundled_roots_are_always_there() {
        assert!(tls().is_ok() && no_tls().is_ok());
    }
}
