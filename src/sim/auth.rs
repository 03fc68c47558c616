//! Checking signatures, on the venue's side. Written from the venues' recipes, apart from `dialect/`.

use data_encoding::{BASE64, HEXLOWER};
use ring::hmac;

/// How a venue writes a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Lower-case hexadecimal.
    Hex,
    /// Base64 with padding.
    Base64,
}

/// True when `signature` is the HMAC-SHA256 of `text`.
pub(super) fn is_hmac_sha256(secret: &[u8], text: &str, signature: &str, form: Form) -> bool {
    verify(hmac::HMAC_SHA256, secret, text.as_bytes(), signature, form)
}

/// True when `signature` is the HMAC-SHA512 of `text`.
pub(super) fn is_hmac_sha512(secret: &[u8], text: &[u8], signature: &str, form: Form) -> bool {
    verify(hmac::HMAC_SHA512, secret, text, signature, form)
}

fn verify(algorithm: hmac::Algorithm, secret: &[u8], text: &[u8], signature: &str, form: Form) -> bool {
    let tag = match form {
        Form::Hex => HEXLOWER.decode(signature.as_bytes()),
        Form::Base64 => BASE64.decode(signature.as_bytes()),
    };
    tag.is_ok_and(|tag| hmac::verify(&hmac::Key::new(algorithm, secret), text, &tag).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Test case 2 of RFC 4231.
    #[test]
    fn signatures_are_those_of_the_standard() {
        let text = "what do ya want for nothing?";
        let hex = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert!(is_hmac_sha256(b"Jefe", text, hex, Form::Hex));
        assert!(!is_hmac_sha256(b"jefe", text, hex, Form::Hex));
        assert!(!is_hmac_sha256(b"Jefe", text, &hex[2..], Form::Hex));
        let hex = "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554\
                   9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737";
        assert!(is_hmac_sha512(b"Jefe", text.as_bytes(), hex, Form::Hex));
        let base64 = BASE64.encode(&HEXLOWER.decode(hex.as_bytes()).unwrap());
        assert!(is_hmac_sha512(b"Jefe", text.as_bytes(), &base64, Form::Base64));
    }
}
