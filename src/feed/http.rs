//! One REST request: built, signed or not, sent, answered within limits of time and size.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper::http::{HeaderMap, HeaderValue, Method, header};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;

use super::RestOwned;
use super::redirect;
use super::words::{self, Failure};
use crate::dialect::account::Signed;
use crate::model::venue::{self, RestRequest};

/// Largest answer taken, in bytes. Instrument lists of large venues have a few megabytes.
pub const BODY_BYTES_MAX: usize = 16 << 20;
/// Idle connections to one host that are kept, and for how long.
const IDLE: (usize, Duration) = (4, Duration::from_secs(30));
/// How requests name themselves; some venues refuse clients without a name.
const AGENT: &str = concat!("faultline/", env!("CARGO_PKG_VERSION"));

/// Sends requests of one venue. Redirects are not followed and no compression is offered, so an
/// answer comes from the asked host and is as large as it looks.
#[derive(Clone, Debug)]
pub struct Http {
    base: String,
    redirect: Option<SocketAddr>,
    patience: Duration,
    headers: HeaderMap,
    client: Result<Client<HttpsConnector<HttpConnector>, Full<Bytes>>, String>,
}

/// An answer and what its status asks of us.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The answer, named as the tape names it.
    pub rest: RestOwned,
    /// What a status other than success means.
    pub refusal: Option<Failure>,
}

impl Http {
    /// For the REST base `base` (scheme and host) with its redirect.
    pub fn new(
        base: &str,
        redirect: Option<SocketAddr>,
        tls: Result<Arc<ClientConfig>, String>,
        patience: Duration,
    ) -> Self {
        let client = tls.map(|tls| {
            let builder = HttpsConnectorBuilder::new().with_tls_config(ClientConfig::clone(&tls));
            let connector = if redirect.is_some() {
                builder.https_or_http().enable_http1().build()
            } else {
                builder.https_only().enable_http1().build()
            };
            Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_max_idle_per_host(IDLE.0)
                .pool_idle_timeout(IDLE.1)
                .build(connector)
        });
        Http { base: base.to_string(), redirect, patience, headers: HeaderMap::new(), client }
    }

    /// With headers that the venue wants beside the usual ones.
    pub fn with(self, headers: HeaderMap) -> Self {
        Http { headers, ..self }
    }

    /// The URL as it goes on the tape: after redirection, with the body of a POST behind a space.
    pub fn name(&self, request: &RestRequest) -> String {
        let url = match self.url(&request.path) {
            Ok(url) => url,
            Err(_) => format!("{}{}", self.base, words::clean(&request.path)),
        };
        match &request.body {
            Some(body) => format!("{url} {body}"),
            None => url,
        }
    }

    fn url(&self, path: &str) -> Result<String, Failure> {
        // A path that does not begin with a slash could change the host: `https://venue` + `@other/`.
        if !path.starts_with('/') {
            return Err(Failure::new("the path of a request must begin with /"));
        }
        let url = format!("{}{path}", self.base);
        redirect::target(&url, self.redirect).map(|t| t.url).map_err(|e| Failure::new(e.to_string()))
    }

    /// Asks, and reads the whole answer. What signing added leaves, but stands in no name and no error.
    pub(super) async fn ask(
        &self,
        request: &RestRequest,
        signed: Option<&Signed>,
    ) -> Result<Answered, Failure> {
        match tokio::time::timeout(self.patience, self.steps(request, signed)).await {
            Ok(done) => done,
            Err(_) => Err(Failure::new(format!("no answer within {} s", self.patience.as_secs_f64()))),
        }
    }

