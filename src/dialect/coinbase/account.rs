//! The private half of Coinbase: a CDP key with permission to view.
//!
//! Every request and every subscription carries its own token. The `user` channel tells orders and
//! positions, `futures_balance_summary` the money; REST tells all of it whole. A refused token is a
//! message of type `error`, after which the socket says nothing more.

use serde::Deserialize;
use sonic_rs::JsonValueTrait;

use super::jwt::token;
use super::messages::Frame;
use super::own::OwnDecoder;
use crate::dialect::account::{
    Account, AccountDialect, Heard, Login, LoginState, Needs, Permissions, SignError, Signed, Speaker,
};
use crate::dialect::plan;
use crate::dialect::wire::{self, Field, quoted};
use crate::dialect::{Decoder, WireError};
use crate::model::entry::RestAnswer;
use crate::model::secret::Secret;
use crate::model::venue::{ConnPlan, Poll, RestRequest, VenueSpec};

/// What the key may do.
const PERMISSIONS: &str = "/api/v3/brokerage/key_permissions";
/// Own positions; one stands below it.
pub(super) const POSITIONS: &str = "/api/v3/brokerage/cfm/positions";
/// Money and margin.
pub(super) const BALANCE: &str = "/api/v3/brokerage/cfm/balance_summary";
/// Own orders: `batch`, or one by its id.
pub(super) const ORDERS: &str = "/api/v3/brokerage/orders/historical/";
/// Channels of the user socket; the heartbeats keep it open.
const CHANNELS: [&str; 3] = ["user", "futures_balance_summary", "heartbeats"];

/// What a key may do, as the venue tells it.
#[derive(Deserialize)]
struct Flags<'a> {
    #[serde(borrow)]
    can_view: Field<'a>,
    #[serde(borrow)]
    can_trade: Field<'a>,
    #[serde(borrow)]
    can_transfer: Field<'a>,
}

/// Accounts with a CDP key.
#[derive(Debug)]
pub(super) struct Cdp;

/// What is asked for, and how often in milliseconds. Liquidation prices and margin come over REST only.
pub(super) fn requests() -> [(RestRequest, u64); 3] {
    [(RestRequest::get(POSITIONS), 5_000), (RestRequest::get(BALANCE), 10_000), (orders(""), 20_000)]
}

/// Orders that rest, from this cursor on.
pub(super) fn orders(cursor: &str) -> RestRequest {
    let mut path = format!("{ORDERS}batch?order_status=OPEN&product_type=FUTURE");
    if !cursor.is_empty() {
        path.push_str("&cursor=");
        for byte in cursor.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                    path.push(char::from(byte));
                }
                _ => path.push_str(&format!("%{byte:02X}")),
            }
        }
    }
    RestRequest::get(path)
}

impl AccountDialect for Cdp {
    fn needs(&self) -> Needs {
        Needs::Key
    }

    fn key_check(&self, _venue: &VenueSpec, _account: &Account) -> Option<RestRequest> {
        Some(RestRequest::get(PERMISSIONS))
    }

    fn permissions(&self, answer: &RestAnswer<'_>) -> Result<Permissions, WireError> {
        let flags: Flags<'_> = wire::object(wire::guarded(answer.body)?)?;
        let is_set = |flag: &Field<'_>, name: &'static str| match flag.as_ref().map(wire::Raw::json) {
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(_) => Err(WireError::Word(name)),
            None => Err(WireError::Missing(name)),
        };
        let mut may = Vec::new();
        for (flag, name) in [(&flags.can_trade, "can_trade"), (&flags.can_transfer, "can_transfer")] {
            if is_set(flag, name)? {
                may.push(name);
            }
        }
        if !may.is_empty() {
            return Ok(Permissions::MayTrade(may.join(", ")));
        }
        let reads = is_set(&flags.can_view, "can_view")?;
        Ok(if reads { Permissions::ReadOnly } else { Permissions::Unknown })
    }

    fn sockets(&self, venue: &VenueSpec, account: &Account) -> Vec<ConnPlan> {
        plan::private(venue, account, |_| Vec::new()) // every subscription needs a token: the login makes them
    }

    fn login(&self, _venue: &VenueSpec) -> Box<dyn Login> {
        Box::new(Subscriptions)
    }

    fn polls(&self, _venue: &VenueSpec, _account: &Account) -> Vec<Poll> {
        requests().into_iter().map(|(request, every_ms)| Poll { request, every_ms }).collect()
    }

    fn sign(
        &self,
        venue: &VenueSpec,
        request: &RestRequest,
        speaker: &Speaker<'_>,
    ) -> Result<Signed, SignError> {
        let host = venue.rest.url.split_once("://").map_or(venue.rest.url.as_str(), |(_, host)| host);
        let path = request.path.split_once('?').map_or(request.path.as_str(), |(path, _)| path);
        let token = token(speaker, Some(&format!("{} {host}{path}", request.method.word())))?;
        let bearer = Secret::new(format!("Bearer {}", token.expose()));
        Ok(Signed {
            path: request.path.clone(),
            headers: vec![("authorization", bearer)],
            body: request.body.clone(),
        })
    }

    fn decoder(&self, venue: &VenueSpec) -> Box<dyn Decoder> {
        Box::new(OwnDecoder::new(venue))
    }
}

/// Subscribes with a token each; done when the venue lists the `user` channel.
///
/// Its answers go on the tape: they hold no secret, and their numbers count.
struct Subscriptions;

