//! What assets cost while one tick is valued: each is looked up once.

use std::cell::RefCell;
use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::engine::market::Market;
use crate::snapshot::Quality;

/// USD per unit of an asset, with trust.
type Price = Option<(Decimal, Quality)>;

/// The market at one tick with the prices asked for so far.
pub(super) struct Prices<'m> {
    pub(super) market: &'m Market,
    known: RefCell<BTreeMap<String, Price>>,
}

impl<'m> Prices<'m> {
    pub(super) fn new(market: &'m Market) -> Self {
        Prices { market, known: RefCell::default() }
    }

    /// USD per unit of an asset: the index of an underlying, or the rate of a currency.
    pub(super) fn usd_of(&self, asset: &str) -> Price {
        if let Some(price) = self.known.borrow().get(asset) {
            return *price;
        }
        let price = self.look_up(asset);
        self.known.borrow_mut().insert(asset.to_string(), price);
        price
    }

    fn look_up(&self, asset: &str) -> Price {
        if let Some(underlying) = self.market.underlying_of(asset) {
            return self.market.index_usd(underlying);
        }
        let currency = self.market.currencies.iter().position(|c| c.name == asset)?;
        self.market.usd_exact(u16::try_from(currency).ok()?)
    }

    /// True for assets whose price moves with the market.
    pub(super) fn is_coin(&self, asset: &str) -> bool {
        self.market.underlying_of(asset).is_some()
    }
}
