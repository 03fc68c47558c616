//! Checking the tokens of Coinbase, on the venue's side: JWT with ES256, one for each request.

use data_encoding::{BASE64, BASE64URL_NOPAD};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde::Deserialize;

use super::account::{KEY, PEM};

/// Longest life of a token in seconds.
const LIFE_S: i64 = 120;

#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
    nonce: String,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    nbf: i64,
    exp: i64,
    #[serde(default)]
    uri: String,
}

/// True when a token is signed by the demo key and made for this request; sockets name none. When it
/// was made is not looked at: simulated time has its own pace.
pub(super) fn is_good(token: &str, uri: Option<&str>) -> bool {
    read(token, uri.unwrap_or_default()).is_some()
}

fn read(token: &str, uri: &str) -> Option<()> {
    let (text, signature) = token.rsplit_once('.')?;
    let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?;
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public()?).verify(text.as_bytes(), &signature).ok()?;
    let (header, claims) = text.split_once('.')?;
    let header: Header = sonic_rs::from_slice(&BASE64URL_NOPAD.decode(header.as_bytes()).ok()?).ok()?;
    let claims: Claims = sonic_rs::from_slice(&BASE64URL_NOPAD.decode(claims.as_bytes()).ok()?).ok()?;
    let is_ours =
        header.alg == "ES256" && header.typ == "JWT" && header.kid == KEY && !header.nonce.is_empty();
    let is_cdp = claims.iss == "cdp" && claims.sub == KEY && claims.uri == uri;
    let life = claims.exp.checked_sub(claims.nbf)?;
    (is_ours && is_cdp && life > 0 && life <= LIFE_S).then_some(())
}

/// The public half of the demo key: the last 65 bytes of its SEC1 form.
fn public() -> Option<Vec<u8>> {
    let digits: String = PEM.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = BASE64.decode(digits.as_bytes()).ok()?;
    Some(der.last_chunk::<65>()?.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};

    fn token(header: &str, claims: &str) -> String {
        let text = format!(
            "{}.{}",
            BASE64URL_NOPAD.encode(header.as_bytes()),
            BASE64URL_NOPAD.encode(claims.as_bytes())
        );
        let digits: String = PEM.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = BASE64.decode(digits.as_bytes()).unwrap();
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &der[7..39],
            &public().unwrap(),
            &random,
        )
        .unwrap();
        let signature = pair.sign(&random, text.as_bytes()).unwrap();
        format!("{text}.{}", BASE64URL_NOPAD.encode(signature.as_ref()))
    }

    #[test]
    fn only_a_token_for_this_request_is_good() {
        let header = format!(r#"{{"alg":"ES256","typ":"JWT","kid":"{KEY}","nonce":"00ff"}}"#);
        let claims =
            |end: i64, uri: &str| format!(r#"{{"iss":"cdp","sub":"{KEY}","nbf":100,"exp":{end}{uri}}}"#);
        let uri = "GET api.coinbase.com/api/v3/brokerage/cfm/positions";
        let bound = format!(r#","uri":"{uri}""#);
        let good = token(&header, &claims(220, &bound));
        assert!(is_good(&good, Some(uri)));
        assert!(!is_good(&good, None) && !is_good(&good, Some("GET x/y")), "made for another request");
        assert!(is_good(&token(&header, &claims(220, "")), None));
        assert!(!is_good(&token(&header, &claims(221, "")), None), "lives too long");
        assert!(!is_good(&token(&header.replace("00ff", ""), &claims(220, "")), None), "no nonce");
        let (text, signature) = good.rsplit_once('.').unwrap();
        let forged = format!("{}A.{signature}", &text[..text.len() - 1]);
        assert!(!is_good(&forged, Some(uri)) && !is_good(text, Some(uri)) && !is_good("", None));
    }
}
