//! One HTTP request to a checked place: no redirects, an answer of limited size, a limit of time.

use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper::http::header;
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::ServerName;

use super::guard::{self, Place};
use super::task::Fault;
use crate::sink::Post;

/// Largest answer that is read.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// Longest pause that a receiver may ask for.
const PAUSE_MAX: u64 = 300;
/// Characters of an answer that are repeated in an error.
const QUOTED_CHARS_MAX: usize = 120;

/// Sends a request; the answer's text.
pub(super) async fn send(post: &Post, allow: &[String], patience: Duration) -> Result<String, Fault> {
    match tokio::time::timeout(patience, steps(post, allow)).await {
        Ok(done) => done,
        Err(_) => Err(Fault::again(format!("no answer within {} ms", patience.as_millis()))),
    }
}

async fn steps(post: &Post, allow: &[String]) -> Result<String, Fault> {
    let place = guard::place(&post.url, allow).await?;
    let scheme = if place.is_tls { "https" } else { "http" };
    let mut request = Request::builder()
        .method(post.method)
        .uri(format!("{scheme}://{}{}", place.at, place.path))
        .header(header::HOST, &place.authority)
        .header(header::USER_AGENT, concat!("faultline/", env!("CARGO_PKG_VERSION")))
        .header(header::CONTENT_TYPE, "application/json");
    for (name, value) in &post.headers {
        request = request.header(*name, value);
    }
    let body = Full::new(Bytes::from(post.body.clone()));
    let request = request.body(body).map_err(|_| Fault::never("the request cannot be built"))?;
    let client = client(&place).map_err(Fault::again)?;
    let answer = client.request(request).await.map_err(|e| Fault::again(chain(&e)))?;
    let status = answer.status();
    let pause = answer.headers().get(header::RETRY_AFTER).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
    let text = match body {
        Ok(body) => String::from_utf8_lossy(&body.to_bytes()).into_owned(),
        Err(_) if status.is_success() => String::new(), // it was taken; the rest of the answer is of no use
        Err(_) => "an answer too large or cut off".into(),
    };
    if status.is_success() {
        return Ok(text);
    }
    let quoted: String =
        text.chars().take(QUOTED_CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words = format!("{} says {}: {quoted}", place.host, status.as_u16());
    Err(match status.as_u16() {
        408 | 425 | 429 | 500..=599 => {
            Fault { pause: pause.map(|s| Duration::from_secs(s.min(PAUSE_MAX))), ..Fault::again(words) }
        }
        404 if post.forgets => return Ok(text), // what was to be taken away is gone
        300..=399 => Fault::never(format!("{words} (redirects are not followed)")),
        _ => Fault::never(words),
    })
}

type Wire = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

fn client(place: &Place) -> Result<Wire, String> {
    let name = ServerName::try_from(place.host.clone()).map_err(|_| "the host has no valid name")?;
    let builder = match HttpsConnectorBuilder::new().with_native_roots() {
        Ok(builder) => builder,
        Err(_) => HttpsConnectorBuilder::new().with_webpki_roots(),
    };
    let connector = if place.is_tls { builder.https_only() } else { builder.https_or_http() };
    let connector =
        connector.with_server_name_resolver(FixedServerNameResolver::new(name)).enable_http1().build();
    Ok(Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector))
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words.push_str(&format!(": {error}"));
        cause = error.source();
    }
    words
}
