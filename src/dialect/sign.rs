//! What signatures of several dialects are made of: digests, and the texts they are written as.

use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};
use ring::{digest, hmac};

use super::account::SignError;
use crate::model::secret::Secret;

/// HMAC-SHA256 of `text`.
pub fn hmac_sha256(secret: &[u8], text: &str) -> Vec<u8> {
    tag(hmac::HMAC_SHA256, secret, text.as_bytes())
}

/// HMAC-SHA512 of `text`.
pub fn hmac_sha512(secret: &[u8], text: &[u8]) -> Vec<u8> {
    tag(hmac::HMAC_SHA512, secret, text)
}

fn tag(algorithm: hmac::Algorithm, secret: &[u8], text: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(algorithm, secret), text).as_ref().to_vec()
}

/// SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, bytes).as_ref().to_vec()
}

/// SHA-512 of `bytes`.
pub fn sha512(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA512, bytes).as_ref().to_vec()
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

/// Base64 with padding.
pub fn base64(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// Base64 for URLs, without padding.
pub fn base64_url(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

/// The bytes behind a secret written as base64.
pub fn from_base64(secret: &Secret) -> Result<Vec<u8>, SignError> {
    BASE64.decode(secret.expose().trim().as_bytes()).map_err(|_| SignError::Form("base64"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Test case 2 of RFC 4231.
    #[test]
    fn digests_are_those_of_the_standard() {
        let text = "what do ya want for nothing?";
        assert_eq!(
            hex(&hmac_sha256(b"Jefe", text)),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert!(
            hex(&hmac_sha512(b"Jefe", text.as_bytes()))
                .starts_with("164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd6")
        );
        assert!(hex(&sha256(b"abc")).starts_with("ba7816bf8f01cfea"));
        assert!(hex(&sha512(b"abc")).starts_with("ddaf35a193617aba"));
        assert_eq!(base64(b"\xff\xfe"), "//4=");
        assert_eq!(base64_url(b"\xff\xfe"), "__4");
        assert!(from_base64(&Secret::new("not base64!")).is_err());
    }
}
