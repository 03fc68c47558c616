//! Errors in words for operators: what happened, on which side, and how long to keep away.
//!
//! Text from outside (close reasons, HTTP bodies, certificate names) is shortened and stripped of
//! control characters before it reaches a tape or a screen.

use std::time::Duration;

use hyper::http::HeaderMap;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// Longest text from outside that is kept, in characters.
pub const TEXT_MAX: usize = 200;
/// Longest pause that a venue can impose on us.
pub const PAUSE_MAX: Duration = Duration::from_secs(900);
/// Pause after a refusal of our place or address: asking again soon only makes it worse.
const REFUSED_PAUSE: Duration = Duration::from_secs(600);
/// Pause after "too many requests" without a time.
const LIMIT_PAUSE: Duration = Duration::from_secs(30);
/// Pause after an address ban without a time; bans start at two minutes.
const BAN_PAUSE: Duration = Duration::from_secs(120);
/// Pause after a close that says "policy" or "try again later".
const POLICY_PAUSE: Duration = Duration::from_secs(5);

/// Why a connection ended or a request failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// For operators.
    pub reason: String,
    /// Least pause before the next try, where the other side asks for one.
    pub pause: Duration,
}

impl Failure {
    /// A failure that leaves the pause to the usual backoff.
    pub fn new(reason: impl Into<String>) -> Self {
        Failure { reason: reason.into(), pause: Duration::ZERO }
    }
}

/// Text from outside made harmless: no control characters, no bidirectional overrides, short.
pub fn clean(text: &str) -> String {
    let harmless = |c: char| {
        let turns = matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || turns { '\u{fffd}' } else { c }
    };
    let mut out: String = text.chars().take(TEXT_MAX).map(harmless).collect();
    if text.chars().nth(TEXT_MAX).is_some() {
        out.push('…');
    }
    out
}

/// What an HTTP status other than success means here, and how long to stay away.
/// Sources: RFC 9110 §10.2.3; venue pages on 403 (at least ten minutes), 418 (ban), 451.
pub fn status(status: u16, headers: &HeaderMap) -> Failure {
    let asked = retry_after(headers);
    let (reason, usual) = match status {
        301 | 302 | 303 | 307 | 308 => {
            ("the venue points elsewhere; redirects are not followed", Duration::ZERO)
        }
        401 => ("the venue wants a login here", REFUSED_PAUSE),
        403 => ("the venue refuses this address (firewall or rate rule)", REFUSED_PAUSE),
        404 => ("the venue does not know this path", LIMIT_PAUSE),
        418 => ("the venue has banned this address for a while", BAN_PAUSE),
        429 => ("too many requests for the venue's limit", LIMIT_PAUSE),
        451 => ("the venue refuses your region", REFUSED_PAUSE),
        500..=599 => ("the venue has an internal error", Duration::ZERO),
        _ => ("the venue refuses", Duration::ZERO),
    };
    let pause = match status {
        // Only these say by contract how long; a Retry-After on others is a courtesy for browsers.
        403 | 418 | 429 | 503 => asked.unwrap_or(usual),
        _ => usual,
    };
    Failure { reason: format!("HTTP {status}: {reason}"), pause: pause.min(PAUSE_MAX) }
}

/// `Retry-After` in seconds; the date form is not used by venues and is ignored.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("retry-after")?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

/// A failed name lookup.
pub fn dns(host: &str, error: &std::io::Error) -> Failure {
    Failure::new(format!("DNS: cannot resolve {} ({})", clean(host), clean(&error.to_string())))
}

/// A failed TCP connect.
pub fn tcp(host: &str, error: &std::io::Error) -> Failure {
    Failure::new(format!("TCP: cannot reach {} ({})", clean(host), clean(&error.to_string())))
}

/// A websocket error: handshake or stream.
pub fn websocket(error: &Error) -> Failure {
    match error {
        Error::Http(answer) => status(answer.status().as_u16(), answer.headers()),
        Error::Io(io) => io_words(io),
        Error::Tls(tls) => Failure::new(format!("TLS: {}", clean(&tls.to_string()))),
        Error::ConnectionClosed | Error::AlreadyClosed => Failure::new("closed"),
        Error::Protocol(p) => Failure::new(format!("websocket protocol broken: {}", clean(&p.to_string()))),
        Error::Utf8(_) => Failure::new("websocket protocol broken: text that is not UTF-8"),
        other => Failure::new(clean(&other.to_string())),
    }
}

/// An I/O error, with TLS causes named.
pub fn io_words(error: &std::io::Error) -> Failure {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let Some(tls) = tls else {
        return Failure::new(clean(&error.to_string()));
    };
    use rustls::CertificateError as C;
    let words = match tls {
        rustls::Error::InvalidCertificate(C::Expired | C::ExpiredContext { .. }) => {
            "the certificate has expired; check the clock of this machine too".to_string()
        }
        rustls::Error::InvalidCertificate(C::UnknownIssuer) => {
            "the certificate comes from an unknown issuer; a proxy may be in between".to_string()
        }
        rustls::Error::InvalidCertificate(C::NotValidForName | C::NotValidForNameContext { .. }) => {
            "the certificate is for another host".to_string()
        }
        other => clean(&other.to_string()),
    };
    Failure::new(format!("TLS: {words}"))
}

/// A close frame of the other side.
pub fn closed(frame: Option<&CloseFrame>) -> Failure {
    let Some(frame) = frame else {
        return Failure::new("closed by the venue without a reason");
    };
    let code = u16::from(frame.code);
    let meaning = match code {
        1000 => "normal",
        1001 => "going away",
        1006 => "abnormal",
        1008 => "policy",
        1009 => "message too large",
        1011 => "internal error",
        1012 => "service restarts",
        1013 => "try again later",
        _ => "other",
    };
    let pause = if matches!(code, 1008 | 1013) { POLICY_PAUSE } else { Duration::ZERO };
    let text = clean(&frame.reason);
    let tail = if text.is_empty() { String::new() } else { format!(": {text}") };
    Failure { reason: format!("closed by the venue with {code} ({meaning}){tail}"), pause }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_cannot_move_the_cursor() {
        assert_eq!(clean("a\u{1b}[2Jb\r\n\u{202e}c"), "a\u{fffd}[2Jb\u{fffd}\u{fffd}\u{fffd}c");
        assert_eq!(clean(&"x".repeat(500)).chars().count(), TEXT_MAX + 1);
    }

    #[test]
    fn refusals_name_the_cause_and_keep_away() {
        let mut headers = HeaderMap::new();
        assert!(status(451, &headers).reason.contains("region"));
        assert_eq!(status(451, &headers).pause, REFUSED_PAUSE);
        assert_eq!(status(403, &headers).pause, REFUSED_PAUSE);
        assert_eq!(status(500, &headers).pause, Duration::ZERO);
        headers.insert("retry-after", "7".parse().unwrap());
        assert_eq!(status(429, &headers).pause, Duration::from_secs(7));
        headers.insert("retry-after", "259200".parse().unwrap());
        assert_eq!(status(418, &headers).pause, PAUSE_MAX, "a venue cannot silence us for days");
        headers.insert("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT".parse().unwrap());
        assert_eq!(status(429, &headers).pause, LIMIT_PAUSE);
    }
}