    /// The request as it leaves.
    fn build(&self, request: &RestRequest, signed: Option<&Signed>) -> Result<Request<Full<Bytes>>, Failure> {
        let (path, body) = match signed {
            Some(signed) => (&signed.path, &signed.body),
            None => (&request.path, &request.body),
        };
        let unsendable = || Failure::new("the request cannot be built");
        let url = self.url(path).map_err(|e| if signed.is_some() { unsendable() } else { e })?;
        let method = match request.method {
            venue::Method::Get => Method::GET,
            venue::Method::Post => Method::POST,
            venue::Method::Put => Method::PUT,
        };
        let body = body.as_ref().map_or_else(Full::default, |body| Full::new(Bytes::from(body.clone())));
        let is_empty = hyper::body::Body::size_hint(&body).exact() == Some(0);
        let mut asked = Request::builder().method(method).uri(url).body(body).map_err(|_| unsendable())?;
        let headers = asked.headers_mut();
        headers.extend(self.headers.clone());
        headers.insert(header::USER_AGENT, HeaderValue::from_static(AGENT));
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if !is_empty {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        for (name, value) in signed.iter().flat_map(|s| &s.headers) {
            let mut value = HeaderValue::from_str(value.expose())
                .map_err(|_| Failure::new("a key holds characters that no request can carry"))?;
            value.set_sensitive(true);
            let name = header::HeaderName::from_bytes(name.as_bytes()).map_err(|_| unsendable())?;
            headers.insert(name, value);
        }
        Ok(asked)
    }

    async fn steps(&self, request: &RestRequest, signed: Option<&Signed>) -> Result<Answered, Failure> {
        let client = self.client.as_ref().map_err(Failure::new)?;
        let asked = self.build(request, signed)?;
        let answer = client.request(asked).await.map_err(|e| cause(&e))?;
        let (head, body) = answer.into_parts();
        let status = head.status.as_u16();
        let bytes = match Limited::new(body, BODY_BYTES_MAX).collect().await {
            Ok(all) => all.to_bytes(),
            Err(e) => {
                return Err(Failure::new(format!("the answer broke off: {}", words::clean(&e.to_string()))));
            }
        };
        let refusal = refusal(status, &head.headers);
        Ok(Answered { rest: RestOwned { url: self.name(request), status, body: bytes }, refusal })
    }
}

fn refusal(status: u16, headers: &HeaderMap) -> Option<Failure> {
    (!(200..300).contains(&status)).then(|| words::status(status, headers))
}

/// The innermost cause in words: the outer ones only say that a request failed.
fn cause(error: &hyper_util::client::legacy::Error) -> Failure {
    let mut inner: &dyn std::error::Error = error;
    let mut reason = None;
    for _ in 0..8 {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            reason = Some(words::io_words(io));
        }
        match inner.source() {
            Some(next) => inner = next,
            None => break,
        }
    }
    let step = if error.is_connect() { "cannot connect" } else { "request failed" };
    let reason = reason.map_or_else(|| words::clean(&inner.to_string()), |f| f.reason);
    Failure::new(format!("{step}: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::door;

    fn http() -> Http {
        Http::new("https://fapi.binance.com", None, door::no_tls(), Duration::from_secs(1))
    }

    #[test]
    fn a_path_cannot_change_the_host() {
        for path in ["@evil.example/x", ".evil.example/", "", ":1/x"] {
            assert!(http().url(path).is_err(), "{path}");
        }
        assert_eq!(http().url("/x?a=1").unwrap(), "https://fapi.binance.com/x?a=1");
    }

    #[test]
    fn a_post_is_named_with_its_body() {
        let info = RestRequest::post("/info", r#"{"type":"meta"}"#);
        assert_eq!(http().name(&info), r#"https://fapi.binance.com/info {"type":"meta"}"#);
    }
    #[test]
    fn a_signature_leaves_but_stands_in_no_name() {
        let request = RestRequest { method: venue::Method::Put, ..RestRequest::get("/orders?symbol=A") };
        let signed = Signed {
            path: "/orders?symbol=A&signature=ab12".into(),
            headers: vec![("x-key", crate::model::secret::Secret::new("K1"))],
            body: None,
        };
        let asked = http().build(&request, Some(&signed)).unwrap();
        assert_eq!((asked.method(), asked.uri().query()), (&Method::PUT, Some("symbol=A&signature=ab12")));
        assert_eq!(asked.headers()["x-key"], "K1");
        assert!(asked.headers().get(header::CONTENT_TYPE).is_none(), "there is no body");
        assert!(!format!("{asked:?}").contains("K1"), "headers of a key print as sensitive");
        assert_eq!(http().name(&request), "https://fapi.binance.com/orders?symbol=A");
        let away = Signed { path: "@evil.example/?signature=ab12".into(), ..Signed::default() };
        assert!(!http().build(&request, Some(&away)).unwrap_err().reason.contains("ab12"));
    }
}