impl Login for Subscriptions {
    fn open(&mut self, speaker: &Speaker<'_>) -> Result<Heard, SignError> {
        let ask = |channel: &str| {
            let token = token(speaker, None)?;
            Ok(format!(r#"{{"type":"subscribe","channel":"{channel}","jwt":{}}}"#, quoted(token.expose())))
        };
        let send = CHANNELS.into_iter().map(ask).collect::<Result<_, SignError>>()?;
        Ok(Heard { send, ..Heard::default() })
    }

    fn hear(&mut self, text: &[u8], _speaker: &Speaker<'_>) -> Result<Heard, SignError> {
        let frame = wire::guarded(text).and_then(wire::object::<Frame<'_>>);
        let Ok(frame) = frame else { return Ok(Heard::default()) };
        let state = match (&*wire::word(&frame.channel), &*wire::word(&frame.kind)) {
            ("", "error") => LoginState::Refused(wire::word(&frame.message).into_owned()),
            ("subscriptions", _) if lists_user(&frame) => LoginState::Done,
            _ => LoginState::Same,
        };
        Ok(Heard { state, ..Heard::default() })
    }
}

fn lists_user(frame: &Frame<'_>) -> bool {
    let events = frame.events.as_ref().map_or("[]", wire::Raw::json);
    let Ok(events) = wire::parse::<sonic_rs::Value>(events) else { return false };
    events.get(0).and_then(|event| event.get("subscriptions")).is_some_and(|s| s.get("user").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::dialect::coinbase::jwt::tests::pem_of_the_rfc;
    use crate::model::secret::Keys;
    use crate::model::time::Nanos;

    const KEY: &str = "organizations/o/apiKeys/k";

    fn venue() -> VenueSpec {
        config::venues::read("coinbase-us", include_str!("../../../venues/coinbase-us.toml")).unwrap()
    }

    fn account() -> Account {
        Account { name: "desk".into(), address: String::new() }
    }

    fn permissions(body: &str) -> Result<Permissions, WireError> {
        Cdp.permissions(&RestAnswer { url: PERMISSIONS, status: 200, body: body.as_bytes() })
    }

    #[test]
    fn a_key_that_may_do_more_than_read_is_told() {
        let body = |trade, transfer| {
            format!(
                r#"{{"can_view":true,"can_trade":{trade},"can_transfer":{transfer},"portfolio_uuid":"p","portfolio_type":"DEFAULT"}}"#
            )
        };
        assert_eq!(permissions(&body(false, false)), Ok(Permissions::ReadOnly));
        assert_eq!(permissions(&body(true, false)), Ok(Permissions::MayTrade("can_trade".into())));
        assert_eq!(
            permissions(&body(true, true)),
            Ok(Permissions::MayTrade("can_trade, can_transfer".into()))
        );
        assert_eq!(permissions(r#"{"can_view":true}"#), Err(WireError::Missing("can_trade")));
        let twice = r#"{"can_view":true,"can_trade":false,"can_transfer":false,"can_trade":true}"#;
        assert_eq!(permissions(twice), Err(WireError::Shape), "nobody can say which one counts");
        assert_eq!(permissions("[]"), Err(WireError::Shape));
    }

    #[test]
    fn every_subscription_carries_its_own_token_and_no_secret_shows() {
        let pem = pem_of_the_rfc();
        let keys = Keys { key: Secret::new(KEY), secret: pem.clone(), passphrase: None };
        let account = account();
        let speaker = Speaker { keys: Some(&keys), account: &account, now: Nanos(1_790_000_000_000_000_000) };
        let plans = Cdp.sockets(&venue(), &account);
        assert_eq!((plans.len(), plans[0].name.as_str()), (1, "coinbase-us/desk@user-1"));
        let mut login = Cdp.login(&venue());
        let heard = login.open(&speaker).unwrap();
        assert_eq!((heard.send.len(), &heard.state), (3, &LoginState::Same));
        assert!(heard.send[0].starts_with(r#"{"type":"subscribe","channel":"user","jwt":"ey"#));
        assert_ne!(heard.send[0].split("jwt").nth(1), heard.send[1].split("jwt").nth(1));
        let signed = Cdp.sign(&venue(), &orders("a b&c"), &speaker).unwrap();
        assert!(signed.path.ends_with("product_type=FUTURE&cursor=a%20b%26c"), "{}", signed.path);
        let shown = format!("{signed:?} {keys:?} {speaker:?} {plans:?}");
        let key_text = pem.expose().lines().nth(1).unwrap();
        assert!(!shown.contains("eyJ") && !shown.contains(key_text) && !shown.contains(KEY), "{shown}");
        assert!(heard.send.iter().all(|text| !text.contains(key_text)));
    }

    #[test]
    fn a_login_ends_with_the_answer_of_the_venue() {
        let account = account();
        let speaker = Speaker { keys: None, account: &account, now: Nanos(0) };
        let mut login = Cdp.login(&venue());
        assert!(login.open(&speaker).is_err(), "no key, no token");
        let mut state = |text: &str| login.hear(text.as_bytes(), &speaker).unwrap();
        let beats = r#"{"channel":"subscriptions","sequence_num":0,"events":[{"subscriptions":{"heartbeats":["heartbeats"]}}]}"#;
        assert_eq!(state(beats).state, LoginState::Same);
        let user =
            r#"{"channel":"subscriptions","sequence_num":1,"events":[{"subscriptions":{"user":["u-1"]}}]}"#;
        assert_eq!(state(user), Heard { state: LoginState::Done, ..Heard::default() });
        let refused = state(r#"{"type":"error","message":"authentication failure"}"#);
        assert_eq!(refused.state, LoginState::Refused("authentication failure".into()));
        assert_eq!(state("[[").state, LoginState::Same);
    }
}
