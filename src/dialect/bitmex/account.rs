//! The private half: signed with HMAC-SHA256 in hexadecimal, the same recipe for sockets and requests.
//!
//! Signed is `verb + path with query + expires + body`; a socket signs `GET/realtime` and the time. The
//! answer to a login repeats the request, signature included: it goes on no tape.

use serde::Deserialize;

use super::ledger::{Ledger, TABLES};
use super::messages::{Frame, refusal};
use super::money;
use super::request;
use crate::dialect::account::{
    Account, AccountDialect, Heard, Login, LoginState, Needs, Permissions, SignError, Signed, Speaker,
};
use crate::dialect::plan;
use crate::dialect::sign::{hex, hmac_sha256};
use crate::dialect::wire::{self, Field, Raw, quoted};
use crate::dialect::{Decoder, WireError};
use crate::model::entry::RestAnswer;
use crate::model::secret::{Keys, Secret};
use crate::model::time::Nanos;
use crate::model::venue::{ConnPlan, Poll, RestRequest, VenueSpec};

/// How long a signature lives: enough for a slow network and a clock that is off.
const LIFE_S: i64 = 60;
/// State is streamed; requests repeat it in case a message was missed.
const STATE_EVERY_MS: u64 = 60_000;
/// Currencies change rarely.
const LISTS_EVERY_MS: u64 = 3_600_000;

/// The private half of the dialect.
#[derive(Debug)]
pub(super) struct BitmexAccount;

impl AccountDialect for BitmexAccount {
    fn needs(&self) -> Needs {
        Needs::Key
    }

    fn key_check(&self, _venue: &VenueSpec, _account: &Account) -> Option<RestRequest> {
        Some(RestRequest::get("/api/v1/apiKey"))
    }

    fn permissions(&self, answer: &RestAnswer<'_>) -> Result<Permissions, WireError> {
        permissions(wire::guarded(answer.body)?)
    }

    fn sockets(&self, venue: &VenueSpec, account: &Account) -> Vec<ConnPlan> {
        let tables = TABLES.map(String::from);
        plan::private(venue, account, |_| vec![request("subscribe", &tables)])
    }

    fn login(&self, _venue: &VenueSpec) -> Box<dyn Login> {
        Box::new(KeyLogin)
    }

    fn polls(&self, _venue: &VenueSpec, _account: &Account) -> Vec<Poll> {
        let every = |every_ms| move |path: &str| Poll { request: RestRequest::get(path), every_ms };
        let lists = [money::PATH].map(every(LISTS_EVERY_MS));
        let state = [
            "/api/v1/position",
            "/api/v1/order?filter=%7B%22open%22%3Atrue%7D&count=500&reverse=true",
            "/api/v1/user/margin?currency=all",
            "/api/v1/user/wallet?currency=all",
        ];
        lists.into_iter().chain(state.map(every(STATE_EVERY_MS))).collect()
    }

    fn sign(
        &self,
        _venue: &VenueSpec,
        request: &RestRequest,
        speaker: &Speaker<'_>,
    ) -> Result<Signed, SignError> {
        let keys = speaker.need_keys()?;
        let expires = expires(speaker.now);
        let body = request.body.as_deref().unwrap_or_default();
        let signature = signature(keys, request.method.word(), &request.path, expires, body);
        Ok(Signed {
            path: request.path.clone(),
            headers: vec![
                ("api-key", keys.key.clone()),
                ("api-expires", Secret::new(expires.to_string())),
                ("api-signature", Secret::new(signature)),
            ],
            body: request.body.clone(),
        })
    }

    fn decoder(&self, venue: &VenueSpec) -> Box<dyn Decoder> {
        Box::new(Ledger::new(venue))
    }
}

/// Seconds since the epoch at which a signature made now ends.
fn expires(now: Nanos) -> i64 {
    now.as_millis().div_euclid(1_000) + LIFE_S
}

fn signature(keys: &Keys, verb: &str, path: &str, expires: i64, body: &str) -> String {
    let text = format!("{verb}{path}{expires}{body}");
    hex(&hmac_sha256(keys.secret.expose().as_bytes(), &text))
}

