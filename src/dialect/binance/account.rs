//! The private half of Binance futures: a listen key, a socket opened with it, signed requests.
//!
//! What a key may do is told by the spot host, `rest.keys_url` of the venue file. `canTrade` of
//! `/fapi/v2/account` is about the account and true for keys that may only read too.

use serde::Deserialize;

use super::Pool;
use super::own::OwnDecoder;
use super::sign::signature;
use crate::dialect::account::{
    Account, AccountDialect, Heard, Login, LoginState, Needs, Permissions, SignError, Signed, Speaker,
};
use crate::dialect::plan;
use crate::dialect::wire::{self, Field};
use crate::dialect::{Decoder, WireError};
use crate::model::entry::RestAnswer;
use crate::model::secret::Secret;
use crate::model::venue::{ConnPlan, Method, Poll, RestRequest, VenueSpec};

/// A listen key lives 60 minutes; each half an hour it is renewed.
const KEEP_EVERY_MS: u64 = 1_800_000;
/// The request that tells what a key may do.
const KEY_INFO: &str = "/sapi/v1/account/apiRestrictions";
/// Rights that only read.
const READING: [&str; 2] = ["enableReading", "enableFixReadOnly"];
/// How late a signed request may arrive.
const RECEIVE_WINDOW_MS: u32 = 10_000;

/// Accounts with a key, HMAC or Ed25519.
#[derive(Debug)]
pub(super) struct Futures;

#[derive(Deserialize)]
#[expect(non_snake_case, reason = "the venue's own names")]
struct Ticket<'a> {
    #[serde(borrow)]
    listenKey: Field<'a>,
}

/// What is asked for, and how often in milliseconds. The socket tells neither marks nor margin. Weights
/// come to 146 of 2,400 a minute.
pub(super) fn requests(pool: Pool) -> Vec<(RestRequest, u64)> {
    let get = |path: &str, weight| RestRequest { weight, ..RestRequest::get(path) };
    match pool {
        Pool::UsdM => vec![
            (get("/fapi/v2/positionRisk", 5), 10_000),
            (get("/fapi/v3/account", 5), 10_000),
            (get("/fapi/v1/openOrders", 40), 60_000),
            (get("/fapi/v1/openAlgoOrders", 40), 60_000),
            (get("/fapi/v1/multiAssetsMargin", 30), 300_000),
        ],
        Pool::CoinM => vec![
            (get("/dapi/v1/positionRisk", 1), 10_000),
            (get("/dapi/v1/account", 5), 10_000),
            (get("/dapi/v1/openOrders", 40), 60_000),
        ],
    }
}

fn listen_key(venue: &VenueSpec, method: Method) -> RestRequest {
    let path = format!("{}/listenKey", Pool::of(venue).prefix());
    RestRequest { method, ..RestRequest::get(path) }
}

impl AccountDialect for Futures {
    fn needs(&self) -> Needs {
        Needs::Key
    }

    fn key_check(&self, venue: &VenueSpec, _account: &Account) -> Option<RestRequest> {
        venue.rest.keys_url.as_ref().map(|_| RestRequest::get(KEY_INFO))
    }

    fn permissions(&self, answer: &RestAnswer<'_>) -> Result<Permissions, WireError> {
        if answer.status != 200 {
            return Ok(Permissions::Unknown); // the refusal says why
        }
        let (mut more, mut is_told) = (Vec::new(), false);
        for row in sonic_rs::to_object_iter(wire::guarded(answer.body)?) {
            let (name, value) = row.map_err(|_| WireError::Shape)?;
            is_told |= name == READING[0];
            // A right that is newer than this list counts as one to trade.
            let is_right = name.starts_with("enable") || name.starts_with("permits");
            if is_right && !READING.contains(&&*name) && value.as_raw_str() != "false" {
                more.push(name.to_string());
            }
        }
        match (is_told, more.is_empty()) {
            (false, _) => Err(WireError::Missing(READING[0])),
            (true, true) => Ok(Permissions::ReadOnly),
            (true, false) => Ok(Permissions::MayTrade(more.join(", "))),
        }
    }

    fn ticket(&self, venue: &VenueSpec) -> Option<RestRequest> {
        Some(listen_key(venue, Method::Post))
    }

    fn read_ticket(&self, answer: &RestAnswer<'_>) -> Result<Secret, WireError> {
        let ticket: Ticket<'_> = wire::object(wire::guarded(answer.body)?)?;
        wire::required(&ticket.listenKey, "listenKey").map(Secret::new)
    }

