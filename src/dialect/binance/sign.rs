//! Signatures of Binance: HMAC-SHA256 as hexadecimal digits, or Ed25519 as base64 fit for a URL.

use data_encoding::BASE64;
use ring::signature::Ed25519KeyPair;

use crate::dialect::account::SignError;
use crate::dialect::sign::{base64, hex, hmac_sha256};
use crate::model::secret::Secret;

const FORM: SignError = SignError::Form("an HMAC secret or an Ed25519 key in PEM (PKCS #8)");

/// The signature of a query, as it stands behind `signature=`. A secret in PEM is an Ed25519 key.
pub(super) fn signature(secret: &Secret, query: &str) -> Result<String, SignError> {
    let text = secret.expose().trim();
    if !text.starts_with("-----BEGIN") {
        return Ok(hex(&hmac_sha256(text.as_bytes(), query)));
    }
    let signed = key_pair(text)?.sign(query.as_bytes());
    Ok(base64(signed.as_ref()).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D"))
}

/// The key in a PEM. One out of a JSON file may have `\n` for its line ends.
fn key_pair(pem: &str) -> Result<Ed25519KeyPair, SignError> {
    let text = pem.replace("\\n", "\n");
    let body = text.split_once("-----BEGIN PRIVATE KEY-----").and_then(|(_, b)| b.split_once("-----END"));
    let (body, _) = body.ok_or(FORM)?;
    let digits: String = body.chars().filter(|c| !c.is_whitespace()).collect();
    let der = BASE64.decode(digits.as_bytes()).map_err(|_| FORM)?;
    // What common tools write holds the private half alone.
    Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map_err(|_| FORM)
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;
    use ring::signature::{ED25519, KeyPair, UnparsedPublicKey};

    use super::*;

    /// Key and query are the example of the venue's documents, the digest that of another program.
    #[test]
    fn hmac_is_that_of_the_documents() {
        let secret = Secret::new("NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j");
        let query = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1\
                     &recvWindow=5000&timestamp=1499827319559";
        assert_eq!(
            signature(&secret, query).unwrap(),
            "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
        );
    }

    fn pem(seed: &str, ends: &str) -> Secret {
        let der = HEXLOWER.decode(format!("302e020100300506032b657004220420{seed}").as_bytes()).unwrap();
        let body = base64(&der);
        Secret::new(["-----BEGIN PRIVATE KEY-----", &body, "-----END PRIVATE KEY-----", ""].join(ends))
    }

    /// Test 1 of RFC 8032: the empty message.
    #[test]
    fn ed25519_is_that_of_the_standard() {
        let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
        let expected = "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bac\
                        c61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b";
        for ends in ["\n", "\\n"] {
            let text = signature(&pem(seed, ends), "").unwrap();
            assert!(!text.contains(['+', '/', '=']), "{text}");
            let plain = text.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=");
            assert_eq!(hex(&BASE64.decode(plain.as_bytes()).unwrap()), expected);
        }
        let secret = pem(seed, "\n");
        let key = key_pair(secret.expose()).unwrap();
        let signed = key.sign(b"timestamp=1");
        assert!(
            UnparsedPublicKey::new(&ED25519, key.public_key())
                .verify(b"timestamp=1", signed.as_ref())
                .is_ok()
        );
    }

    #[test]
    fn other_keys_are_refused_without_being_shown() {
        for text in
            ["-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END", "-----BEGIN PRIVATE KEY-----\n!!\n-----END"]
        {
            assert_eq!(signature(&Secret::new(text), "a=1"), Err(FORM));
        }
    }
}
