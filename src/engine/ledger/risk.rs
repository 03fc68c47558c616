//! Family H beyond sums: what netting would free, what collateral loses with its positions, what the
//! default of a venue costs, where a position stands in the queue. METRICS.md G8, H6, H8, H9, H13, F12.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::pool::Collateral;
use super::prices::Prices;
use super::scenario::Ladder;
use super::shock::Stressed;
use super::value::{Worth, usd_quote};
use crate::model::Nanos;
use crate::model::contract::Contract;
use crate::model::instrument::Payoff;

/// What pooling costs for each dollar long here and short there: prices may come apart. METRICS.md G8.
const BASIS_ADD_ON: Decimal = Decimal::from_parts(10, 0, 0, false, 4);
/// The move of prices after a venue is gone. METRICS.md H13.
const DEFAULT_MOVE: Decimal = Decimal::from_parts(1, 0, 0, false, 1);

/// Longs, shorts and maintenance margin of one underlying over all venues.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Netting {
    long_usd: Decimal,
    short_usd: Decimal,
    /// Margin that the venues ask, each for itself.
    silo_usd: Decimal,
    /// Positions in it.
    pub valued: u16,
    /// Positions whose margin or delta is unknown.
    pub left_out: u16,
}

impl Netting {
    /// Adds a position; what is unknown of it is counted.
    fn add(&mut self, delta_usd: Option<Decimal>, maintenance_usd: Option<Decimal>) {
        let Some((delta, margin)) = delta_usd.zip(maintenance_usd) else {
            self.left_out = self.left_out.saturating_add(1);
            return;
        };
        self.valued = self.valued.saturating_add(1);
        let side = if delta.is_sign_negative() { &mut self.short_usd } else { &mut self.long_usd };
        *side = side.saturating_add(delta.abs());
        self.silo_usd = self.silo_usd.saturating_add(margin);
    }

    /// Margin of the net position at the mean rate of the venues, and an add-on for what is matched.
    fn pool_usd(&self) -> Option<Decimal> {
        let gross = self.long_usd.checked_add(self.short_usd)?;
        let rate = self.silo_usd.checked_div(gross)?;
        let net = self.long_usd.checked_sub(self.short_usd)?.abs();
        let matched = self.long_usd.min(self.short_usd);
        rate.checked_mul(net)?.checked_add(BASIS_ADD_ON.checked_mul(matched)?)
    }
}

/// G8 over underlyings: margin in one pool over margin in silos. `None` without margin.
pub fn efficiency<'n>(of: impl Iterator<Item = &'n Netting>) -> Option<Decimal> {
    let (mut pool, mut silo) = (Decimal::ZERO, Decimal::ZERO);
    for netting in of.filter(|n| !n.silo_usd.is_zero()) {
        pool = pool.checked_add(netting.pool_usd()?)?;
        silo = silo.checked_add(netting.silo_usd)?;
    }
    pool.checked_div(silo)
}

/// H8: the part of a loss that comes from collateral; `None` unless both lose.
pub fn wrong_way(position_loss: Decimal, collateral_loss: Decimal) -> Option<Decimal> {
    let both = position_loss > Decimal::ZERO && collateral_loss > Decimal::ZERO;
    collateral_loss.checked_div(position_loss.checked_add(collateral_loss)?).filter(|_| both)
}

/// H13: the equity at a venue, of which nothing comes back, and what a move costs on the hedges that went
/// with it. Each leg is the delta lost there and the net delta before, in USD. `None` is unknown equity.
pub fn default_loss(
    equity: Option<Decimal>,
    legs: impl Iterator<Item = (Decimal, Decimal)>,
) -> Option<Decimal> {
    let hedges = legs.fold(Decimal::ZERO, |sum, (lost, net)| {
        let more = net.saturating_sub(lost).abs().saturating_sub(net.abs());
        sum.saturating_add(more.max(Decimal::ZERO))
    });
    equity?.max(Decimal::ZERO).checked_add(hedges.checked_mul(DEFAULT_MOVE)?)
}

