//! The private half of Bybit: one unified account, an HMAC key that may only read.
//!
//! The socket tells changes only: what is held when it opens comes over REST, in one list per category
//! and settlement currency.

use serde::Deserialize;

use super::messages::Answer;
use super::own::OwnDecoder;
use super::request;
use crate::dialect::account::{
    Account, AccountDialect, Heard, Login, LoginState, Needs, Permissions, SignError, Signed, Speaker,
};
use crate::dialect::plan;
use crate::dialect::sign::{hex, hmac_sha256};
use crate::dialect::wire::{self, Field, quoted};
use crate::dialect::{Decoder, WireError};
use crate::model::entry::RestAnswer;
use crate::model::secret::{Keys, Secret};
use crate::model::venue::{ConnPlan, Poll, RestRequest, VenueSpec};

/// What the key may do.
const KEY_INFO: &str = "/v5/user/query-api";
/// Own positions of one list.
pub(super) const POSITIONS: &str = "/v5/position/list";
/// Own orders of one list.
pub(super) const ORDERS: &str = "/v5/order/realtime";
/// Balances and margin.
pub(super) const WALLET: &str = "/v5/account/wallet-balance";
/// How the account margins.
pub(super) const INFO: &str = "/v5/account/info";
/// The lists that positions and orders come in. Linear contracts need a settlement currency named.
pub(super) const LISTS: [&str; 4] = [
    "category=linear&settleCoin=USDT",
    "category=linear&settleCoin=USDC",
    "category=inverse",
    "category=option",
];
/// Topics of the private socket.
const TOPICS: [&str; 3] = ["position", "order", "wallet"];
/// How late a signed request may arrive.
const RECEIVE_WINDOW_MS: &str = "10000";
/// For how long a login may be under way.
const LOGIN_MS: i64 = 10_000;

/// Accounts with an HMAC key.
#[derive(Debug)]
pub(super) struct Unified;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyInfo<'a> {
    #[serde(borrow)]
    read_only: Field<'a>,
    #[serde(borrow)]
    permissions: Field<'a>,
}

/// What is asked for, and how often in milliseconds: positions and orders of every list, the wallet, the
/// margin mode.
pub(super) fn requests() -> Vec<(RestRequest, u64)> {
    let positions = LISTS.map(|list| (page(POSITIONS, list, ""), 15_000));
    let orders = LISTS.map(|list| (page(ORDERS, list, ""), 30_000));
    let mut all = vec![(RestRequest::get(INFO), 60_000)];
    all.extend(positions);
    all.push((RestRequest::get(format!("{WALLET}?accountType=UNIFIED")), 10_000));
    all.extend(orders);
    all
}

/// One page of a list.
pub(super) fn page(path: &str, list: &str, cursor: &str) -> RestRequest {
    let limit = if path == POSITIONS { 200 } else { 50 };
    let mut path = format!("{path}?{list}&limit={limit}");
    if !cursor.is_empty() {
        path.push_str("&cursor=");
        path.push_str(&super::instruments::escaped(cursor));
    }
    RestRequest::get(path)
}

/// HMAC-SHA256 as hexadecimal digits.
fn signature(keys: &Keys, text: &str) -> Result<String, SignError> {
    let secret = keys.secret.expose().trim();
    if secret.starts_with("-----BEGIN") {
        return Err(SignError::Form("of a key made by the venue (HMAC); RSA keys are not taken"));
    }
    Ok(hex(&hmac_sha256(secret.as_bytes(), text)))
}

impl AccountDialect for Unified {
    fn needs(&self) -> Needs {
        Needs::Key
    }

    fn key_check(&self, _venue: &VenueSpec, _account: &Account) -> Option<RestRequest> {
        Some(RestRequest::get(KEY_INFO))
    }

    /// `readOnly` counts: the permissions of a key that may only read say what it may see.
    fn permissions(&self, answer: &RestAnswer<'_>) -> Result<Permissions, WireError> {
        let parsed: Answer<'_> = wire::object(wire::guarded(answer.body)?)?;
        if wire::integer(&parsed.ret_code, "retCode")? != Some(0) {
            return Ok(Permissions::Unknown);
        }
        let result = parsed.result.as_ref().ok_or(WireError::Missing("result"))?;
        let info: KeyInfo<'_> = wire::object(result.json())?;
        match wire::integer(&info.read_only, "readOnly")?.ok_or(WireError::Missing("readOnly"))? {
            1 => Ok(Permissions::ReadOnly),
            0 => Ok(Permissions::MayTrade(granted(info.permissions.as_ref().map_or("{}", wire::Raw::json)))),
            _ => Err(WireError::Word("readOnly")),
        }
    }

