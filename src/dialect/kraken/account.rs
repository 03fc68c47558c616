//! Own accounts at Kraken Futures: key check, challenge, signatures.
//!
//! The socket asks for a challenge with the key; every private subscription then carries the challenge
//! and its signature `base64(HMAC-SHA512(base64⁻¹(secret), SHA-256(challenge)))`. The acknowledgement
//! repeats key and signature, so it goes on no tape. A request is signed the same way over
//! `SHA-256(query + nonce + path)`, the path without `/derivatives`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::messages::Frame;
use super::own::OwnDecoder;
use super::{API, Kraken, get, heartbeat_feed};
use crate::dialect::account::{
    Account, AccountDialect, Heard, Login, LoginState, Needs, Permissions, SignError, Signed, Speaker,
};
use crate::dialect::plan;
use crate::dialect::sign::{base64, from_base64, hmac_sha512, sha256};
use crate::dialect::wire::{self, Raw, quoted};
use crate::dialect::{Decoder, WireError};
use crate::model::entry::RestAnswer;
use crate::model::secret::{Keys, Secret};
use crate::model::venue::{ConnPlan, Poll, RestRequest, VenueSpec};

/// Feeds of an own account; each tells everything first.
const FEEDS: [&str; 3] = ["open_positions", "open_orders", "balances"];
/// Requests that check what the feeds said, with their periods in milliseconds. Each costs 2 of the 500
/// units that the venue grants in 10 s.
const POLLS: [(&str, u64); 3] = [("/openpositions", 30_000), ("/openorders", 60_000), ("/accounts", 30_000)];

impl AccountDialect for Kraken {
    fn needs(&self) -> Needs {
        Needs::Key
    }

    fn key_check(&self, _venue: &VenueSpec, _account: &Account) -> Option<RestRequest> {
        Some(RestRequest::get("/api/auth/v1/api-keys/v3/check"))
    }

    /// A key has an access for trading and one for withdrawals: none, read only, full. How
    /// `permissions` spells them is not documented: what is not known to read only is not harmless.
    fn permissions(&self, answer: &RestAnswer<'_>) -> Result<Permissions, WireError> {
        #[derive(Deserialize)]
        struct Key<'a> {
            #[serde(borrow)]
            permissions: BTreeMap<String, Raw<'a>>,
        }
        let key: Key<'_> = wire::object(wire::guarded(answer.body)?)?;
        let access = |raw: &Raw<'_>| raw.json().to_ascii_lowercase().replace([' ', '_', '-', '"'], "");
        let rights: Vec<(&String, String)> =
            key.permissions.iter().map(|(of, raw)| (of, access(raw))).collect();
        let (none, read) = (["noaccess", "none", "false", "null"], "readonly");
        let may = rights.iter().filter(|(_, access)| access != read && !none.contains(&access.as_str()));
        let may: Vec<String> = may.map(|(of, access)| format!("{of} {access}")).collect();
        Ok(match rights.iter().any(|(_, access)| access == read) {
            _ if !may.is_empty() => Permissions::MayTrade(may.join(", ")),
            true => Permissions::ReadOnly,
            false => Permissions::Unknown,
        })
    }

    fn sockets(&self, venue: &VenueSpec, account: &Account) -> Vec<ConnPlan> {
        plan::private(venue, account, |_| vec![heartbeat_feed()])
    }

    fn login(&self, _venue: &VenueSpec) -> Box<dyn Login> {
        Box::new(Challenge::default())
    }

    fn polls(&self, _venue: &VenueSpec, _account: &Account) -> Vec<Poll> {
        POLLS.iter().map(|(path, every_ms)| Poll { request: get(path), every_ms: *every_ms }).collect()
    }

    fn sign(
        &self,
        _venue: &VenueSpec,
        request: &RestRequest,
        speaker: &Speaker<'_>,
    ) -> Result<Signed, SignError> {
        let keys = speaker.need_keys()?;
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let path = path.strip_prefix(API).map_or_else(|| path.into(), |rest| format!("/api/v3{rest}"));
        // Microseconds: every request of a round has its own.
        let nonce = speaker.now.0.div_euclid(1_000).to_string();
        let authent = signature(&keys.secret, &format!("{query}{nonce}{path}"))?;
        Ok(Signed {
            path: request.path.clone(),
            headers: vec![
                ("apikey", keys.key.clone()),
                ("nonce", Secret::new(nonce)),
                ("authent", Secret::new(authent)),
            ],
            body: None,
        })
    }

    fn decoder(&self, venue: &VenueSpec) -> Box<dyn Decoder> {
        Box::new(OwnDecoder::new(venue))
    }
}