/// F12: profit times leverage, or loss over leverage, both by value at the mark and at bankruptcy. `None`
/// where the mark is beyond bankruptcy.
pub fn adl_score(
    contract: &Contract,
    size: Decimal,
    entry: Decimal,
    mark: Decimal,
    bankrupt: Decimal,
) -> Option<Decimal> {
    let value = |price: Decimal| match contract.payoff {
        Payoff::Linear | Payoff::Quanto => Some(price),
        Payoff::Inverse => Decimal::ONE.checked_div(price),
    };
    let sign = if size.is_sign_negative() { -Decimal::ONE } else { Decimal::ONE };
    let sign = if contract.payoff == Payoff::Inverse { -sign } else { sign };
    let (entered, marked, gone) = (value(entry)?, value(mark)?, value(bankrupt)?);
    let room = marked.checked_sub(gone)?.checked_mul(sign).filter(|room| *room > Decimal::ZERO)?;
    let leverage = marked.checked_div(room)?;
    let profit = marked.checked_sub(entered)?.checked_mul(sign)?.checked_div(entered)?;
    if profit > Decimal::ZERO { profit.checked_mul(leverage) } else { profit.checked_div(leverage) }
}

/// What moves of price do to one part of the holdings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moves {
    /// Positions and coins.
    pub ladder: Ladder,
    /// Coins as the venues count them, haircut taken off, in USD.
    counted: Decimal,
}

impl Moves {
    /// H8 at a fall of a tenth.
    pub fn wrong_way(&self) -> Option<Decimal> {
        wrong_way(self.ladder.tenth_lost(), self.counted.checked_div(Decimal::TEN)?)
    }
}

/// All of it, as of one whole second.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Risk {
    /// Everything.
    pub total: Moves,
    /// By venue index.
    pub by_venue: BTreeMap<u16, Moves>,
    /// By underlying index.
    pub by_underlying: BTreeMap<u16, Moves>,
    /// By underlying index.
    pub netting: BTreeMap<u16, Netting>,
    /// Delta in USD by venue and underlying, coins held there included.
    legs: BTreeMap<(u16, u16), Decimal>,
}

