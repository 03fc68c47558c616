//! Deribit's private half: login by signature, private channels, signed requests.
//!
//! * Login: `public/auth` with `client_signature` on the socket, scope `connection`: the answer holds tokens
//!   and stays off the tape. It lists what the key may do; anything with `read_write` is refused. The
//!   session is renewed by a new signature before it expires.
//! * Positions come with `user.changes` when they change, and by request for their mark.
//! * Orders entered through the venue's binary gateway (Starbase) are in no answer and no channel; their
//!   positions are.

use super::messages::Frame;
use super::own::OwnDecoder;
use super::{SET_HEARTBEAT, request};
use crate::dialect::account::{
    Account, AccountDialect, Heard, Login, LoginState, Needs, Permissions, SignError, Signed, Speaker,
};
use crate::dialect::plan;
use crate::dialect::sign::{hex, hmac_sha256};
use crate::dialect::wire::{self, Field};
use crate::dialect::{Decoder, WireError};
use crate::model::entry::RestAnswer;
use crate::model::secret::{Keys, Secret};
use crate::model::time::{Nanos, SECOND};
use crate::model::venue::{ConnPlan, Poll, RestRequest, VenueSpec};

/// Id of the login and of its renewals.
const AUTH_ID: i64 = 4;
/// Cadence of positions, whose marks come with no push.
const POSITIONS_EVERY_MS: u64 = 5_000;
/// Cadence of balances and margin: they are pushed too.
const SUMMARIES_EVERY_MS: u64 = 15_000;
/// Cadence of open orders: they are pushed too.
const ORDERS_EVERY_MS: u64 = 30_000;

/// The private half.
#[derive(Debug)]
pub(super) struct DeribitAccount;

impl AccountDialect for DeribitAccount {
    fn needs(&self) -> Needs {
        Needs::Key
    }

    /// The login tells.
    fn key_check(&self, _venue: &VenueSpec, _account: &Account) -> Option<RestRequest> {
        None
    }

    fn permissions(&self, _answer: &RestAnswer<'_>) -> Result<Permissions, WireError> {
        Ok(Permissions::Unknown)
    }

    fn sockets(&self, venue: &VenueSpec, account: &Account) -> Vec<ConnPlan> {
        let channels = ["user.changes.any.any.raw".to_string(), "user.portfolio.any".to_string()];
        let hello = |_: &_| vec![SET_HEARTBEAT.to_string(), request("private/subscribe", &channels)];
        plan::private(venue, account, hello)
    }

    fn login(&self, _venue: &VenueSpec) -> Box<dyn Login> {
        Box::new(DeribitLogin { renew_at: None })
    }

    fn polls(&self, _venue: &VenueSpec, _account: &Account) -> Vec<Poll> {
        let poll = |path: &str, every_ms| Poll { request: RestRequest::get(path), every_ms };
        vec![
            poll("/api/v2/private/get_positions?currency=any", POSITIONS_EVERY_MS),
            poll("/api/v2/private/get_account_summaries", SUMMARIES_EVERY_MS),
            poll("/api/v2/private/get_open_orders", ORDERS_EVERY_MS),
        ]
    }

    fn sign(
        &self,
        _venue: &VenueSpec,
        request: &RestRequest,
        speaker: &Speaker<'_>,
    ) -> Result<Signed, SignError> {
        let keys = speaker.need_keys()?;
        let (ts, nonce) = (speaker.now.as_millis(), nonce(speaker.now));
        let body = request.body.as_deref().unwrap_or_default();
        let text = format!("{ts}\n{nonce}\n{}\n{}\n{body}\n", request.method.word(), request.path);
        let sig = signature(keys, &text);
        let id = keys.key.expose();
        let header = format!("deri-hmac-sha256 id={id},ts={ts},nonce={nonce},sig={sig}");
        Ok(Signed {
            path: request.path.clone(),
            headers: vec![("authorization", Secret::new(header))],
            body: request.body.clone(),
        })
    }

    fn decoder(&self, venue: &VenueSpec) -> Box<dyn Decoder> {
        Box::new(OwnDecoder::new(venue))
    }
}

