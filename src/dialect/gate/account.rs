//! The private half of Gate: signed requests, and channels that are signed one by one.
//!
//! There is no login. Each private subscription carries the key and
//! `hex(HMAC-SHA512(secret, "channel=…&event=…&time=…"))`; a request carries the same of
//! `METHOD\npath\nquery\nhex(SHA-512(body))\ntime`. What a key may do is not told by any request known here.
//! Dated contracts have no private channels and are not asked for.

use super::messages::Frame;
use super::{own, place};
use crate::dialect::account::{
    Account, AccountDialect, Heard, Login, LoginState, Needs, Permissions, SignError, Signed, Speaker,
};
use crate::dialect::plan::{self, serves};
use crate::dialect::wire::{self, quoted};
use crate::dialect::{Decoder, WireError, sign};
use crate::model::Nanos;
use crate::model::entry::RestAnswer;
use crate::model::secret::{Keys, Secret};
use crate::model::venue::{ConnPlan, Endpoint, Poll, RestRequest, VenueSpec};

/// How often everything is asked for where the venue file says nothing: pushes come in between.
const EVERY_MS: u64 = 10_000;

/// Private channels, and whether their payload names contracts beside the user.
const CHANNELS: [(&str, bool); 3] =
    [("futures.positions", true), ("futures.orders", true), ("futures.balances", false)];

/// The private half.
#[derive(Debug)]
pub(super) struct GateAccount;

impl AccountDialect for GateAccount {
    fn needs(&self) -> Needs {
        Needs::Key
    }

    fn key_check(&self, _venue: &VenueSpec, _account: &Account) -> Option<RestRequest> {
        None
    }

    fn permissions(&self, _answer: &RestAnswer<'_>) -> Result<Permissions, WireError> {
        Ok(Permissions::Unknown)
    }

    fn sockets(&self, venue: &VenueSpec, account: &Account) -> Vec<ConnPlan> {
        plan::private(venue, account, |_| Vec::new()) // the login subscribes
    }

    fn login(&self, _venue: &VenueSpec) -> Box<dyn Login> {
        Box::new(Subscribing { open: Vec::new() })
    }

    fn polls(&self, venue: &VenueSpec, _account: &Account) -> Vec<Poll> {
        let told = venue.channels.get("account").map_or(0, |c| c.poll_ms);
        let every_ms = if told > 0 { told } else { EVERY_MS };
        let paths = |e: &Endpoint| {
            let home = place::of_endpoint(&e.name);
            ["accounts".to_string(), "positions".to_string(), own::open_orders()]
                .map(|what| Poll { request: RestRequest::get(format!("{home}/{what}")), every_ms })
        };
        venue.endpoints.iter().filter(|e| serves(e, "account")).flat_map(paths).collect()
    }

    fn sign(
        &self,
        _venue: &VenueSpec,
        request: &RestRequest,
        speaker: &Speaker<'_>,
    ) -> Result<Signed, SignError> {
        let keys = speaker.need_keys()?;
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let time = seconds(speaker.now);
        let digest = sign::hex(&sign::sha512(request.body.as_deref().unwrap_or_default().as_bytes()));
        let text = format!("{}\n{path}\n{query}\n{digest}\n{time}", request.method.word());
        let headers = vec![
            ("key", keys.key.clone()),
            ("timestamp", Secret::new(time.to_string())),
            ("sign", Secret::new(signature(keys, &text))),
        ];
        Ok(Signed { path: request.path.clone(), headers, body: request.body.clone() })
    }

    fn decoder(&self, venue: &VenueSpec) -> Box<dyn Decoder> {
        Box::new(own::OwnDecoder::new(venue))
    }
}

const fn seconds(now: Nanos) -> i64 {
    now.as_millis().div_euclid(1_000)
}

fn signature(keys: &Keys, text: &str) -> String {
    sign::hex(&sign::hmac_sha512(keys.secret.expose().as_bytes(), text.as_bytes()))
}

/// Subscribes to every private channel and waits until all are open.
#[derive(Debug)]
struct Subscribing {
    /// Channels that the venue has opened.
    open: Vec<&'static str>,
}

impl Login for Subscribing {
    fn open(&mut self, speaker: &Speaker<'_>) -> Result<Heard, SignError> {
        self.open.clear();
        let send = CHANNELS.iter().map(|(channel, by_contract)| subscribe(channel, *by_contract, speaker));
        Ok(Heard { send: send.collect::<Result<_, _>>()?, ..Heard::default() })
    }