fn signature(secret: &Secret, text: &str) -> Result<String, SignError> {
    Ok(base64(&hmac_sha512(&from_base64(secret)?, &sha256(text.as_bytes()))))
}

/// The login of one socket: challenge, answer, first acknowledgement.
#[derive(Debug, Default)]
struct Challenge {
    is_done: bool,
}

impl Login for Challenge {
    fn open(&mut self, speaker: &Speaker<'_>) -> Result<Heard, SignError> {
        self.is_done = false;
        let key = quoted(speaker.need_keys()?.key.expose());
        let ask = format!(r#"{{"event":"challenge","api_key":{key}}}"#);
        Ok(Heard { is_kept: true, send: vec![ask], state: LoginState::Same })
    }

    fn hear(&mut self, text: &[u8], speaker: &Speaker<'_>) -> Result<Heard, SignError> {
        let Some(frame) = wire::guarded(text).and_then(wire::object::<Frame<'_>>).ok() else {
            return Ok(Heard::default());
        };
        let message = wire::word(&frame.message);
        let kept = |send, state| Ok(Heard { is_kept: true, send, state });
        match &*wire::word(&frame.event) {
            "challenge" => kept(subscriptions(speaker.need_keys()?, &message)?, LoginState::Same),
            "subscribed" | "unsubscribed" => {
                let is_first = !std::mem::replace(&mut self.is_done, true);
                kept(Vec::new(), if is_first { LoginState::Done } else { LoginState::Same })
            }
            event @ ("subscribed_failed" | "error" | "alert") if !self.is_done => {
                let words = if message.is_empty() { event.to_string() } else { message.into_owned() };
                kept(Vec::new(), LoginState::Refused(words))
            }
            "subscribed_failed" | "unsubscribed_failed" => kept(Vec::new(), LoginState::Same),
            _ => Ok(Heard::default()),
        }
    }

    /// Acknowledgements repeat the key, late ones too.
    fn listens(&self) -> bool {
        true
    }
}

fn subscriptions(keys: &Keys, challenge: &str) -> Result<Vec<String>, SignError> {
    let (key, signed) = (quoted(keys.key.expose()), signature(&keys.secret, challenge)?);
    let challenge = quoted(challenge);
    let ask = |feed: &&str| {
        format!(
            r#"{{"event":"subscribe","feed":"{feed}","api_key":{key},"original_challenge":{challenge},"signed_challenge":"{signed}"}}"#
        )
    };
    Ok(FEEDS.iter().map(ask).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::model::Nanos;

    fn venue() -> VenueSpec {
        config::venues::read("kraken-futures", include_str!("../../../venues/kraken-futures.toml")).unwrap()
    }

    fn keys() -> Keys {
        // The pair of the worked example in docs.kraken.com, guide to websocket authentication.
        let secret =
            "7zxMEF5p/Z8l2p2U7Ghv6x14Af+Fx+92tPgUdVQ748FOIrEoT9bgT+bTRfXc5pz8na+hL/QdrCVG7bh9KpT0eMTm";
        Keys { key: Secret::new("KEY-1"), secret: Secret::new(secret), passphrase: None }
    }

    fn account() -> Account {
        Account { name: "desk".into(), address: String::new() }
    }

    const CHALLENGE: &[u8] = br#"{"event":"challenge","message":"c100b894-1729-464d-ace1-52dbce11db42"}"#;
    const ACK: &[u8] =
        br#"{"event":"subscribed","feed":"open_positions","api_key":"KEY-1","signed_challenge":"s"}"#;

    /// The published example: challenge, secret, signature.
    #[test]
    fn a_challenge_is_signed_as_the_venue_shows() {
        let (keys, account) = (keys(), account());
        let speaker = Speaker { keys: Some(&keys), account: &account, now: Nanos(0) };
        let mut login = Kraken.login(&venue());
        let asked = login.open(&speaker).unwrap();
        assert_eq!(asked.send, [r#"{"event":"challenge","api_key":"KEY-1"}"#]);
        assert_eq!(login.hear(br#"{"event":"info","version":1}"#, &speaker).unwrap(), Heard::default());
        let heard = login.hear(CHALLENGE, &speaker).unwrap();
        assert_eq!((heard.send.len(), heard.is_kept, heard.state), (3, true, LoginState::Same));
        let signed =
            "4JEpF3ix66GA2B+ooK128Ift4XQVtc137N9yeg4Kqsn9PI0Kpzbysl9M1IeCEdjg0zl00wkVqcsnG4bmnlMb3A==";
        assert!(heard.send.iter().all(|text| text.contains(signed)), "{:?}", heard.send);
        let done = login.hear(ACK, &speaker).unwrap();
        assert_eq!((done.state, done.is_kept), (LoginState::Done, true), "the key stays off the tape");
        let later = login.hear(ACK, &speaker).unwrap();
        assert_eq!((later.state, later.is_kept), (LoginState::Same, true));
        assert!(login.listens());
        let data = login.hear(br#"{"feed":"open_positions","positions":[]}"#, &speaker).unwrap();
        assert_eq!(data, Heard::default(), "data goes on the tape");
    }

    #[test]
    fn a_refused_login_says_why() {
        let (keys, account) = (keys(), account());
        let speaker = Speaker { keys: Some(&keys), account: &account, now: Nanos(0) };
        let mut login = Kraken.login(&venue());
        login.open(&speaker).unwrap();
        let heard = login.hear(br#"{"event":"alert","message":"Invalid signature"}"#, &speaker).unwrap();
        assert_eq!(heard.state, LoginState::Refused("Invalid signature".into()));
        let nobody = Speaker { keys: None, ..speaker };
        assert!(Kraken.login(&venue()).open(&nobody).is_err());
        let mut wrong = keys.clone();
        wrong.secret = Secret::new("not base64!");
        let speaker = Speaker { keys: Some(&wrong), ..speaker };
        assert_eq!(login.hear(CHALLENGE, &speaker), Err(SignError::Form("base64")));
    }

    /// Computed by an independent program from the venue's recipe.
    #[test]
    fn requests_are_signed_over_query_nonce_and_path() {
        let (keys, account) = (keys(), account());
        let speaker = Speaker { keys: Some(&keys), account: &account, now: Nanos(1_790_000_000_123_456_789) };
        for (path, authent) in [
            (
                "/derivatives/api/v3/openpositions",
                "1eKMtEoQVbKCkkBUY8e07NbJwPKKTfwuf1k44omulXser5B2A8Gz3DAcY4NksKd+n8qIXPGbvMkdRVNAsUGz0w==",
            ),
            (
                "/derivatives/api/v3/history?symbol=PF_XBTUSD",
                "HyVHBtdw8uOm+XnnMOEOMvVZh/88jF6+Zv69+KgpFsvEmXG2c/tmxxFC7p0xzLVsKzyNqHlkeC5yPDMOtUO2uQ==",
            ),
            (
                "/api/auth/v1/api-keys/v3/check",
                "aXZiMLijW7nd08U215315b5K8boku1FQyxmc9VJlla+OJvcc6P/zdQddK2uQ26u/9R5p4yI1y3aqqEI4gHkI0Q==",
            ),
        ] {
            let signed = Kraken.sign(&venue(), &RestRequest::get(path), &speaker).unwrap();
            assert_eq!(signed.path, path);
            let header = |name| signed.headers.iter().find(|(n, _)| *n == name).unwrap().1.expose();
            assert_eq!((header("apikey"), header("nonce")), ("KEY-1", "1790000000123456"));
            assert_eq!(header("authent"), authent, "{path}");
        }
    }

    #[test]
    fn nothing_that_prints_holds_the_secret() {
        let (keys, account) = (keys(), account());
        let speaker = Speaker { keys: Some(&keys), account: &account, now: Nanos(5) };
        let signed = Kraken.sign(&venue(), &get("/accounts"), &speaker).unwrap();
        let mut login = Kraken.login(&venue());
        let opened = login.open(&speaker).unwrap();
        let said = login.hear(CHALLENGE, &speaker).unwrap();
        let plans = Kraken.sockets(&venue(), &account);
        let printed = format!("{speaker:?} {signed:?} {opened:?} {said:?} {plans:?}");
        assert!(!printed.contains("7zxMEF5p"), "{printed}");
        assert!(!format!("{speaker:?} {signed:?}").contains("KEY-1"));
        assert_eq!(plans.len(), 1);
        assert_eq!(plans[0].name, "kraken-futures/desk@private-1");
    }

    #[test]
    fn a_key_is_harmless_only_when_it_says_so() {
        let check = |permissions: &str| {
            let body = format!(r#"{{"apiKey":"k","permissions":{permissions}}}"#);
            Kraken.permissions(&RestAnswer { url: "", status: 200, body: body.as_bytes() }).unwrap()
        };
        assert_eq!(check(r#"{"general":"READ_ONLY","withdrawal":"NO_ACCESS"}"#), Permissions::ReadOnly);
        let full = Permissions::MayTrade("general fullaccess".into());
        assert_eq!(check(r#"{"general":"FULL_ACCESS","withdrawal":"no access"}"#), full);
        assert!(matches!(check(r#"{"general":"read-only","transfer":["x"]}"#), Permissions::MayTrade(_)));
        assert_eq!(check("{}"), Permissions::Unknown);
    }
}