impl Risk {
    /// Adds an account.
    pub(super) fn add(
        &mut self,
        prices: &Prices<'_>,
        venue: u16,
        positions: &[Worth],
        stressed: &[Option<Stressed<'_>>],
        collateral: &Collateral,
        now: Nanos,
    ) {
        for (w, stressed) in positions.iter().zip(stressed) {
            let ladder = ladder(prices, w, stressed.as_ref(), now).unwrap_or(Ladder::LEFT_OUT);
            self.each(venue, w.underlying, |moves| moves.ladder.add(&ladder));
            let Some(underlying) = w.underlying else { continue };
            self.netting.entry(underlying).or_default().add(w.delta_usd, w.maintenance_usd);
            self.leg(venue, underlying, w.delta_usd.unwrap_or_default());
        }
        for coin in &collateral.coins {
            let underlying = prices.market.underlying_of(&coin.asset);
            self.each(venue, underlying, |moves| {
                moves.ladder.coins(coin.usd);
                moves.counted = moves.counted.saturating_add(coin.counted_usd);
            });
            if let Some(underlying) = underlying {
                self.leg(venue, underlying, coin.usd);
            }
        }
    }

    fn each(&mut self, venue: u16, underlying: Option<u16>, mut take: impl FnMut(&mut Moves)) {
        take(&mut self.total);
        take(self.by_venue.entry(venue).or_default());
        if let Some(underlying) = underlying {
            take(self.by_underlying.entry(underlying).or_default());
        }
    }

    fn leg(&mut self, venue: u16, underlying: u16, usd: Decimal) {
        let leg = self.legs.entry((venue, underlying)).or_default();
        *leg = leg.saturating_add(usd);
    }

    /// What goes with a venue, and the net delta before, by underlying.
    pub fn legs(&self, venue: u16) -> impl Iterator<Item = (Decimal, Decimal)> {
        let net = |underlying: u16| {
            let same = self.legs.iter().filter(move |((_, u), _)| *u == underlying);
            same.fold(Decimal::ZERO, |sum, (_, usd)| sum.saturating_add(*usd))
        };
        let own = self.legs.iter().filter(move |((v, _), _)| *v == venue);
        own.map(move |((_, underlying), usd)| (*usd, net(*underlying)))
    }
}

/// How a position answers to moves of price.
fn ladder(prices: &Prices<'_>, w: &Worth, stressed: Option<&Stressed<'_>>, now: Nanos) -> Option<Ladder> {
    let stressed = stressed?;
    if !stressed.is_option {
        return Ladder::position(stressed);
    }
    let listing = prices.market.by_symbol(w.venue, &w.symbol)?;
    let usd = usd_quote(prices, listing.def.as_ref()?)?;
    Ladder::option(listing, stressed.size, stressed.contract.multiplier, usd, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(text: &str) -> Decimal {
        Decimal::from_str_exact(text).unwrap()
    }

    /// METRICS.md G8, H6: +10 BTC on A, −8 on B at 100,000, 1 %.
    #[test]
    fn g8_h6_capital_efficiency_and_netting_benefit() {
        let mut netting = Netting::default();
        netting.add(Some(d("1000000")), Some(d("10000")));
        netting.add(Some(d("-800000")), Some(d("8000")));
        assert_eq!((netting.silo_usd, netting.pool_usd()), (d("18000"), Some(d("2800"))));
        let g8 = efficiency([netting].iter()).unwrap();
        assert_eq!((g8.round_dp(6), (Decimal::ONE - g8).round_dp(6)), (d("0.155556"), d("0.844444")));
        netting.add(None, Some(d("5")));
        netting.add(Some(d("5")), None);
        assert_eq!((netting.valued, netting.left_out), (2, 2));
        assert_eq!(efficiency([Netting::default()].iter()), None);
        let mut alone = Netting::default();
        alone.add(Some(d("-500")), Some(d("7")));
        assert_eq!(efficiency([alone].iter()), Some(Decimal::ONE), "nothing to net");
    }

    #[test]
    fn h8_wrong_way_share() {
        assert_eq!(wrong_way(d("20000"), d("1900")).unwrap().round_dp(6), d("0.086758"));
        assert_eq!(wrong_way(d("-20000"), d("1900")), None, "a gain on the way down");
        assert_eq!(wrong_way(d("20000"), Decimal::ZERO), None);
    }

    /// METRICS.md H13: equity of 90 k, a leg of −8 BTC at 100,000 lost beside +10 elsewhere.
    #[test]
    fn h13_venue_default_loss() {
        let legs = [(d("-800000"), d("200000"))];
        assert_eq!(default_loss(Some(d("90000")), legs.into_iter()), Some(d("170000")));
        let whole = [(d("200000"), d("200000"))];
        assert_eq!(default_loss(Some(d("-5")), whole.into_iter()), Some(Decimal::ZERO), "no hedge is lost");
        assert_eq!(default_loss(None, legs.into_iter()), None);
    }

    #[test]
    fn f12_adl_rank() {
        let score = |payoff, size, entry, mark, bankrupt| {
            let contract = Contract { payoff, multiplier: Decimal::ONE };
            adl_score(&contract, d(size), d(entry), d(mark), d(bankrupt)).map(|s| s.round_dp(6))
        };
        assert_eq!(score(Payoff::Linear, "1", "500", "530", "450"), Some(d("0.3975")));
        // A loss is divided: −6 % over 470/20.
        assert_eq!(score(Payoff::Linear, "1", "500", "470", "450"), Some(d("-0.002553")));
        assert_eq!(score(Payoff::Linear, "-1", "500", "470", "550"), Some(d("0.3525")));
        // Inverse: values are 1/530, 1/500, 1/450.
        assert_eq!(score(Payoff::Inverse, "1", "500", "530", "450"), Some(d("0.318396")));
        assert_eq!(score(Payoff::Linear, "1", "500", "440", "450"), None, "beyond bankruptcy");
    }
}