    fn keep_ticket(&self, venue: &VenueSpec) -> Option<(RestRequest, u64)> {
        Some((listen_key(venue, Method::Put), KEEP_EVERY_MS))
    }

    fn sockets(&self, venue: &VenueSpec, account: &Account) -> Vec<ConnPlan> {
        plan::private(venue, account, |_| Vec::new()) // the listen key in the URL says it all
    }

    fn login(&self, _venue: &VenueSpec) -> Box<dyn Login> {
        Box::new(Listener)
    }

    fn polls(&self, venue: &VenueSpec, _account: &Account) -> Vec<Poll> {
        let poll = |(request, every_ms)| Poll { request, every_ms };
        requests(Pool::of(venue)).into_iter().map(poll).collect()
    }

    /// The query with its time is signed and the signature stands last. Listen keys want the key alone.
    fn sign(
        &self,
        _venue: &VenueSpec,
        request: &RestRequest,
        speaker: &Speaker<'_>,
    ) -> Result<Signed, SignError> {
        let keys = speaker.need_keys()?;
        let headers = vec![("x-mbx-apikey", keys.key.clone())];
        let mut path = request.path.clone();
        if !path.ends_with("/listenKey") {
            path.push(if path.contains('?') { '&' } else { '?' });
            let now = speaker.now.as_millis();
            path.push_str(&format!("recvWindow={RECEIVE_WINDOW_MS}&timestamp={now}"));
            let query = path.split_once('?').map_or("", |(_, query)| query);
            let signature = signature(&keys.secret, query)?;
            path.push_str("&signature=");
            path.push_str(&signature);
        }
        Ok(Signed { path, headers, body: request.body.clone() })
    }

    fn decoder(&self, venue: &VenueSpec) -> Box<dyn Decoder> {
        Box::new(OwnDecoder::new(venue))
    }
}

/// A socket that a listen key opened has nothing to prove. When the key expires the socket stays open
/// and falls silent: it has to be opened anew. The message repeats the key and goes on no tape.
struct Listener;

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow)]
    e: Field<'a>,
}

impl Login for Listener {
    fn open(&mut self, _speaker: &Speaker<'_>) -> Result<Heard, SignError> {
        Ok(Heard { state: LoginState::Done, ..Heard::default() })
    }

