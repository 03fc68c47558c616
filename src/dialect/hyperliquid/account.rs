//! Accounts at Hyperliquid: everything about an address is public. There is nothing to sign.
//!
//! Messages about orders and events do not say whose they are: one address for each socket. The venue
//! serves at most 10 addresses and 10 sockets to one address of the internet. An address that only signs
//! for another one (an agent) owns nothing; its role is asked for and said.

use super::own::OwnDecoder;
use super::{LIGHT, WEIGHT, info};
use crate::dialect::account::{
    Account, AccountDialect, Login, Needs, NoLogin, Permissions, SignError, Signed, Speaker,
};
use crate::dialect::plan;
use crate::dialect::wire::quoted;
use crate::dialect::{Decoder, WireError};
use crate::model::entry::RestAnswer;
use crate::model::venue::{ConnPlan, Poll, RestRequest, VenueSpec};

/// Pushes may stop without a word: the state is asked for as well.
const STATE_EVERY_MS: u64 = 30_000;
/// Orders weigh ten times as much.
const ORDERS_EVERY_MS: u64 = 60_000;
/// Collaterals and the role of an address change rarely.
const TERMS_EVERY_MS: u64 = 3_600_000;
/// Weight of the role of an address.
const ROLE_WEIGHT: u32 = 60;
/// Streams of one address.
const STREAMS: [&str; 4] = ["allDexsClearinghouseState", "openOrders", "orderUpdates", "userEvents"];

/// The private half.
#[derive(Debug)]
pub(super) struct ByAddress;

impl AccountDialect for ByAddress {
    fn needs(&self) -> Needs {
        Needs::Address
    }

    fn key_check(&self, _venue: &VenueSpec, _account: &Account) -> Option<RestRequest> {
        None
    }

    fn permissions(&self, _answer: &RestAnswer<'_>) -> Result<Permissions, WireError> {
        Ok(Permissions::ReadOnly) // there is no key
    }

    fn sockets(&self, venue: &VenueSpec, account: &Account) -> Vec<ConnPlan> {
        let user = quoted(&account.address);
        let subscribe = |kind: &str| {
            format!(r#"{{"method":"subscribe","subscription":{{"type":"{kind}","user":{user}}}}}"#)
        };
        plan::private(venue, account, |_| STREAMS.map(subscribe).into())
    }

    fn login(&self, _venue: &VenueSpec) -> Box<dyn Login> {
        Box::new(NoLogin)
    }

    fn polls(&self, _venue: &VenueSpec, account: &Account) -> Vec<Poll> {
        let user = format!(r#","user":{}"#, quoted(&account.address));
        let poll = |request, every_ms| Poll { request, every_ms };
        vec![
            poll(info("spotMeta", "", WEIGHT), TERMS_EVERY_MS),
            poll(info("allPerpMetas", "", WEIGHT), TERMS_EVERY_MS),
            poll(info("userRole", &user, ROLE_WEIGHT), TERMS_EVERY_MS),
            poll(info("clearinghouseState", &user, LIGHT), STATE_EVERY_MS),
            poll(info("frontendOpenOrders", &user, WEIGHT), ORDERS_EVERY_MS),
        ]
    }

    fn sign(
        &self,
        _venue: &VenueSpec,
        request: &RestRequest,
        _speaker: &Speaker<'_>,
    ) -> Result<Signed, SignError> {
        Ok(Signed { path: request.path.clone(), headers: Vec::new(), body: request.body.clone() })
    }

    fn decoder(&self, venue: &VenueSpec) -> Box<dyn Decoder> {
        Box::new(OwnDecoder::new(venue))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::model::Nanos;
    use crate::model::secret::{Keys, Secret};

    const ADDRESS: &str = "0x00000000000000000000000000000000000000a1";

    fn venue() -> VenueSpec {
        config::venues::read("hyperliquid", include_str!("../../../venues/hyperliquid.toml")).unwrap()
    }

    fn account(address: &str) -> Account {
        Account { name: "vault".into(), address: address.into() }
    }

    #[test]
    fn an_address_is_all_that_is_asked_for() {
        let plans = ByAddress.sockets(&venue(), &account(ADDRESS));
        assert_eq!((plans.len(), plans[0].name.as_str()), (1, "hyperliquid/vault@user-1"));
        assert_eq!(
            plans[0].hello[0],
            format!(
                r#"{{"method":"subscribe","subscription":{{"type":"allDexsClearinghouseState","user":"{ADDRESS}"}}}}"#
            )
        );
        let polls = ByAddress.polls(&venue(), &account(ADDRESS));
        assert_eq!(polls[3].request.body.as_deref().unwrap().matches(ADDRESS).count(), 1);
        let a_minute: u64 = polls.iter().map(|p| u64::from(p.request.weight) * 60_000 / p.every_ms).sum();
        assert!(a_minute < 60, "twenty accounts fit the budget: {a_minute}");
    }

    /// Fault: an address that ends the request it stands in; a key that is sent where none is asked for.
    #[test]
    fn nothing_else_leaves() {
        let bad = account("0x\"},\"x\":{");
        for text in ByAddress.sockets(&venue(), &bad).iter().flat_map(|plan| &plan.hello) {
            assert!(sonic_rs::from_str::<sonic_rs::Value>(text).is_ok(), "{text}");
        }
        let (key, secret) = (Secret::new("canary-key"), Secret::new("canary-secret"));
        let keys = Keys { key, secret, passphrase: None };
        let account = account(ADDRESS);
        let speaker = Speaker { keys: Some(&keys), account: &account, now: Nanos(0) };
        for poll in ByAddress.polls(&venue(), &account) {
            let signed = ByAddress.sign(&venue(), &poll.request, &speaker).unwrap();
            assert!(signed.headers.is_empty() && signed.body == poll.request.body);
            assert!(!format!("{signed:?} {speaker:?}").contains("canary"));
        }
        assert!(ByAddress.key_check(&venue(), &account).is_none());
    }
}