    fn sockets(&self, venue: &VenueSpec, account: &Account) -> Vec<ConnPlan> {
        let topics: Vec<String> = TOPICS.map(String::from).to_vec();
        plan::private(venue, account, |_| vec![request("subscribe", &topics)])
    }

    fn login(&self, _venue: &VenueSpec) -> Box<dyn Login> {
        Box::new(Auth)
    }

    fn polls(&self, _venue: &VenueSpec, _account: &Account) -> Vec<Poll> {
        requests().into_iter().map(|(request, every_ms)| Poll { request, every_ms }).collect()
    }

    /// Time, key, window and query are signed.
    fn sign(
        &self,
        _venue: &VenueSpec,
        request: &RestRequest,
        speaker: &Speaker<'_>,
    ) -> Result<Signed, SignError> {
        let keys = speaker.need_keys()?;
        let (now, key) = (speaker.now.as_millis().to_string(), keys.key.expose());
        let query = request.path.split_once('?').map_or("", |(_, query)| query);
        let signed = signature(keys, &format!("{now}{key}{RECEIVE_WINDOW_MS}{query}"))?;
        let headers = vec![
            ("x-bapi-api-key", keys.key.clone()),
            ("x-bapi-timestamp", Secret::new(now)),
            ("x-bapi-recv-window", Secret::new(RECEIVE_WINDOW_MS)),
            ("x-bapi-sign", Secret::new(signed)),
        ];
        Ok(Signed { path: request.path.clone(), headers, body: request.body.clone() })
    }

    fn decoder(&self, venue: &VenueSpec) -> Box<dyn Decoder> {
        Box::new(OwnDecoder::new(venue))
    }
}

/// Groups of permissions that hold anything.
fn granted(json: &str) -> String {
    let groups = sonic_rs::to_object_iter(json).filter_map(Result::ok);
    let held = groups.filter(|(_, list)| !matches!(list.as_raw_str(), "[]" | "null"));
    let names: Vec<String> = held.map(|(name, _)| name.to_string()).collect();
    if names.is_empty() { "not read-only".into() } else { names.join(", ") }
}

/// One text, one answer.
struct Auth;

#[derive(Deserialize)]
struct Reply<'a> {
    #[serde(borrow)]
    op: Field<'a>,
    #[serde(borrow)]
    success: Field<'a>,
    #[serde(borrow)]
    ret_msg: Field<'a>,
    #[serde(borrow, rename = "retMsg")]
    ret_msg_trade: Field<'a>,
    #[serde(borrow, rename = "retCode")]
    ret_code: Field<'a>,
}

