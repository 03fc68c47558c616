//! What an own account holds, by subaccount, and what that comes to by market and in all.
//!
//! # Why
//! Isolated positions stand in subaccounts of their own, so that one market may be held twice; the
//! ledger knows one position per market. And the venue's USDC is what is left after positions were paid
//! for, as if they were bought whole: 95,000 beside a long of 0.5 from 60,000 is a balance of 125,000.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::dialect::WireError;
use crate::model::account::{MarginMode, Position};

/// Subaccounts of one parent that are kept.
const SUBACCOUNTS_MAX: usize = 256;
/// Positions of one subaccount that are kept.
const POSITIONS_MAX: usize = 1_024;
/// From this number on subaccounts are children that hold one isolated position.
const FIRST_CHILD: u32 = 128;

/// A parent subaccount with its children.
#[derive(Clone, Debug, Default)]
pub(super) struct Wallet {
    subaccounts: BTreeMap<u32, Subaccount>,
}

#[derive(Clone, Debug, Default)]
struct Subaccount {
    /// USDC after positions were paid for; negative when owed.
    cash: Option<Decimal>,
    /// By index of the market.
    held: BTreeMap<u32, Held>,
}

/// One position of one subaccount.
#[derive(Clone, Debug)]
pub(super) struct Held {
    /// Signed, base coins.
    pub(super) size: Decimal,
    pub(super) entry: Option<Decimal>,
    pub(super) upnl: Option<Decimal>,
}

impl Held {
    fn cost(&self) -> Option<Decimal> {
        self.size.checked_mul(self.entry?)
    }
}

impl Wallet {
    /// Sets a position; a size of zero closes it.
    pub(super) fn hold(&mut self, subaccount: u32, market: u32, held: Held) -> Result<(), WireError> {
        let held_by = &mut self.subaccount(subaccount)?.held;
        if held.size.is_zero() {
            held_by.remove(&market);
        } else {
            held_by.insert(market, held);
            if held_by.len() > POSITIONS_MAX {
                return Err(WireError::TooMany("positions"));
            }
        }
        Ok(())
    }

    /// Sets the USDC of a subaccount.
    pub(super) fn pay(&mut self, subaccount: u32, cash: Decimal) -> Result<(), WireError> {
        self.subaccount(subaccount)?.cash = Some(cash);
        Ok(())
    }

    fn subaccount(&mut self, number: u32) -> Result<&mut Subaccount, WireError> {
        if self.subaccounts.len() >= SUBACCOUNTS_MAX && !self.subaccounts.contains_key(&number) {
            return Err(WireError::TooMany("subaccounts"));
        }
        Ok(self.subaccounts.entry(number).or_default())
    }

    /// Markets held, each once.
    pub(super) fn markets(&self) -> Vec<u32> {
        let mut markets: Vec<u32> = self.subaccounts.values().flat_map(|s| s.held.keys().copied()).collect();
        markets.sort_unstable();
        markets.dedup();
        markets
    }

    /// The position of a market over all subaccounts.
    pub(super) fn position(&self, market: u32) -> Position {
        let holders: Vec<(u32, &Subaccount, &Held)> = self
            .subaccounts
            .iter()
            .filter_map(|(number, sub)| Some((*number, sub, sub.held.get(&market)?)))
            .collect();
        let isolated = !holders.is_empty() && holders.iter().all(|(number, ..)| *number >= FIRST_CHILD);
        let mut position = Position {
            margin_mode: if isolated { MarginMode::Isolated } else { MarginMode::Cross },
            ..Position::default()
        };
        if let [(_, sub, held)] = holders.as_slice() {
            position.size = held.size;
            position.entry = held.entry;
            position.upnl = held.upnl;
            // Margin set aside is what the child holds without its profit.
            position.isolated_margin =
                Some(sub).filter(|s| isolated && s.held.len() == 1).and_then(|s| s.total());
            return position;
        }
        let sum = |of: fn(&Held) -> Option<Decimal>| {
            holders.iter().try_fold(Decimal::ZERO, |sum, (.., held)| sum.checked_add(of(held)?))
        };
        position.size = sum(|held| Some(held.size)).unwrap_or_default();
        position.upnl = sum(|held| held.upnl);
        // A long beside a short has no common entry.
        let one_way =
            holders.iter().all(|(.., held)| held.size.is_sign_negative() == position.size.is_sign_negative());
        position.entry =
            Some(()).filter(|()| one_way).and_then(|()| sum(Held::cost)?.checked_div(position.size));
        position
    }

    /// USDC over all subaccounts without unrealised profit; `None` where a cost or a balance is unknown.
    pub(super) fn total(&self) -> Option<Decimal> {
        if self.subaccounts.is_empty() {
            return None;
        }
        self.subaccounts.values().try_fold(Decimal::ZERO, |sum, sub| sum.checked_add(sub.total()?))
    }
}

impl Subaccount {
    fn total(&self) -> Option<Decimal> {
        self.held.values().try_fold(self.cash?, |sum, held| sum.checked_add(held.cost()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(text: &str) -> Decimal {
        Decimal::from_str_exact(text).unwrap()
    }

    fn held(size: &str, entry: &str) -> Held {
        Held { size: d(size), entry: Some(d(entry)), upnl: Some(d("1")) }
    }

    /// Fault: the cost of positions left out of the balance.
    #[test]
    fn a_balance_is_cash_and_what_was_paid_for_positions() {
        let mut wallet = Wallet::default();
        assert_eq!(wallet.total(), None, "nothing is known: not zero");
        wallet.pay(0, d("95000")).unwrap();
        wallet.hold(0, 1, held("0.5", "60000")).unwrap();
        assert_eq!(wallet.total(), Some(d("125000")));
        wallet.pay(128, d("3500")).unwrap();
        wallet.hold(128, 2, held("-10", "150")).unwrap();
        assert_eq!(wallet.total(), Some(d("127000")));
        let short = wallet.position(2);
        assert_eq!((short.margin_mode, short.isolated_margin), (MarginMode::Isolated, Some(d("2000"))));
        let long = wallet.position(1);
        assert_eq!((long.margin_mode, long.isolated_margin), (MarginMode::Cross, None));
        wallet.hold(128, 2, Held { size: d("0"), entry: None, upnl: None }).unwrap();
        assert_eq!((wallet.position(2).size, wallet.markets()), (d("0"), vec![1]));
    }

    #[test]
    fn a_market_held_twice_is_one_position() {
        let mut wallet = Wallet::default();
        wallet.hold(0, 1, held("1", "100")).unwrap();
        wallet.hold(128, 1, held("3", "200")).unwrap();
        let both = wallet.position(1);
        assert_eq!((both.size, both.entry, both.upnl), (d("4"), Some(d("175")), Some(d("2"))));
        assert_eq!(both.margin_mode, MarginMode::Cross);
        wallet.hold(128, 1, held("-3", "200")).unwrap();
        assert_eq!((wallet.position(1).size, wallet.position(1).entry), (d("-2"), None));
    }

    #[test]
    fn hostile_numbers_of_subaccounts_are_refused() {
        let mut wallet = Wallet::default();
        let taken = (0..1_000).filter(|n| wallet.pay(*n, d("1")).is_ok()).count();
        assert_eq!(taken, SUBACCOUNTS_MAX);
        let taken = (0..5_000).filter(|n| wallet.hold(0, *n, held("1", "1")).is_ok()).count();
        assert_eq!(taken, POSITIONS_MAX);
    }
}
