//! Own accounts at OKX: login, signatures, what to ask.
//!
//! ```text
//! request: base64(HMAC-SHA256(secret, time as ISO 8601 + METHOD + path with query + body))
//! socket:  base64(HMAC-SHA256(secret, seconds + "GET" + "/users/self/verify"))
//! ```
//! Keys belong to one entity of the house: another one answers that the key does not exist (60032).

use serde::Deserialize;

use super::messages::Frame;
use super::own::{self, OwnDecoder};
use super::request;
use crate::dialect::account::{
    Account, AccountDialect, Login, Needs, Permissions, SignError, Signed, Speaker,
};
use crate::dialect::passphrase::ByPassphrase;
use crate::dialect::plan;
use crate::dialect::sign::{base64, hmac_sha256};
use crate::dialect::wire::{self, Field};
use crate::dialect::{Decoder, WireError};
use crate::model::entry::RestAnswer;
use crate::model::secret::Secret;
use crate::model::time::{Nanos, rfc3339_short};
use crate::model::venue::{ConnPlan, Poll, RestRequest, VenueSpec};

/// What the key may do.
const CONFIG: &str = "/api/v5/account/config";
/// Pushes may be lost: the state is asked for as well.
const STATE_EVERY_MS: u64 = 15_000;
/// Conditional orders wake seldom.
const ALGOS_EVERY_MS: u64 = 30_000;

/// The login of a socket.
const LOGIN: ByPassphrase = ByPassphrase { path: "/users/self/verify" };

/// The private half.
#[derive(Debug)]
pub(super) struct OkxAccount;

impl AccountDialect for OkxAccount {
    fn needs(&self) -> Needs {
        Needs::KeyAndPassphrase
    }

    fn key_check(&self, _venue: &VenueSpec, _account: &Account) -> Option<RestRequest> {
        Some(RestRequest::get(CONFIG))
    }

    fn permissions(&self, answer: &RestAnswer<'_>) -> Result<Permissions, WireError> {
        #[derive(Deserialize)]
        struct Config<'a> {
            #[serde(borrow)]
            perm: Field<'a>,
        }
        let frame: Frame<'_> = wire::object(wire::guarded(answer.body)?)?;
        if answer.status != 200 || wire::word(&frame.code) != "0" {
            return Err(WireError::Word("code"));
        }
        let mut told: Option<String> = None;
        wire::each_row(frame.data.as_ref().map_or("[]", wire::Raw::json), |row| {
            let row: Config<'_> = wire::object(row)?;
            told = wire::text(&row.perm, "perm")?.map(Into::into);
            Ok(())
        })?;
        let Some(told) = told else { return Ok(Permissions::Unknown) };
        let is_more = |word: &&str| !word.is_empty() && *word != "read_only";
        let more: Vec<&str> = told.split(',').map(str::trim).filter(is_more).collect();
        Ok(if more.is_empty() { Permissions::ReadOnly } else { Permissions::MayTrade(more.join(", ")) })
    }

    fn sockets(&self, venue: &VenueSpec, account: &Account) -> Vec<ConnPlan> {
        plan::private(venue, account, |endpoint| vec![request("subscribe", &channels(&endpoint.url))])
    }

    fn login(&self, _venue: &VenueSpec) -> Box<dyn Login> {
        Box::new(LOGIN)
    }

    fn polls(&self, _venue: &VenueSpec, _account: &Account) -> Vec<Poll> {
        let state = own::requests().map(|request| Poll { request, every_ms: STATE_EVERY_MS });
        let algos = own::ALGO_KINDS.map(|kinds| Poll {
            request: RestRequest::get(format!("{}?ordType={kinds}", own::ALGOS)),
            every_ms: ALGOS_EVERY_MS,
        });
        state.into_iter().chain(algos).collect()
    }

    fn sign(
        &self,
        _venue: &VenueSpec,
        request: &RestRequest,
        speaker: &Speaker<'_>,
    ) -> Result<Signed, SignError> {
        let (keys, passphrase) = speaker.need_passphrase()?;
        let time = rfc3339_short(Nanos::from_millis(speaker.now.as_millis())); // 2026-09-21T14:13:20.123Z
        let body = request.body.as_deref().unwrap_or_default();
        let text = format!("{time}{}{}{body}", request.method.word(), request.path);
        let signature = base64(&hmac_sha256(keys.secret.expose().as_bytes(), &text));
        let headers = vec![
            ("ok-access-key", keys.key.clone()),
            ("ok-access-sign", Secret::new(signature)),
            ("ok-access-timestamp", Secret::new(time)),
            ("ok-access-passphrase", passphrase.clone()),
        ];
        Ok(Signed { path: request.path.clone(), headers, body: request.body.clone() })
    }

    fn decoder(&self, venue: &VenueSpec) -> Box<dyn Decoder> {
        Box::new(OwnDecoder::new(venue))
    }
}