impl Login for Auth {
    fn open(&mut self, speaker: &Speaker<'_>) -> Result<Heard, SignError> {
        let keys = speaker.need_keys()?;
        let until = speaker.now.as_millis().saturating_add(LOGIN_MS);
        let signed = signature(keys, &format!("GET/realtime{until}"))?;
        let key = quoted(keys.key.expose());
        let send = vec![format!(r#"{{"op":"auth","args":[{key},{until},"{signed}"]}}"#)];
        Ok(Heard { send, ..Heard::default() })
    }

    fn hear(&mut self, text: &[u8], _speaker: &Speaker<'_>) -> Result<Heard, SignError> {
        let reply = wire::guarded(text).and_then(wire::object::<Reply<'_>>);
        let Ok(reply) = reply else { return Ok(Heard::default()) };
        if wire::word(&reply.op) != "auth" {
            return Ok(Heard::default());
        }
        let is_in = match reply.success.as_ref().map(wire::Raw::json) {
            Some(flag) => flag == "true",
            None => wire::word(&reply.ret_code) == "0",
        };
        let words = if reply.ret_msg.is_some() { &reply.ret_msg } else { &reply.ret_msg_trade };
        let state =
            if is_in { LoginState::Done } else { LoginState::Refused(wire::word(words).into_owned()) };
        Ok(Heard { is_kept: true, state, ..Heard::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::model::time::{MS, Nanos};

    fn venue() -> VenueSpec {
        config::venues::read("bybit", include_str!("../../../venues/bybit.toml")).unwrap()
    }

    fn keys() -> Keys {
        Keys {
            key: Secret::new("canary-key-0001"),
            secret: Secret::new("canary-secret-0001"),
            passphrase: None,
        }
    }

    fn account() -> Account {
        Account { name: "desk".into(), address: String::new() }
    }

    fn permissions(result: &str) -> Result<Permissions, WireError> {
        let body = format!(r#"{{"retCode":0,"retMsg":"","result":{result},"time":1}}"#);
        Unified.permissions(&RestAnswer { url: KEY_INFO, status: 200, body: body.as_bytes() })
    }

    #[test]
    fn a_key_that_may_do_more_than_read_is_told() {
        let grants = r#""permissions":{"ContractTrade":["Order"],"Spot":[],"Wallet":["AccountTransfer"]}"#;
        assert_eq!(permissions(&format!("{{\"readOnly\":1,{grants}}}")), Ok(Permissions::ReadOnly));
        let told = Permissions::MayTrade("ContractTrade, Wallet".into());
        assert_eq!(permissions(&format!("{{\"readOnly\":0,{grants}}}")), Ok(told));
        let told = Permissions::MayTrade("not read-only".into());
        assert_eq!(permissions(r#"{"readOnly":0}"#), Ok(told));
        assert_eq!(permissions(r#"{"readOnly":2}"#), Err(WireError::Word("readOnly")));
        assert_eq!(permissions("{}"), Err(WireError::Missing("readOnly")));
        assert_eq!(permissions(r#"{"readOnly":1,"readOnly":0}"#), Err(WireError::Shape));
    }

    #[test]
    fn requests_and_logins_are_signed_and_no_secret_shows() {
        let (keys, account) = (keys(), account());
        let speaker = Speaker { keys: Some(&keys), account: &account, now: Nanos(1_790_000_000_123 * MS) };
        let asked = page(POSITIONS, LISTS[0], "a&b");
        assert_eq!(asked.path, "/v5/position/list?category=linear&settleCoin=USDT&limit=200&cursor=a%26b");
        let signed = Unified.sign(&venue(), &asked, &speaker).unwrap();
        let text = "1790000000123canary-key-000110000category=linear&settleCoin=USDT&limit=200&cursor=a%26b";
        let expected = hex(&hmac_sha256(b"canary-secret-0001", text));
        let header = |name| signed.headers.iter().find(|(n, _)| *n == name).unwrap().1.expose();
        assert_eq!((header("x-bapi-sign"), header("x-bapi-timestamp")), (expected.as_str(), "1790000000123"));
        let mut login = Unified.login(&venue());
        let heard = login.open(&speaker).unwrap();
        let expected = hex(&hmac_sha256(b"canary-secret-0001", "GET/realtime1790000010123"));
        assert_eq!(
            heard.send,
            [format!(r#"{{"op":"auth","args":["canary-key-0001",1790000010123,"{expected}"]}}"#)]
        );
        let plans = Unified.sockets(&venue(), &account);
        assert_eq!((plans.len(), plans[0].name.as_str()), (1, "bybit/desk@private-1"));
        assert_eq!(plans[0].hello, [r#"{"op":"subscribe","args":["position","order","wallet"]}"#]);
        let shown = format!("{signed:?} {speaker:?} {plans:?}");
        assert!(!shown.contains("canary") && !shown.contains(header("x-bapi-sign")), "{shown}");
        assert!(!heard.send[0].contains("canary-secret"));
        let rsa = Keys { secret: Secret::new("-----BEGIN PRIVATE KEY-----"), ..keys.clone() };
        assert!(login.open(&Speaker { keys: Some(&rsa), ..speaker }).is_err());
    }

    /// Published test vectors of the venue are of other recipes; this one is computed apart.
    #[test]
    fn a_signature_is_hexadecimal_hmac() {
        let keys = Keys { secret: Secret::new("key"), ..keys() };
        assert_eq!(
            signature(&keys, "The quick brown fox jumps over the lazy dog").unwrap(),
            "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"
        );
    }

    #[test]
    fn a_login_ends_with_the_answer_of_the_venue() {
        let account = account();
        let speaker = Speaker { keys: None, account: &account, now: Nanos(0) };
        let mut login = Unified.login(&venue());
        assert!(login.open(&speaker).is_err(), "no key, no login");
        let mut state = |text: &str| login.hear(text.as_bytes(), &speaker).unwrap();
        let done = state(r#"{"success":true,"ret_msg":"","op":"auth","conn_id":"c"}"#);
        assert_eq!((done.state, done.is_kept), (LoginState::Done, true));
        assert_eq!(state(r#"{"op":"auth","retCode":0,"retMsg":"","connId":"c"}"#).state, LoginState::Done);
        let refused = state(r#"{"op":"auth","success":false,"retCode":10003,"retMsg":"Invalid apikey"}"#);
        assert_eq!(refused.state, LoginState::Refused("Invalid apikey".into()));
        for other in [r#"{"op":"pong"}"#, "[", ""] {
            assert_eq!(state(other), Heard::default());
        }
    }
}
