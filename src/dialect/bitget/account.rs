//! Own accounts at Bitget, classic ones: login, signatures, what to ask. Facts: `venues/bitget.toml`.
//!
//! ```text
//! request: base64(HMAC-SHA256(secret, milliseconds + METHOD + path + "?" + query + body))
//! socket:  base64(HMAC-SHA256(secret, seconds + "GET" + "/user/verify"))
//! ```
//! A unified account may log in on this socket, but its requests are refused with code 40085: it needs
//! the v3 interface, which is not read here.

use serde::Deserialize;

use super::messages::Answer;
use super::own::OwnDecoder;
use super::product::Product;
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
use crate::model::venue::{ConnPlan, Poll, RestRequest, VenueSpec};

/// Pushes may be lost, the venue says: the state is asked for as well.
const STATE_EVERY_MS: u64 = 15_000;

/// The code for "this is a unified account".
const UNIFIED: &str = "40085";

/// The login of a socket.
const LOGIN: ByPassphrase = ByPassphrase { path: "/user/verify" };

/// The private half.
#[derive(Debug)]
pub(super) struct BitgetAccount;

impl AccountDialect for BitgetAccount {
    fn needs(&self) -> Needs {
        Needs::KeyAndPassphrase
    }

    fn key_check(&self, _venue: &VenueSpec, _account: &Account) -> Option<RestRequest> {
        Some(RestRequest::get("/api/v2/spot/account/info"))
    }

    fn permissions(&self, answer: &RestAnswer<'_>) -> Result<Permissions, WireError> {
        #[derive(Deserialize)]
        struct Info<'a> {
            #[serde(borrow)]
            authorities: Field<'a>,
        }
        let parsed: Answer<'_> = wire::object(wire::guarded(answer.body)?)?;
        if wire::word(&parsed.code) == UNIFIED {
            return Ok(Permissions::Unknown); // the requests that follow are refused in the venue's words
        }
        if answer.status != 200 || !parsed.is_granted() {
            return Err(WireError::Word("code"));
        }
        let data = wire::json(&parsed.data, "data")?;
        let info: Info<'_> = wire::object(data)?;
        let Some(list) = &info.authorities else { return Ok(Permissions::Unknown) };
        let words: Vec<String> = wire::parse(list.json())?;
        let more: Vec<&str> = words.iter().map(String::as_str).filter(|word| !is_reading(word)).collect();
        Ok(if words.is_empty() {
            Permissions::Unknown
        } else if more.is_empty() {
            Permissions::ReadOnly
        } else {
            Permissions::MayTrade(more.join(", "))
        })
    }

    fn sockets(&self, venue: &VenueSpec, account: &Account) -> Vec<ConnPlan> {
        plan::private(venue, account, |_| vec![request("subscribe", &channels())])
    }

    fn login(&self, _venue: &VenueSpec) -> Box<dyn Login> {
        Box::new(LOGIN)
    }

    fn polls(&self, _venue: &VenueSpec, _account: &Account) -> Vec<Poll> {
        let paths = ["position/all-position", "position/adlRank", "order/orders-pending", "account/accounts"];
        let ask = |path: &str, product: Product| Poll {
            request: RestRequest::get(format!("/api/v2/mix/{path}?productType={}", product.upper())),
            every_ms: STATE_EVERY_MS,
        };
        paths.iter().flat_map(|path| Product::ALL.map(|product| ask(path, product))).collect()
    }

    fn sign(
        &self,
        _venue: &VenueSpec,
        request: &RestRequest,
        speaker: &Speaker<'_>,
    ) -> Result<Signed, SignError> {
        let (keys, passphrase) = speaker.need_passphrase()?;
        let time = speaker.now.as_millis();
        let body = request.body.as_deref().unwrap_or_default();
        let text = format!("{time}{}{}{body}", request.method.word(), request.path);
        let signature = base64(&hmac_sha256(keys.secret.expose().as_bytes(), &text));
        let headers = vec![
            ("access-key", keys.key.clone()),
            ("access-sign", Secret::new(signature)),
            ("access-timestamp", Secret::new(time.to_string())),
            ("access-passphrase", passphrase.clone()),
            ("locale", Secret::new("en-US")),
        ];
        Ok(Signed { path: request.path.clone(), headers, body: request.body.clone() })
    }

    fn decoder(&self, venue: &VenueSpec) -> Box<dyn Decoder> {
        Box::new(OwnDecoder::new(venue))
    }
}

/// True for words that allow looking: `readonly`, and codes of a field and `r`, such as `coor` for
/// contract orders, whose writing twin is `coow`. The venue does not print the whole list; a word that
/// is not understood counts as one that allows more.
fn is_reading(word: &str) -> bool {
    matches!(word, "read" | "readonly" | "read_only") || word.len() == 4 && word.ends_with("or")
}

