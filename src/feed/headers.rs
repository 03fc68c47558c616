//! Headers that a venue wants at each handshake and with each request.

use hyper::http::{HeaderMap, HeaderName, HeaderValue};

use crate::model::venue::VenueSpec;

/// The headers of the venue file. What is no header was refused when the file was read.
pub fn of(venue: &VenueSpec) -> HeaderMap {
    let header = |(name, value): (&String, &String)| {
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value).ok()?))
    };
    venue.headers.iter().filter_map(header).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::feed::door::{self, Door};
    use crate::feed::http::Http;
    use crate::feed::redirect::Target;
    use crate::model::venue::RestRequest;

    /// The head of the next request to `listener`, which gets no useful answer.
    async fn head(listener: &TcpListener) -> String {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = vec![0; 4_096];
        let length = stream.read(&mut head).await.unwrap();
        stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        String::from_utf8(head[..length].to_vec()).unwrap().to_lowercase()
    }

    /// Fault: a venue that answers in another form than the one asked for, on one of two ways.
    #[tokio::test]
    async fn handshakes_and_requests_carry_them() {
        let text = include_str!("../../venues/bybit.toml");
        let mut venue: VenueSpec = toml::from_str(text).unwrap();
        venue.headers.insert("x-sizes".into(), "exact".into());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let patience = Duration::from_secs(5);

        let door = Door { tls: door::no_tls(), patience, headers: of(&venue) };
        let target = Target { url: format!("ws://{at}/ws"), host: at.ip().to_string(), port: at.port() };
        let (seen, opened) = tokio::join!(head(&listener), door.open(&target, 1_024));
        assert!(opened.is_err() && seen.contains("x-sizes: exact\r\n"), "{seen}");

        let http = Http::new(&venue.rest.url, Some(at), door::no_tls(), patience).with(of(&venue));
        let request = RestRequest::get("/v5/market/time");
        let (seen, asked) = tokio::join!(head(&listener), http.ask(&request, None));
        assert!(asked.is_ok() && seen.contains("x-sizes: exact\r\n"), "{seen}");
    }
}
