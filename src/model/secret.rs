//! Secrets: keys of read-only accounts. They print as `[secret]`, are wiped when dropped, and leave
//! their box only where a request is signed.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// A text that never shows.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes a text; the caller's copy is the caller's to forget.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(SecretString::from(text.into()))
    }

    /// The text itself: for signing and for the credential fields of a request, nothing else.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// What an account proves itself with.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Name of the key: key id, client id.
    pub key: Secret,
    /// Secret half, or a private key in PEM.
    pub secret: Secret,
    /// Third part, where the venue has one.
    pub passphrase: Option<Secret>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_print() {
        let keys = Keys { key: Secret::new("K1"), secret: Secret::new("hunter2"), passphrase: None };
        let text = format!("{keys:?} {keys:#?}");
        assert!(!text.contains("hunter2") && !text.contains("K1") && text.contains("[secret]"), "{text}");
        assert_eq!(keys.secret.expose(), "hunter2");
    }
}