fn signature(keys: &Keys, text: &str) -> String {
    hex(&hmac_sha256(keys.secret.expose().as_bytes(), text))
}

/// Differs from call to call, which is all a nonce must do.
fn nonce(now: Nanos) -> String {
    format!("{:x}", now.0)
}

/// The login of one socket.
#[derive(Debug)]
struct DeribitLogin {
    /// When to sign again.
    renew_at: Option<Nanos>,
}

#[derive(serde::Deserialize)]
struct Granted<'a> {
    #[serde(borrow)]
    scope: Field<'a>,
    /// Seconds.
    #[serde(borrow)]
    expires_in: Field<'a>,
}

impl Login for DeribitLogin {
    fn open(&mut self, speaker: &Speaker<'_>) -> Result<Heard, SignError> {
        Ok(Heard { send: vec![auth(speaker)?], ..Heard::default() })
    }

    fn hear(&mut self, text: &[u8], speaker: &Speaker<'_>) -> Result<Heard, SignError> {
        if let Some(heard) = self.answer(text, speaker.now) {
            return Ok(heard);
        }
        if self.renew_at.is_some_and(|at| speaker.now >= at) {
            self.renew_at = None; // its answer sets it again
            return Ok(Heard { send: vec![auth(speaker)?], ..Heard::default() });
        }
        Ok(Heard::default())
    }

    fn listens(&self) -> bool {
        true
    }
}

impl DeribitLogin {
    /// What the answer to a login says; `None` for any other message.
    fn answer(&mut self, text: &[u8], now: Nanos) -> Option<Heard> {
        let frame: Frame<'_> = wire::object(wire::guarded(text).ok()?).ok()?;
        if wire::integer(&frame.id, "id").ok()? != Some(AUTH_ID) {
            return None;
        }
        let state = match frame.fault() {
            Some(words) => LoginState::Refused(words),
            None => match frame.result().and_then(wire::object::<Granted<'_>>) {
                Ok(granted) => self.granted(&granted, now),
                Err(_) => LoginState::Refused("the answer to the login cannot be read".into()),
            },
        };
        Some(Heard { is_kept: true, send: Vec::new(), state })
    }

    fn granted(&mut self, granted: &Granted<'_>, now: Nanos) -> LoginState {
        let scope = wire::word(&granted.scope);
        if scope.is_empty() {
            return LoginState::Refused("the venue does not tell what the key may do".into());
        }
        let may: Vec<&str> = scope.split_whitespace().filter(|word| word.ends_with(":read_write")).collect();
        if !may.is_empty() {
            return LoginState::MayTrade(may.join(" "));
        }
        // A fifth of the time is left for the renewal.
        let lives_s = wire::integer(&granted.expires_in, "expires_in").ok().flatten();
        self.renew_at = lives_s.map(|s| now.plus(s.saturating_mul(SECOND) / 5 * 4));
        LoginState::Done
    }
}

