//! A login that several venues share: one text with key, passphrase and a signature, and one answer.
//!
//! ```text
//! {"op":"login","args":[{"apiKey":…,"passphrase":…,"timestamp":"seconds","sign":…}]}
//! sign:   base64(HMAC-SHA256(secret, seconds + "GET" + path))
//! answer: {"event":"login","code":"0"}, or "login" or "error" with another code and words
//! ```

use serde::Deserialize;

use super::account::{Heard, Login, LoginState, SignError, Speaker};
use super::sign::{base64, hmac_sha256};
use super::wire::{self, Field, quoted};

/// The login of one socket.
#[derive(Debug)]
pub struct ByPassphrase {
    /// The path that is signed.
    pub path: &'static str,
}

/// An answer. Its code comes as text and as a number.
#[derive(Deserialize)]
struct Reply<'a> {
    #[serde(borrow)]
    event: Field<'a>,
    #[serde(borrow)]
    code: Field<'a>,
    #[serde(borrow)]
    msg: Field<'a>,
}

impl Login for ByPassphrase {
    fn open(&mut self, speaker: &Speaker<'_>) -> Result<Heard, SignError> {
        let (keys, passphrase) = speaker.need_passphrase()?;
        let time = speaker.now.as_millis() / 1_000;
        let text = format!("{time}GET{}", self.path);
        let sign = base64(&hmac_sha256(keys.secret.expose().as_bytes(), &text));
        let (key, passphrase) = (quoted(keys.key.expose()), quoted(passphrase.expose()));
        let send = format!(
            r#"{{"op":"login","args":[{{"apiKey":{key},"passphrase":{passphrase},"timestamp":"{time}","sign":"{sign}"}}]}}"#
        );
        Ok(Heard { send: vec![send], ..Heard::default() })
    }

    fn hear(&mut self, text: &[u8], _speaker: &Speaker<'_>) -> Result<Heard, SignError> {
        let reply = wire::guarded(text).and_then(wire::object::<Reply<'_>>);
        let Ok(reply) = reply else { return Ok(Heard::default()) }; // a pong, for example
        let state = match (&*wire::word(&reply.event), &*wire::word(&reply.code)) {
            ("login", "0") => LoginState::Done,
            ("login" | "error", code) => {
                LoginState::Refused(format!("{code} {}", wire::word(&reply.msg)).trim().to_string())
            }
            _ => return Ok(Heard::default()),
        };
        Ok(Heard { is_kept: true, send: Vec::new(), state })
    }
}