/// Conditional orders are told on the business socket, everything else on the private one.
fn channels(url: &str) -> Vec<String> {
    let by_kind = |channel: &str| format!(r#"{{"channel":"{channel}","instType":"ANY"}}"#);
    if url.ends_with("/business") {
        return vec![by_kind("orders-algo")];
    }
    vec![r#"{"channel":"account"}"#.to_string(), by_kind("positions"), by_kind("orders")]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::dialect::account::{Heard, LoginState};
    use crate::model::secret::Keys;

    fn login() -> ByPassphrase {
        LOGIN
    }

    fn venue() -> VenueSpec {
        config::venues::read("okx", include_str!("../../../venues/okx.toml")).unwrap()
    }

    fn keys() -> Keys {
        Keys {
            key: Secret::new("ok_demo_key"),
            secret: Secret::new("hunter2-secret"),
            passphrase: Some(Secret::new("open\"sesame")),
        }
    }

    fn account() -> Account {
        Account { name: "desk".into(), address: String::new() }
    }

    /// Signatures as `openssl dgst -sha256 -hmac hunter2-secret -binary | base64` writes them.
    #[test]
    fn signatures_follow_the_recipe() {
        let (keys, account) = (keys(), account());
        let now = Nanos::from_millis(1_790_000_000_123);
        let speaker = Speaker { keys: Some(&keys), account: &account, now };
        let request = RestRequest::get("/api/v5/account/positions?instType=SWAP");
        let signed = OkxAccount.sign(&venue(), &request, &speaker).unwrap();
        let header = |name| signed.headers.iter().find(|(n, _)| *n == name).unwrap().1.expose().to_string();
        assert_eq!(header("ok-access-timestamp"), "2026-09-21T14:13:20.123Z");
        assert_eq!(header("ok-access-sign"), "VzNs2aYD9ckN687+e38YzaY6HCZwWWEVpObbYKvblhI=");
        assert_eq!(
            login().open(&speaker).unwrap().send,
            [
                r#"{"op":"login","args":[{"apiKey":"ok_demo_key","passphrase":"open\"sesame","timestamp":"1790000000","sign":"M5D6WYV3FwiHVEDHFX7hDJPKRnXEdaZlXdcZRtIbZMg="}]}"#
            ]
        );
    }

    /// Fault: a secret on a screen, in a log or on the tape.
    #[test]
    fn secrets_do_not_show() {
        let (keys, account) = (keys(), account());
        let speaker = Speaker { keys: Some(&keys), account: &account, now: Nanos::from_millis(1) };
        let signed = OkxAccount.sign(&venue(), &RestRequest::get(CONFIG), &speaker).unwrap();
        let plans = OkxAccount.sockets(&venue(), &account);
        let state = login().open(&speaker).map(|heard| heard.state);
        let shown = format!("{speaker:?} {signed:?} {plans:?} {} {state:?}", signed.path);
        for secret in ["hunter2-secret", "sesame", "ok_demo_key"] {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
        assert!(!login().open(&speaker).unwrap().send.concat().contains("hunter2"));
        let bare = Keys { passphrase: None, ..keys.clone() };
        let speaker = Speaker { keys: Some(&bare), ..speaker };
        assert!(OkxAccount.sign(&venue(), &RestRequest::get(CONFIG), &speaker).is_err());
        assert!(login().open(&Speaker { keys: None, ..speaker }).is_err());
    }

    #[test]
    fn a_login_ends_with_its_answer() {
        let (keys, account) = (keys(), account());
        let speaker = Speaker { keys: Some(&keys), account: &account, now: Nanos::from_millis(1) };
        let heard = |text: &str| login().hear(text.as_bytes(), &speaker).unwrap();
        let done = heard(r#"{"event":"login","msg":"","code":"0","connId":"a"}"#);
        assert!(done.is_kept && done.state == LoginState::Done);
        let refused = heard(r#"{"event":"error","msg":"Login failed.","code":"60009","connId":"a"}"#);
        assert_eq!(refused.state, LoginState::Refused("60009 Login failed.".into()));
        assert_eq!(heard("pong"), Heard::default());
    }

    /// Fault: a key that trades taken for one that looks.
    #[test]
    fn a_key_that_may_do_more_is_seen() {
        let told = |perm: &str| {
            let body = format!(
                r#"{{"code":"0","msg":"","data":[{{"uid":"1","acctLv":"2",{perm}"posMode":"net_mode"}}]}}"#
            );
            OkxAccount.permissions(&RestAnswer { url: CONFIG, status: 200, body: body.as_bytes() })
        };
        assert_eq!(told(r#""perm":"read_only","#), Ok(Permissions::ReadOnly));
        assert_eq!(told(r#""perm":"read_only,trade","#), Ok(Permissions::MayTrade("trade".into())));
        assert_eq!(
            told(r#""perm":"withdraw,read_only,trade","#),
            Ok(Permissions::MayTrade("withdraw, trade".into()))
        );
        assert_eq!(told(""), Ok(Permissions::Unknown));
        let refused = br#"{"code":"50113","msg":"Invalid Sign","data":[]}"#;
        assert!(OkxAccount.permissions(&RestAnswer { url: CONFIG, status: 401, body: refused }).is_err());
    }

    #[test]
    fn conditional_orders_are_asked_for_on_their_own_socket() {
        let plans = OkxAccount.sockets(&venue(), &account());
        let names: Vec<&str> = plans.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["okx/desk@private-1", "okx/desk@business-1"]);
        assert!(plans[0].hello[0].contains(r#""channel":"orders""#));
        assert!(plans[1].hello[0].contains("orders-algo") && !plans[0].hello[0].contains("algo"));
        assert_eq!(OkxAccount.polls(&venue(), &account()).len(), 6);
    }
}