#[derive(Deserialize)]
struct KeyRow<'a> {
    #[serde(borrow)]
    permissions: Field<'a>,
    #[serde(borrow)]
    enabled: Field<'a>,
}

/// The venue lists every key of the user and does not say which one asked. One key, or keys that all
/// only read, leave no doubt.
fn permissions(json: &str) -> Result<Permissions, WireError> {
    if !json.trim_ascii_start().starts_with('[') {
        return Ok(Permissions::Unknown); // refused: the login will tell
    }
    let (mut keys, mut words) = (0usize, Vec::new());
    wire::each_row(json.trim_ascii(), |row| {
        let row: KeyRow<'_> = wire::object(row)?;
        if row.enabled.as_ref().map(Raw::json) == Some("false") {
            return Ok(());
        }
        keys += 1;
        let list = row.permissions.as_ref().map_or("[]", |raw| raw.json());
        if list != "null" {
            words.push(wire::parse::<Vec<String>>(list)?.join(", "));
        }
        Ok(())
    })?;
    words.retain(|word| !word.is_empty());
    Ok(match (keys, words.as_slice()) {
        (0, _) => Permissions::Unknown,
        (_, []) => Permissions::ReadOnly,
        (1, [word, ..]) => Permissions::MayTrade(word.clone()),
        _ => Permissions::Unknown,
    })
}

/// Sends the signed key, waits for the answer to it.
struct KeyLogin;

#[derive(Deserialize)]
struct Echo<'a> {
    #[serde(borrow)]
    request: Option<EchoRequest<'a>>,
}

#[derive(Deserialize)]
struct EchoRequest<'a> {
    #[serde(borrow)]
    op: Field<'a>,
}