    fn hear(&mut self, text: &[u8], _speaker: &Speaker<'_>) -> Result<Heard, SignError> {
        let kind = wire::guarded(text).and_then(wire::object::<Kind<'_>>);
        if kind.is_ok_and(|kind| wire::word(&kind.e) == "listenKeyExpired") {
            let state = LoginState::Refused("the listen key has expired".into());
            return Ok(Heard { is_kept: true, state, ..Heard::default() });
        }
        Ok(Heard::default())
    }

    fn listens(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::model::secret::Keys;
    use crate::model::time::{MS, Nanos};

    fn venues() -> [VenueSpec; 2] {
        let read = |file, text| config::venues::read(file, text).unwrap();
        [
            read("binance-usdm", include_str!("../../../venues/binance-usdm.toml")),
            read("binance-coinm", include_str!("../../../venues/binance-coinm.toml")),
        ]
    }

    fn account() -> Account {
        Account { name: "desk".into(), address: String::new() }
    }

    #[test]
    fn the_listen_key_opens_the_socket_and_is_kept_alive() {
        for (venue, api, url) in [
            (&venues()[0], "/fapi/v1", "wss://fstream.binance.com/private/ws?listenKey={ticket}"),
            (&venues()[1], "/dapi/v1", "wss://dstream.binance.com/ws/{ticket}"),
        ] {
            let ticket = Futures.ticket(venue).unwrap();
            assert_eq!((ticket.method, ticket.path), (Method::Post, format!("{api}/listenKey")));
            let (keep, every_ms) = Futures.keep_ticket(venue).unwrap();
            assert_eq!((keep.method, every_ms), (Method::Put, 1_800_000));
            let plans = Futures.sockets(venue, &account());
            assert_eq!(plans.len(), 1);
            assert_eq!(plans[0].name, format!("{}/desk@private-1", venue.id));
            assert!(plans[0].url.starts_with(url), "{}", plans[0].url);
        }
        let read = |body: &str| {
            Futures.read_ticket(&RestAnswer { url: "/fapi/v1/listenKey", status: 200, body: body.as_bytes() })
        };
        assert_eq!(read(r#"{"listenKey":"abc123"}"#).unwrap().expose(), "abc123");
        assert_eq!(read("{}").unwrap_err(), WireError::Missing("listenKey"));
    }

    #[test]
    fn a_signature_covers_the_query_and_no_secret_shows() {
        let keys = Keys {
            key: Secret::new("canary-key-0001"),
            secret: Secret::new("canary-secret-0001"),
            passphrase: None,
        };
        let account = account();
        let speaker = Speaker { keys: Some(&keys), account: &account, now: Nanos(1_790_000_000_123 * MS) };
        let venue = &venues()[0];
        let signed =
            Futures.sign(venue, &RestRequest::get("/fapi/v1/openOrders?symbol=X"), &speaker).unwrap();
        let query = "symbol=X&recvWindow=10000&timestamp=1790000000123";
        let expected = signature(&keys.secret, query).unwrap();
        assert_eq!(signed.path, format!("/fapi/v1/openOrders?{query}&signature={expected}"));
        assert_eq!(signed.headers.len(), 1);
        assert_eq!((signed.headers[0].0, signed.headers[0].1.expose()), ("x-mbx-apikey", "canary-key-0001"));
        let ticket = Futures.sign(venue, &Futures.ticket(venue).unwrap(), &speaker).unwrap();
        assert_eq!(ticket.path, "/fapi/v1/listenKey", "the key alone");
        let shown = format!("{signed:?} {ticket:?} {speaker:?} {:?}", Futures.sockets(venue, &account));
        assert!(!shown.contains("canary"), "{shown}");
        assert!(Futures.sign(venue, &RestRequest::get("/x"), &Speaker { keys: None, ..speaker }).is_err());
    }

    #[test]
    fn an_expired_key_ends_the_session_and_stays_off_the_tape() {
        let account = account();
        let speaker = Speaker { keys: None, account: &account, now: Nanos(0) };
        let mut login = Futures.login(&venues()[0]);
        assert_eq!(login.open(&speaker).unwrap().state, LoginState::Done);
        assert!(login.listens());
        let gone = r#"{"e":"listenKeyExpired","E":"1790000000000","listenKey":"abc123"}"#;
        let heard = login.hear(gone.as_bytes(), &speaker).unwrap();
        assert!(heard.is_kept && matches!(heard.state, LoginState::Refused(_)), "{heard:?}");
        for other in [r#"{"e":"ACCOUNT_UPDATE"}"#, "[", ""] {
            assert_eq!(login.hear(other.as_bytes(), &speaker).unwrap(), Heard::default());
        }
    }

    #[test]
    fn requests_stay_below_a_tenth_of_the_budget() {
        for pool in [Pool::UsdM, Pool::CoinM] {
            let per_minute: u64 =
                requests(pool).iter().map(|(request, ms)| u64::from(request.weight) * 60_000 / ms).sum();
            assert!(per_minute <= 240, "{pool:?}: {per_minute}");
        }
    }

    /// Catches: a trading key that is taken for a reading one, a right of tomorrow that is not known yet,
    /// and an answer that says nothing taken for one that says no.
    #[test]
    fn a_key_with_any_right_but_reading_may_trade() {
        let told = |body: &str| {
            Futures.permissions(&RestAnswer { url: KEY_INFO, status: 200, body: body.as_bytes() })
        };
        let with = |more: &str| {
            told(&format!(r#"{{"ipRestrict":true,"enableReading":true,"enableFixReadOnly":true{more}}}"#))
        };
        assert_eq!(with(r#","enableFutures":false"#), Ok(Permissions::ReadOnly));
        assert_eq!(with(r#","enableFutures":true"#), Ok(Permissions::MayTrade("enableFutures".into())));
        let moves = Permissions::MayTrade("permitsUniversalTransfer, enableWhatever".into());
        assert_eq!(with(r#","permitsUniversalTransfer":true,"enableWhatever":1"#), Ok(moves));
        let twice = Permissions::MayTrade("enableMargin".into());
        assert_eq!(with(r#","enableMargin":true,"enableMargin":false"#), Ok(twice));
        assert_eq!(told("{}"), Err(WireError::Missing("enableReading")));
        assert!(told("[]").is_err() && told("").is_err());
    }
}