    fn hear(&mut self, text: &[u8], _speaker: &Speaker<'_>) -> Result<Heard, SignError> {
        let frame = wire::guarded(text).and_then(wire::object::<Frame<'_>>);
        let Ok(frame) = frame else { return Ok(Heard::default()) }; // the decoder says what is wrong
        let channel = wire::word(&frame.channel);
        let known = CHANNELS.iter().find(|(name, _)| *name == channel);
        let Some((name, _)) = known.filter(|_| wire::word(&frame.event) == "subscribe") else {
            return Ok(Heard::default());
        };
        let state = match frame.refusal() {
            Some(words) => LoginState::Refused(words),
            None => {
                if !self.open.contains(name) {
                    self.open.push(name);
                }
                if self.open.len() == CHANNELS.len() { LoginState::Done } else { LoginState::Same }
            }
        };
        Ok(Heard { is_kept: true, send: Vec::new(), state })
    }
}

/// A signed subscription. The user id must be there but counts no longer: the key tells.
fn subscribe(channel: &str, by_contract: bool, speaker: &Speaker<'_>) -> Result<String, SignError> {
    let keys = speaker.need_keys()?;
    let time = seconds(speaker.now);
    let user = if speaker.account.address.is_empty() { "0" } else { &speaker.account.address };
    let payload = if by_contract { format!("{},\"!all\"", quoted(user)) } else { quoted(user) };
    let sign = signature(keys, &format!("channel={channel}&event=subscribe&time={time}"));
    Ok(format!(
        r#"{{"time":{time},"channel":"{channel}","event":"subscribe","payload":[{payload}],"auth":{{"method":"api_key","KEY":{},"SIGN":"{sign}"}}}}"#,
        quoted(keys.key.expose())
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn venue() -> VenueSpec {
        config::venues::read("gate", include_str!("../../../venues/gate.toml")).unwrap()
    }

    fn keys() -> Keys {
        Keys { key: Secret::new("key"), secret: Secret::new("secret"), passphrase: None }
    }

    fn desk() -> Account {
        Account { name: "desk".into(), address: String::new() }
    }

    /// The worked example of the venue's REST documentation.
    #[test]
    fn requests_are_signed_as_documented() {
        let (keys, account) = (keys(), desk());
        let now = Nanos::from_millis(1_541_993_715_000);
        let speaker = Speaker { keys: Some(&keys), account: &account, now };
        let request = RestRequest::get("/api/v4/futures/orders?contract=BTC_USD&status=finished&limit=50");
        let signed = GateAccount.sign(&venue(), &request, &speaker).unwrap();
        let header = |name| signed.headers.iter().find(|(n, _)| *n == name).unwrap().1.expose();
        assert_eq!((header("key"), header("timestamp")), ("key", "1541993715"));
        assert_eq!(
            header("sign"),
            "55f84ea195d6fe57ce62464daaa7c3c02fa9d1dde954e4c898289c9a2407a3d6\
             fb3faf24deff16790d726b66ac9f74526668b13bd01029199cc4fcc522418b8a"
        );
        assert_eq!(signed.path, request.path, "the signature stands in no path");
        assert!(!format!("{signed:?}").contains("55f84ea1"));
    }

    /// Computed apart from this program with the documented text.
    #[test]
    fn subscriptions_are_signed_one_by_one() {
        let (keys, account) = (keys(), desk());
        let now = Nanos::from_millis(1_545_459_681_999);
        let speaker = Speaker { keys: Some(&keys), account: &account, now };
        let heard = GateAccount.login(&venue()).open(&speaker).unwrap();
        assert_eq!(heard.send.len(), 3);
        assert_eq!(
            heard.send[1],
            "{\"time\":1545459681,\"channel\":\"futures.orders\",\"event\":\"subscribe\",\"payload\":[\"0\",\"!all\"],\
             \"auth\":{\"method\":\"api_key\",\"KEY\":\"key\",\"SIGN\":\"2125b0fdc590b943a2d4bc93dde88d446b0cce20a0d9575168c24a01984cf172\
             707946fc9b639ce99923441bae5184d639f7b1642bf8ac795034331c65ec21d2\"}}"
        );
        assert!(heard.send[2].contains(r#""payload":["0"]"#), "{}", heard.send[2]);
    }

    #[test]
    fn the_login_is_done_when_every_channel_is_open() {
        let (keys, account) = (keys(), desk());
        let speaker = Speaker { keys: Some(&keys), account: &account, now: Nanos(0) };
        let ack = |channel: &str| {
            format!(r#"{{"channel":"{channel}","event":"subscribe","result":{{"status":"success"}}}}"#)
        };
        let mut login = GateAccount.login(&venue());
        login.open(&speaker).unwrap();
        let data = r#"{"channel":"futures.orders","event":"update","result":[]}"#;
        assert_eq!(login.hear(data.as_bytes(), &speaker).unwrap(), Heard::default(), "data goes on the tape");
        for channel in ["futures.positions", "futures.orders", "futures.orders"] {
            let heard = login.hear(ack(channel).as_bytes(), &speaker).unwrap();
            assert_eq!((heard.is_kept, heard.state), (true, LoginState::Same));
        }
        let heard = login.hear(ack("futures.balances").as_bytes(), &speaker).unwrap();
        assert_eq!(heard.state, LoginState::Done);
        let refused = r#"{"channel":"futures.orders","event":"subscribe","error":{"code":4,"message":"bad sign"},"result":{"status":"fail"}}"#;
        let heard = login.hear(refused.as_bytes(), &speaker).unwrap();
        assert_eq!(heard.state, LoginState::Refused("bad sign".into()));
    }

    #[test]
    fn no_text_holds_the_secret() {
        let keys = Keys { secret: Secret::new("hunter2"), ..keys() };
        let account = desk();
        let speaker = Speaker { keys: Some(&keys), account: &account, now: Nanos(0) };
        let signed = GateAccount.sign(&venue(), &RestRequest::get("/api/v4/x"), &speaker).unwrap();
        let heard = GateAccount.login(&venue()).open(&speaker).unwrap();
        assert!(!format!("{speaker:?} {signed:?} {heard:?}").contains("hunter2"));
        assert!(GateAccount.login(&venue()).open(&Speaker { keys: None, ..speaker }).is_err());
    }

    #[test]
    fn each_coin_has_its_socket_and_polls() {
        let (venue, account) = (venue(), desk());
        let names: Vec<String> = GateAccount.sockets(&venue, &account).into_iter().map(|p| p.name).collect();
        assert_eq!(names, ["gate/desk@usdt-1", "gate/desk@btc-1"]);
        let paths: Vec<String> =
            GateAccount.polls(&venue, &account).into_iter().map(|p| p.request.path).collect();
        assert_eq!(paths[2], "/api/v4/futures/usdt/orders?status=open&limit=100");
        assert_eq!(paths.len(), 6);
    }
}
