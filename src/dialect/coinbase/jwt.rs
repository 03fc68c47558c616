//! The token of a CDP key: a JWT signed with ES256, made anew for each request.

use data_encoding::BASE64;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};

use crate::dialect::account::{SignError, Speaker};
use crate::dialect::sign::{base64_url, hex};
use crate::dialect::wire::quoted;
use crate::model::secret::{Keys, Secret};
use crate::model::time::SECOND;

/// Life of a token in seconds. It is looked at when a request or a subscription comes, not later.
const LIFE_S: i64 = 120;

/// What a secret must be.
const FORM: SignError = SignError::Form("an EC private key (P-256) in PEM");

/// A token for a request; `uri` is `GET host/path` for REST and absent on a socket.
pub(super) fn token(speaker: &Speaker<'_>, uri: Option<&str>) -> Result<Secret, SignError> {
    let Some(Keys { key: name, secret, .. }) = speaker.keys else { return Err(FORM) };
    let random = SystemRandom::new();
    let mut nonce = [0u8; 16];
    random.fill(&mut nonce).map_err(|_| SignError::Form("usable without random numbers"))?;
    let name = quoted(name.expose());
    let header = format!(r#"{{"alg":"ES256","typ":"JWT","kid":{name},"nonce":"{}"}}"#, hex(&nonce));
    let now = speaker.now.0.div_euclid(SECOND);
    let uri = uri.map_or_else(String::new, |uri| format!(r#","uri":{}"#, quoted(uri)));
    let end = now.saturating_add(LIFE_S);
    let claims = format!(r#"{{"iss":"cdp","sub":{name},"nbf":{now},"exp":{end}{uri}}}"#);
    let text = format!("{}.{}", base64_url(header.as_bytes()), base64_url(claims.as_bytes()));
    let signature = key_pair(secret)?.sign(&random, text.as_bytes()).map_err(|_| FORM)?;
    Ok(Secret::new(format!("{text}.{}", base64_url(signature.as_ref()))))
}

/// The key in a PEM, as SEC1 or PKCS #8. A PEM out of a JSON file may have `\n` for its line ends.
fn key_pair(pem: &Secret) -> Result<EcdsaKeyPair, SignError> {
    let text = pem.expose().replace("\\n", "\n");
    let body = text.split_once("PRIVATE KEY-----").and_then(|(_, rest)| rest.split_once("-----END"));
    let (body, _) = body.ok_or(FORM)?;
    let digits: String = body.chars().filter(|c| !c.is_whitespace()).collect();
    let der = BASE64.decode(digits.as_bytes()).map_err(|_| FORM)?;
    let (private, public) = halves(&der).ok_or(FORM)?;
    EcdsaKeyPair::from_private_key_and_public_key(
        &ECDSA_P256_SHA256_FIXED_SIGNING,
        private,
        public,
        &SystemRandom::new(),
    )
    .map_err(|_| FORM)
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;
/// Optional parts of a SEC1 key: the curve and the public half.
const CURVE: u8 = 0xa0;
const PUBLIC: u8 = 0xa1;

/// Private and public half of a SEC1 key, alone or inside PKCS #8.
fn halves(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (key, _) = part(der, SEQUENCE)?;
    let (version, rest) = part(key, INTEGER)?;
    if version == [0] {
        let (_, rest) = part(rest, SEQUENCE)?; // algorithm; a key of another one is refused below
        return sec1(part(rest, OCTET_STRING)?.0);
    }
    sec1(der)
}

fn sec1(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (key, _) = part(der, SEQUENCE)?;
    let (_, rest) = part(key, INTEGER)?;
    let (private, rest) = part(rest, OCTET_STRING)?;
    let rest = part(rest, CURVE).map_or(rest, |(_, rest)| rest);
    let (bits, _) = part(part(rest, PUBLIC)?.0, BIT_STRING)?;
    Some((private, bits.strip_prefix(&[0])?))
}

/// The content of a DER value with this tag, and what follows it.
fn part(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let rest = der.strip_prefix(&[tag])?;
    let (length, rest) = match rest {
        [0x82, a, b, rest @ ..] => (usize::from(u16::from_be_bytes([*a, *b])), rest),
        [0x81, n, rest @ ..] | [n @ 0..=0x7f, rest @ ..] => (usize::from(*n), rest),
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::dialect::account::Account;
    use crate::model::time::Nanos;
    use data_encoding::BASE64URL_NOPAD;
    use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    /// The key of RFC 7515, appendix A.3, as a SEC1 PEM; `d`, then `x` and `y`.
    const D: &str = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI";
    const X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
    const Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

    fn bytes(text: &str) -> Vec<u8> {
        BASE64URL_NOPAD.decode(text.as_bytes()).unwrap()
    }

    fn public() -> Vec<u8> {
        [vec![4], bytes(X), bytes(Y)].concat()
    }

    fn sec1_der() -> Vec<u8> {
        let curve = [0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
        let point = [vec![0xa1, 0x44, 0x03, 0x42, 0x00], public()].concat();
        let body = [vec![0x02, 0x01, 0x01, 0x04, 0x20], bytes(D), curve.to_vec(), point].concat();
        [vec![0x30, u8::try_from(body.len()).unwrap()], body].concat()
    }

    fn pkcs8_der() -> Vec<u8> {
        let algorithm = bytes("MBMGByqGSM49AgEGCCqGSM49AwEH");
        let inner = sec1_der();
        let octets = [vec![0x04, u8::try_from(inner.len()).unwrap()], inner].concat();
        let body = [vec![0x02, 0x01, 0x00], algorithm, octets].concat();
        [vec![0x30, 0x81, u8::try_from(body.len()).unwrap()], body].concat()
    }

    fn pem(label: &str, der: &[u8], end: &str) -> Secret {
        let text = BASE64.encode(der);
        let (a, b) = text.split_at(64);
        Secret::new(format!("-----BEGIN {label}-----{end}{a}{end}{b}{end}-----END {label}-----{end}"))
    }

    pub(in crate::dialect::coinbase) fn pem_of_the_rfc() -> Secret {
        pem("EC PRIVATE KEY", &sec1_der(), "\n")
    }

    fn token_of(secret: Secret, uri: Option<&str>) -> Result<String, SignError> {
        let keys = Keys { key: Secret::new("organizations/o/apiKeys/k"), secret, passphrase: None };
        let account = Account { name: "desk".into(), address: String::new() };
        let now = Nanos(1_790_000_000 * SECOND + 7);
        let speaker = Speaker { keys: Some(&keys), account: &account, now };
        token(&speaker, uri).map(|token| token.expose().to_string())
    }

    /// The token says what the documents ask for, and whoever has the public half of the published key
    /// of RFC 7515 A.3 finds the signature good.
    #[test]
    fn a_token_is_signed_with_the_key_and_bound_to_its_request() {
        let uri = "GET api.coinbase.com/api/v3/brokerage/cfm/positions";
        for secret in [
            pem("EC PRIVATE KEY", &sec1_der(), "\n"),
            pem("EC PRIVATE KEY", &sec1_der(), "\\n"),
            pem("PRIVATE KEY", &pkcs8_der(), "\n"),
        ] {
            let token = token_of(secret, Some(uri)).unwrap();
            let (text, signature) = token.rsplit_once('.').unwrap();
            let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public());
            key.verify(text.as_bytes(), &bytes(signature)).unwrap();
            assert!(key.verify(format!("{text}x").as_bytes(), &bytes(signature)).is_err());
            let (header, claims) = text.split_once('.').unwrap();
            let header = String::from_utf8(bytes(header)).unwrap();
            assert!(
                header
                    .starts_with(r#"{"alg":"ES256","typ":"JWT","kid":"organizations/o/apiKeys/k","nonce":""#)
            );
            assert_eq!(
                String::from_utf8(bytes(claims)).unwrap(),
                format!(
                    r#"{{"iss":"cdp","sub":"organizations/o/apiKeys/k","nbf":1790000000,"exp":1790000120,"uri":"{uri}"}}"#
                )
            );
        }
    }

    #[test]
    fn a_socket_token_names_no_request_and_no_two_are_the_same() {
        let secret = || pem("EC PRIVATE KEY", &sec1_der(), "\n");
        let (a, b) = (token_of(secret(), None).unwrap(), token_of(secret(), None).unwrap());
        assert_ne!(a, b, "a nonce each");
        let claims = bytes(a.split('.').nth(1).unwrap());
        assert!(!String::from_utf8(claims).unwrap().contains("uri"));
    }

    #[test]
    fn other_secrets_are_refused_without_being_shown() {
        let cut = sec1_der().into_iter().take(40).collect::<Vec<_>>();
        let no_public = {
            let body = [vec![0x02, 0x01, 0x01, 0x04, 0x20], bytes(D)].concat();
            [vec![0x30, u8::try_from(body.len()).unwrap()], body, vec![0; 32]].concat()
        };
        for secret in [
            Secret::new("ZmF1bHRsaW5l"),
            Secret::new(""),
            pem("EC PRIVATE KEY", &[cut, vec![0; 40]].concat(), "\n"),
            pem("EC PRIVATE KEY", &no_public, "\n"),
        ] {
            assert_eq!(token_of(secret, None), Err(FORM));
        }
    }
}