/// Subscriptions of all products.
fn channels() -> Vec<String> {
    let one = |channel: &str, all: &str, product: Product| {
        format!(r#"{{"instType":"{}","channel":"{channel}","{all}":"default"}}"#, product.upper())
    };
    let kinds = [("positions", "instId"), ("orders", "instId"), ("account", "coin")];
    kinds.iter().flat_map(|(channel, all)| Product::ALL.map(|p| one(channel, all, p))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::dialect::account::LoginState;
    use crate::model::Nanos;
    use crate::model::secret::Keys;

    fn login() -> ByPassphrase {
        LOGIN
    }

    fn venue() -> VenueSpec {
        config::venues::read("bitget", include_str!("../../../venues/bitget.toml")).unwrap()
    }

    fn keys() -> Keys {
        Keys {
            key: Secret::new("bg_demo_key"),
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
        let request = RestRequest::get("/api/v2/mix/position/all-position?productType=USDT-FUTURES");
        let signed = BitgetAccount.sign(&venue(), &request, &speaker).unwrap();
        let header = |name| signed.headers.iter().find(|(n, _)| *n == name).unwrap().1.expose().to_string();
        assert_eq!(header("access-sign"), "vd59YtS9y6TX2vutA87wD+lMKuH1Br9tcJJ6F5LUkpc=");
        assert_eq!(
            (header("access-timestamp").as_str(), signed.path.as_str()),
            ("1790000000123", request.path.as_str())
        );
        let heard = login().open(&speaker).unwrap();
        assert_eq!(
            heard.send,
            [
                r#"{"op":"login","args":[{"apiKey":"bg_demo_key","passphrase":"open\"sesame","timestamp":"1790000000","sign":"yPU3WAbXvODNENDLMyD8kEhcWQXhKgABTrcwetUHRx8="}]}"#
            ]
        );
    }

    /// Fault: a secret on a screen, in a log or on the tape.
    #[test]
    fn secrets_do_not_show() {
        let (keys, account) = (keys(), account());
        let speaker = Speaker { keys: Some(&keys), account: &account, now: Nanos::from_millis(1) };
        let request = RestRequest::get("/api/v2/mix/account/accounts?productType=USDT-FUTURES");
        let signed = BitgetAccount.sign(&venue(), &request, &speaker).unwrap();
        let plans = BitgetAccount.sockets(&venue(), &account);
        let shown = format!(
            "{speaker:?} {signed:?} {plans:?} {} {:?}",
            signed.path,
            BitgetAccount.login(&venue()).open(&speaker).map(|h| h.state)
        );
        for secret in ["hunter2-secret", "sesame", "bg_demo_key"] {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
        assert!(!login().open(&speaker).unwrap().send.concat().contains("hunter2"));
    }

    #[test]
    fn without_a_passphrase_nothing_is_signed() {
        let (keys, account) = (Keys { passphrase: None, ..keys() }, account());
        let speaker = Speaker { keys: Some(&keys), account: &account, now: Nanos::from_millis(1) };
        assert!(BitgetAccount.sign(&venue(), &RestRequest::get("/x"), &speaker).is_err());
        assert!(login().open(&Speaker { keys: None, ..speaker }).is_err());
    }

    #[test]
    fn a_login_ends_with_its_answer() {
        let (keys, account) = (keys(), account());
        let speaker = Speaker { keys: Some(&keys), account: &account, now: Nanos::from_millis(1) };
        let state = |text: &str| login().hear(text.as_bytes(), &speaker).unwrap().state;
        assert_eq!(state(r#"{"event":"login","code":0,"connId":"c"}"#), LoginState::Done);
        assert_eq!(state(r#"{"event":"login","code":"0"}"#), LoginState::Done);
        let refused = LoginState::Refused("30005 Login failed".into());
        assert_eq!(state(r#"{"event":"error","code":"30005","msg":"Login failed"}"#), refused);
        assert_eq!(state("pong"), LoginState::Same);
        assert!(login().hear(br#"{"event":"login","code":0}"#, &speaker).unwrap().is_kept);
    }

    /// Fault: a key that trades taken for one that looks.
    #[test]
    fn a_key_that_may_do_more_is_seen() {
        let told = |words: &str| {
            let body = format!(
                r#"{{"code":"00000","msg":"success","data":{{"userId":"1","authorities":{words}}}}}"#
            );
            BitgetAccount.permissions(&RestAnswer { url: "x", status: 200, body: body.as_bytes() })
        };
        assert_eq!(told(r#"["readonly"]"#), Ok(Permissions::ReadOnly));
        assert_eq!(told(r#"["coor","stor","cpor"]"#), Ok(Permissions::ReadOnly));
        for more in ["trade", "coow", "transfer", "withdraw", "wwow", "unheard"] {
            let words = format!(r#"["readonly","{more}"]"#);
            assert_eq!(told(&words), Ok(Permissions::MayTrade(more.into())));
        }
        assert_eq!(told("[]"), Ok(Permissions::Unknown));
        let refused = |code: &str| {
            let body = format!(r#"{{"code":"{code}","msg":"words","data":null}}"#);
            BitgetAccount.permissions(&RestAnswer { url: "x", status: 400, body: body.as_bytes() })
        };
        assert_eq!(refused("40085"), Ok(Permissions::Unknown));
        assert!(refused("40037").is_err());
    }

    #[test]
    fn everything_is_asked_for_each_product() {
        let plans = BitgetAccount.sockets(&venue(), &account());
        assert_eq!((plans.len(), plans[0].name.as_str()), (1, "bitget/desk@private-1"));
        assert_eq!(plans[0].hello.concat().matches("instType").count(), 9);
        assert!(plans[0].hello.iter().all(|text| text.len() <= 4_096));
        assert_eq!(BitgetAccount.polls(&venue(), &account()).len(), 12);
    }
}