fn auth(speaker: &Speaker<'_>) -> Result<String, SignError> {
    let keys = speaker.need_keys()?;
    let (ts, nonce) = (speaker.now.as_millis(), nonce(speaker.now));
    let signature = signature(keys, &format!("{ts}\n{nonce}\n"));
    let id = wire::quoted(keys.key.expose());
    Ok(format!(
        r#"{{"jsonrpc":"2.0","id":{AUTH_ID},"method":"public/auth","params":{{"grant_type":"client_signature","client_id":{id},"timestamp":{ts},"nonce":"{nonce}","data":"","signature":"{signature}","scope":"connection"}}}}"#
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn venue() -> VenueSpec {
        config::venues::read("deribit", include_str!("../../../venues/deribit.toml")).unwrap()
    }

    fn desk() -> (Keys, Account) {
        let keys =
            Keys { key: Secret::new("AMANDA"), secret: Secret::new("AMANDASECRECT"), passphrase: None };
        (keys, Account { name: "desk".into(), address: String::new() })
    }

    fn with<R>(now_ms: i64, f: impl FnOnce(&Speaker<'_>) -> R) -> R {
        let (keys, account) = desk();
        f(&Speaker { keys: Some(&keys), account: &account, now: Nanos::from_millis(now_ms) })
    }

    /// The venue's own example (authentication article): client `AMANDA`, secret `AMANDASECRECT`,
    /// timestamp 1576074319000, nonce `1iqt2wls`, no data.
    #[test]
    fn the_signature_is_that_of_the_venues_example() {
        let (keys, _) = desk();
        assert_eq!(
            signature(&keys, "1576074319000\n1iqt2wls\n"),
            "56590594f97921b09b18f166befe0d1319b198bbcdad7ca73382de2f88fe9aa1"
        );
    }

    #[test]
    fn a_request_is_signed_over_method_path_and_body() {
        let request = RestRequest::get("/api/v2/private/get_positions?currency=any");
        let signed = with(1_790_000_000_000, |s| DeribitAccount.sign(&venue(), &request, s).unwrap());
        let (keys, _) = desk();
        let nonce = nonce(Nanos::from_millis(1_790_000_000_000));
        let text = format!("1790000000000\n{nonce}\nGET\n/api/v2/private/get_positions?currency=any\n\n");
        let sig = signature(&keys, &text);
        assert_eq!(
            signed.headers[0].1.expose(),
            format!("deri-hmac-sha256 id=AMANDA,ts=1790000000000,nonce={nonce},sig={sig}")
        );
        assert_eq!(signed.path, request.path);
    }

    #[test]
    fn a_key_that_may_trade_is_refused_and_one_that_reads_is_renewed() {
        let mut login = DeribitLogin { renew_at: None };
        let granted = |scope: &str| {
            format!(
                r#"{{"jsonrpc":"2.0","id":4,"result":{{"access_token":"T","refresh_token":"R","expires_in":900,"scope":"{scope}","token_type":"bearer"}}}}"#
            )
        };
        let trades = granted("connection account:read trade:read_write wallet:none");
        let heard = with(0, |s| login.hear(trades.as_bytes(), s).unwrap());
        assert_eq!(heard.state, LoginState::MayTrade("trade:read_write".into()));
        assert!(heard.is_kept, "tokens go on no tape");
        let reads = granted("connection mainaccount account:read trade:read wallet:none");
        let heard = with(0, |s| login.hear(reads.as_bytes(), s).unwrap());
        assert_eq!((heard.state, heard.is_kept), (LoginState::Done, true));
        let other = br#"{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"heartbeat"}}"#;
        assert_eq!(with(719_000, |s| login.hear(other, s).unwrap()), Heard::default());
        let again = with(720_000, |s| login.hear(other, s).unwrap());
        assert!(again.send[0].contains("public/auth") && !again.is_kept);
        assert_eq!(with(721_000, |s| login.hear(other, s).unwrap()), Heard::default(), "once");
    }

    #[test]
    fn a_refusal_has_the_venues_words() {
        let mut login = DeribitLogin { renew_at: None };
        let text = br#"{"jsonrpc":"2.0","id":4,"error":{"code":13004,"message":"invalid_credentials"}}"#;
        let heard = with(0, |s| login.hear(text, s).unwrap());
        assert_eq!(heard.state, LoginState::Refused("13004 invalid_credentials".into()));
    }

    #[test]
    fn no_text_holds_the_secret() {
        let (keys, account) = desk();
        let request = RestRequest::get("/api/v2/private/get_open_orders");
        with(1_790_000_000_000, |speaker| {
            let signed = DeribitAccount.sign(&venue(), &request, speaker).unwrap();
            let mut login = DeribitLogin { renew_at: None };
            let opened = login.open(speaker).unwrap();
            let plans = DeribitAccount.sockets(&venue(), &account);
            let shown = format!("{speaker:?} {signed:?} {opened:?} {login:?} {plans:?} {keys:?}");
            assert!(!shown.contains("AMANDASECRECT"), "{shown}");
            assert_eq!(plans[0].name, "deribit/desk@private-1");
        });
    }
}
