//! Where a URL may lead: to the venue over TLS, or to a simulator on loopback, and nowhere else.
//!
//! A redirect replaces host and port and drops TLS, because the simulator has no certificate. It is
//! allowed for loopback addresses only: plain text to any other machine is refused, whoever asks.

use std::net::SocketAddr;

use hyper::http::Uri;

/// Start of the environment variable that redirects one venue.
pub const VARIABLE_PREFIX: &str = "FAULTLINE_REDIRECT_";

/// Why a redirect or a URL is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedirectError {
    /// Not an address with a port.
    #[error("`{0}` is not an address with a port; write for example 127.0.0.1:9001")]
    Malformed(String),
    /// Leads to another machine.
    #[error("`{0}` is not a loopback address; a redirect may lead to this machine only")]
    NotLoopback(String),
    /// Not a URL with scheme and host.
    #[error("`{0}` is not a URL with scheme and host")]
    Url(String),
    /// Plain text to a venue.
    #[error("`{0}` is not encrypted; only wss:// and https:// lead to a venue")]
    Plain(String),
}

/// The environment variable that redirects `venue`: `FAULTLINE_REDIRECT_BINANCE_USDM`.
pub fn variable(venue: &str) -> String {
    let mut name = String::from(VARIABLE_PREFIX);
    name.extend(venue.chars().map(|c| if c == '-' { '_' } else { c.to_ascii_uppercase() }));
    name
}

/// Reads a redirect such as `127.0.0.1:9001` or `[::1]:9001`.
pub fn parse(text: &str) -> Result<SocketAddr, RedirectError> {
    let address: SocketAddr =
        text.trim().parse().map_err(|_| RedirectError::Malformed(super::words::clean(text)))?;
    check(address)?;
    Ok(address)
}

/// The redirect of `venue` in the environment, if one is set.
pub fn from_env(venue: &str) -> Result<Option<SocketAddr>, RedirectError> {
    match std::env::var(variable(venue)) {
        Ok(text) if !text.trim().is_empty() => parse(&text).map(Some),
        Ok(_) | Err(_) => Ok(None),
    }
}

/// Refuses addresses of other machines.
pub fn check(address: SocketAddr) -> Result<(), RedirectError> {
    if address.ip().is_loopback() && address.port() != 0 {
        return Ok(());
    }
    Err(RedirectError::NotLoopback(address.to_string()))
}

/// A checked place to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The URL as it is asked for, after redirection.
    pub url: String,
    /// Host to resolve and to name in the certificate check.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// Checks `url` and applies the redirect; the path and query stay.
pub fn target(url: &str, redirect: Option<SocketAddr>) -> Result<Target, RedirectError> {
    let bad = || RedirectError::Url(super::words::clean(url));
    let uri: Uri = url.parse().map_err(|_| bad())?;
    let scheme = uri.scheme_str().ok_or_else(bad)?;
    let host = uri.host().filter(|h| !h.is_empty()).ok_or_else(bad)?;
    let websocket = match scheme {
        "wss" | "ws" => true,
        "https" | "http" => false,
        _ => return Err(bad()),
    };
    if let Some(address) = redirect {
        check(address)?;
        let plain = if websocket { "ws" } else { "http" };
        let path = uri.path_and_query().map_or("/", |p| p.as_str());
        return Ok(Target {
            url: format!("{plain}://{address}{path}"),
            host: address.ip().to_string(),
            port: address.port(),
        });
    }
    if !matches!(scheme, "wss" | "https") {
        return Err(RedirectError::Plain(super::words::clean(url)));
    }
    let host = host.trim_start_matches('[').trim_end_matches(']').to_string();
    Ok(Target { url: url.to_string(), host, port: uri.port_u16().unwrap_or(443) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_leads_to_this_machine_only() {
        assert_eq!(parse("127.0.0.1:9001").unwrap().port(), 9001);
        assert!(parse("[::1]:9001").is_ok());
        for away in ["10.0.0.7:9001", "0.0.0.0:9001", "192.168.1.2:80", "[2001:db8::1]:443"] {
            assert_eq!(parse(away), Err(RedirectError::NotLoopback(away.into())));
        }
        for broken in ["localhost:9001", "127.0.0.1", "9001", "", "127.0.0.1:99999"] {
            assert_eq!(parse(broken), Err(RedirectError::Malformed(broken.into())));
        }
    }

    #[test]
    fn plain_text_is_for_loopback_redirects() {
        assert_eq!(
            target("ws://stream.example/ws", None),
            Err(RedirectError::Plain("ws://stream.example/ws".into()))
        );
        assert!(target("http://127.0.0.1:80/x", None).is_err());
        let there = target("wss://ws.okx.com:8443/ws/v5/public?a=1", None).unwrap();
        assert_eq!((there.host.as_str(), there.port), ("ws.okx.com", 8443));
        let here =
            target("wss://ws.okx.com:8443/ws/v5/public?a=1", Some(parse("127.0.0.1:7").unwrap())).unwrap();
        assert_eq!(here.url, "ws://127.0.0.1:7/ws/v5/public?a=1");
        let rest = target("https://api.bybit.com/v5/x", Some(parse("[::1]:7").unwrap())).unwrap();
        assert_eq!(rest.url, "http://[::1]:7/v5/x");
        assert!(target("wss://a.example/", Some("10.0.0.1:7".parse().unwrap())).is_err());
        assert!(target("file:///etc/passwd", None).is_err());
    }

    #[test]
    fn variables_follow_the_venue_id() {
        assert_eq!(variable("binance-usdm"), "FAULTLINE_REDIRECT_BINANCE_USDM");
    }
}
