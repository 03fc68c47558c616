//! Own accounts of dYdX: public by address, nothing to sign.
//!
//! A parent subaccount holds the cross positions (its number is 0 to 127); each isolated position has a
//! child of its own, whose number is that of the parent and a multiple of 128. The parent's channel covers
//! them all. Equity and free collateral are not streamed and are asked for.

use super::{request, segment};
use crate::dialect::account::{
    Account, AccountDialect, Login, Needs, NoLogin, Permissions, SignError, Signed, Speaker,
};
use crate::dialect::plan;
use crate::dialect::{Decoder, WireError};
use crate::model::entry::RestAnswer;
use crate::model::venue::{ConnPlan, Poll, RestRequest, VenueSpec};

/// Channel of a parent subaccount with its children.
pub(super) const PARENT: &str = "v4_parent_subaccounts";
/// How often positions with equity are asked for.
const POSITIONS_EVERY_MS: u64 = 10_000;
/// How often open orders are asked for; the stream tells them sooner.
const ORDERS_EVERY_MS: u64 = 30_000;

/// The private half, which is public here.
#[derive(Debug)]
pub(super) struct DydxAccount;

impl AccountDialect for DydxAccount {
    fn needs(&self) -> Needs {
        Needs::Address
    }

    fn key_check(&self, _venue: &VenueSpec, _account: &Account) -> Option<RestRequest> {
        None
    }

    fn permissions(&self, _answer: &RestAnswer<'_>) -> Result<Permissions, WireError> {
        Ok(Permissions::ReadOnly) // an address can do nothing
    }

    fn sockets(&self, venue: &VenueSpec, account: &Account) -> Vec<ConnPlan> {
        let (address, number) = split(account);
        plan::private(venue, account, |_| {
            vec![
                request("subscribe", PARENT, &format!("{address}/{number}")),
                request("subscribe", "v4_block_height", ""), // shows a jump of the count at once
            ]
        })
    }

    fn login(&self, _venue: &VenueSpec) -> Box<dyn Login> {
        Box::new(NoLogin)
    }

    fn polls(&self, _venue: &VenueSpec, account: &Account) -> Vec<Poll> {
        let (address, number) = split(account);
        let address = segment(address);
        let positions = format!("/v4/addresses/{address}/parentSubaccountNumber/{number}");
        let orders = format!(
            "/v4/orders/parentSubaccountNumber?address={address}&parentSubaccountNumber={number}&status=OPEN,UNTRIGGERED,BEST_EFFORT_OPENED,BEST_EFFORT_CANCELED"
        );
        vec![
            Poll { request: RestRequest::get(positions), every_ms: POSITIONS_EVERY_MS },
            Poll { request: RestRequest::get(orders), every_ms: ORDERS_EVERY_MS },
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
        Box::new(super::account_decode::AccountDecoder::new(venue))
    }
}

/// Address and number of the parent subaccount: `dydx1…/3`, or `dydx1…` for 0.
fn split(account: &Account) -> (&str, u32) {
    let numbered = account.address.split_once('/');
    numbered.and_then(|(address, n)| Some((address, n.parse().ok()?))).unwrap_or((&account.address, 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::dialect::account::LoginState;
    use crate::model::Nanos;

    fn account(address: &str) -> Account {
        Account { name: "desk".into(), address: address.into() }
    }

    fn venue() -> VenueSpec {
        config::venues::read("dydx", include_str!("../../../venues/dydx.toml")).unwrap()
    }

    #[test]
    fn the_parent_is_asked_for_with_its_children() {
        let plans = DydxAccount.sockets(&venue(), &account("dydx1abc/3"));
        assert_eq!(plans[0].name, "dydx/desk@ws-1");
        assert_eq!(
            plans[0].hello[0],
            r#"{"type":"subscribe","channel":"v4_parent_subaccounts","id":"dydx1abc/3"}"#
        );
        let polls = DydxAccount.polls(&venue(), &account("dydx1abc"));
        assert_eq!(polls[0].request.path, "/v4/addresses/dydx1abc/parentSubaccountNumber/0");
        assert!(
            polls[1]
                .request
                .path
                .contains("address=dydx1abc&parentSubaccountNumber=0&status=OPEN,UNTRIGGERED")
        );
    }

    #[test]
    fn an_address_cannot_leave_its_place() {
        let account = account("x/../y?a=b&c\"");
        for text in DydxAccount.sockets(&venue(), &account).iter().flat_map(|plan| &plan.hello) {
            assert!(sonic_rs::from_str::<sonic_rs::Value>(text).is_ok(), "{text}");
        }
        for poll in DydxAccount.polls(&venue(), &account) {
            assert!(!poll.request.path.contains("..%2Fy?") && !poll.request.path.contains("&c"));
            assert!(!poll.request.path.contains("/../"), "{}", poll.request.path);
        }
    }

    #[test]
    fn nothing_is_signed_and_no_login_is_needed() {
        let account = account("dydx1abc");
        let speaker = Speaker { keys: None, account: &account, now: Nanos(0) };
        let request = RestRequest::get("/v4/orders");
        let signed = DydxAccount.sign(&venue(), &request, &speaker).unwrap();
        assert!(signed.path == request.path && signed.headers.is_empty() && signed.body.is_none());
        assert_eq!(DydxAccount.login(&venue()).open(&speaker).unwrap().state, LoginState::Done);
        assert_eq!(DydxAccount.needs(), Needs::Address);
        assert!(DydxAccount.key_check(&venue(), &account).is_none());
    }
}