impl Login for KeyLogin {
    fn open(&mut self, speaker: &Speaker<'_>) -> Result<Heard, SignError> {
        let keys = speaker.need_keys()?;
        let expires = expires(speaker.now);
        let signature = signature(keys, "GET", "/realtime", expires, "");
        let key = quoted(keys.key.expose());
        let text = format!(r#"{{"op":"authKeyExpires","args":[{key},{expires},"{signature}"]}}"#);
        Ok(Heard { send: vec![text], ..Heard::default() })
    }

    fn hear(&mut self, text: &[u8], _speaker: &Speaker<'_>) -> Result<Heard, SignError> {
        let Ok(text) = wire::guarded(text) else { return Ok(Heard::default()) };
        let echo = wire::object::<Echo<'_>>(text).ok().and_then(|e| e.request);
        let is_login = echo.is_some_and(|r| &*wire::word(&r.op) == "authKeyExpires");
        let (Ok(frame), true) = (wire::object::<Frame<'_>>(text), is_login) else {
            return Ok(Heard::default());
        };
        let state = if frame.success.as_ref().map(Raw::json) == Some("true") {
            LoginState::Done
        } else if frame.error.is_some() {
            LoginState::Refused(wire::word(&frame.error).into_owned())
        } else {
            LoginState::Refused(refusal(text))
        };
        Ok(Heard { is_kept: true, send: Vec::new(), state })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::SECOND;
    use crate::model::venue::Method;

    /// Key and secret of the venue's own example.
    fn example() -> Keys {
        Keys {
            key: Secret::new("LAqUlngMIQkIUjXMUreyu3qn"),
            secret: Secret::new("chNOOS4KvNXR_Xq4k4c9qsfoKWvnDecLATCRlcBwyKDYnWgO"),
            passphrase: None,
        }
    }

    fn speaker<'a>(keys: &'a Keys, account: &'a Account) -> Speaker<'a> {
        Speaker { keys: Some(keys), account, now: Nanos(1_518_064_178 * SECOND) }
    }

    fn account() -> Account {
        Account { name: "desk".into(), address: String::new() }
    }

    /// The examples of www.bitmex.com/app/apiKeysUsage.
    #[test]
    fn signatures_are_those_of_the_venues_examples() {
        let keys = example();
        let filter = "/api/v1/instrument?filter=%7B%22symbol%22%3A+%22XBTM15%22%7D";
        let body =
            r#"{"symbol":"XBTM15","price":219.0,"clOrdID":"mm_bitmex_1a/oemUeQ4CAJZgP3fjHsA","orderQty":98}"#;
        for (verb, path, expires, body, signature) in [
            (
                "GET",
                "/api/v1/instrument",
                1_518_064_236,
                "",
                "c7682d435d0cfe87c16098df34ef2eb5a549d4c5a3c2b1f0f77b8af73423bf00",
            ),
            (
                "GET",
                filter,
                1_518_064_237,
                "",
                "e2f422547eecb5b3cb29ade2127e21b858b235b386bfa45e1c1756eb3383919f",
            ),
            (
                "POST",
                "/api/v1/order",
                1_518_064_238,
                body,
                "1749cd2ccae4aa49048ae09f0b95110cee706e0944e6a14ad0b3a8cb45bd336b",
            ),
        ] {
            assert_eq!(super::signature(&keys, verb, path, expires, body), signature, "{path}");
        }
    }

    #[test]
    fn a_request_is_signed_by_its_headers_and_says_no_secret() {
        let (keys, account) = (example(), account());
        let request = RestRequest { method: Method::Get, ..RestRequest::get("/api/v1/position") };
        let spec: VenueSpec = toml::from_str(include_str!("../../../venues/bitmex.toml")).unwrap();
        let signed = BitmexAccount.sign(&spec, &request, &speaker(&keys, &account)).unwrap();
        let names: Vec<&str> = signed.headers.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["api-key", "api-expires", "api-signature"]);
        assert_eq!(signed.headers[1].1.expose(), "1518064238", "a minute from now, in seconds");
        let text = format!("{signed:?} {:?}", speaker(&keys, &account));
        assert!(!text.contains("chNOOS") && !text.contains("LAqUln") && !text.contains("c7682d"), "{text}");
    }

    #[test]
    fn a_login_sends_its_key_and_keeps_the_answer() {
        let (keys, account) = (example(), account());
        let speaker = speaker(&keys, &account);
        let mut login = KeyLogin;
        let opened = login.open(&speaker).unwrap();
        let sent = opened.send.concat();
        assert!(
            sent.starts_with(r#"{"op":"authKeyExpires","args":["LAqUlngMIQkIUjXMUreyu3qn",1518064238,""#)
        );
        assert!(!sent.contains("chNOOS") && opened.state == LoginState::Same);
        let welcome = login.hear(br#"{"info":"Welcome to the BitMEX Realtime API.","limit":{}}"#, &speaker);
        assert_eq!(welcome.unwrap(), Heard::default());
        let ack = format!(r#"{{"success":true,"request":{sent}}}"#);
        let heard = login.hear(ack.as_bytes(), &speaker).unwrap();
        assert!(heard.is_kept && heard.state == LoginState::Done);
        let refused = format!(r#"{{"status":401,"error":"Invalid API Key.","meta":{{}},"request":{sent}}}"#);
        let heard = login.hear(refused.as_bytes(), &speaker).unwrap();
        assert!(heard.is_kept && heard.state == LoginState::Refused("Invalid API Key.".into()));
        assert_eq!(login.hear(b"{\"request\":", &speaker).unwrap(), Heard::default());
    }

    /// Fault: a key that may trade is taken for one that reads.
    #[test]
    fn permissions_are_known_where_the_list_leaves_no_doubt() {
        let of = |rows: &str| permissions(rows).unwrap();
        let key = |words: &str, on: bool| format!(r#"{{"id":"k","permissions":{words},"enabled":{on}}}"#);
        let (reads, trades) = (key("[]", true), key(r#"["order","withdraw"]"#, true));
        let off = key(r#"["order"]"#, false);
        assert_eq!(of(&format!("[{reads},{off}]")), Permissions::ReadOnly);
        assert_eq!(of(&format!("[{trades}]")), Permissions::MayTrade("order, withdraw".into()));
        assert_eq!(of(&format!("[{reads},{trades}]")), Permissions::Unknown);
        assert_eq!(of("[]"), Permissions::Unknown);
        assert_eq!(
            of(r#"{"error":{"message":"Invalid API Key.","name":"HTTPError"}}"#),
            Permissions::Unknown
        );
        assert!(permissions(r#"[{"permissions":5}]"#).is_err());
    }
}
