//! A configured sink with its secrets. They are opened here and nowhere else in this floor.

use ring::hmac;

use crate::config::sinks::SinkSpec;
use crate::model::secret::Secret;

/// A sink with what it needs to prove itself.
#[derive(Clone, Debug)]
pub struct Desk {
    /// As the file says.
    pub spec: SinkSpec,
    url: Option<Secret>,
    secret: Option<Secret>,
}

impl Desk {
    /// A sink with the secrets that its configuration names.
    pub fn new(spec: SinkSpec, url: Option<Secret>, secret: Option<Secret>) -> Desk {
        Desk { spec, url, secret }
    }

    /// Its address; empty when it has none.
    pub fn url(&self) -> &str {
        match &self.url {
            Some(secret) => secret.expose(),
            None => self.spec.url.as_deref().unwrap_or_default(),
        }
    }

    /// Its token or routing key.
    pub fn token(&self) -> Option<&str> {
        self.secret.as_ref().map(Secret::expose)
    }

    /// HMAC-SHA256 of a text, in hex; `None` without a secret.
    pub fn sign(&self, text: &str) -> Option<String> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.secret.as_ref()?.expose().as_bytes());
        Some(data_encoding::HEXLOWER.encode(hmac::sign(&key, text.as_bytes()).as_ref()))
    }
}
