//! One instrument of a simulated venue: basis, book, trades, liquidations, mark, funding, interest.
//!
//! The venue's price is the fundamental plus a basis. Arbitrage pulls the basis home, forced flow
//! pushes it away; where the push outweighs the pull, a gap between venues grows.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::model::Nanos;
use crate::model::time::SECOND;

use super::book::{Book, Change, Level, Shape, consume};
use super::crowd::{Claim, Crowd};
use super::listing::Listing;
use super::market::{STEP, STEP_S};
use super::rng::{Stream, named_seed};
use super::scene::Conditions;
use super::session::Shows;

/// An execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trade {
    /// Consecutive within the instrument.
    pub id: u64,
    /// When it happened.
    pub at: Nanos,
    /// Price in ticks.
    pub ticks: i64,
    /// Size in lots.
    pub lots: i64,
    /// True when the taker bought.
    pub is_buy: bool,
}

/// A forced close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Liquidation {
    /// Consecutive within the instrument.
    pub id: u64,
    /// When it happened.
    pub at: Nanos,
    /// Price of the last fill in ticks.
    pub ticks: i64,
    /// Bankruptcy price of the position in ticks.
    pub bankruptcy_ticks: i64,
    /// Size in lots.
    pub lots: i64,
    /// True when a long position was closed: the order sold.
    pub is_long: bool,
}

/// Executions kept for sessions that lag or ask for history.
const TRADES_KEPT: usize = 512;
/// Liquidations kept.
const LIQUIDATIONS_KEPT: usize = 64;
/// Pull of arbitrage on the basis, per second.
const ARBITRAGE_PER_S: f64 = 0.8;
/// Noise of the basis, basis points per square root of a second.
const BASIS_NOISE_BPS: f64 = 0.7;
/// Liquidations per second of one instrument on a calm day.
const LIQUIDATIONS_PER_S: f64 = 1.0 / 90.0;

/// Part of the depth within ten basis points that the margin engine sells in one step.
const FORCED_SHARE: f64 = 1.0;
/// Orders that it sends in one step; a second of them fits into what is kept.
const FORCED_ORDERS: usize = 6;
/// Move of the venue's price by an order as large as that depth, in basis points.
const FORCED_TOLL_BPS: f64 = 3.0;
/// Chance that who trades with it enters a position.
const FORCED_MAKER_OPENS: f64 = 0.3;

/// The state of one instrument.
#[derive(Clone, Debug)]
pub struct Instrument {
    /// Its terms.
    pub listing: &'static Listing,
    /// Highest leverage on offer now; margins follow from it.
    pub leverage: u32,
    /// When that last changed; zero where it never did.
    pub terms_at: Nanos,
    /// The book now.
    pub book: Arc<Book>,
    /// Mark price in `10^-8`.
    pub mark_e8: i64,
    /// Index price in `10^-8`.
    pub index_e8: i64,
    /// Funding per interval as a fraction in `10^-8`; positive means that longs pay.
    pub funding_e8: i64,
    /// Settlement of the running interval.
    pub funding_next: Nanos,
    /// Hours between settlements.
    pub funding_hours: i64,
    /// Open long positions in lots; equals `short_lots` at all times.
    pub long_lots: i64,
    /// Open short positions in lots.
    pub short_lots: i64,
    /// Volume of the day in lots.
    pub volume_lots: i64,
    /// Volume of the day in cents.
    pub volume_cents: i64,
    /// Price of a day ago in ticks.
    pub open_ticks: i64,
    /// Who holds the open interest, in scenes that have a crowd.
    pub crowd: Option<Box<Crowd>>,
    trades: VecDeque<Trade>,
    liquidations: VecDeque<Liquidation>,
    next_trade: u64,
    next_liquidation: u64,
    shape: Shape,
    flow: Stream,
    walk: Stream,
    /// Where the basis rests, and where it is, in basis points.
    home_bps: f64,
    basis_bps: f64,
    /// Premium over the index: last ten seconds, last five minutes, the day before; fractions.
    premium_fast: f64,
    premium_slow: f64,
    premium_day: f64,
    excitement: f64,
}

impl Instrument {
    /// The instrument of `venue` with its fundamental at `dollars`.
    pub(super) fn new(
        seed: u64,
        venue: &str,
        listing: &'static Listing,
        dollars: f64,
        funding_hours: i64,
    ) -> Self {
        let name = format!("{venue}/{}", listing.symbol);
        let mut walk = Stream::named(seed, &format!("{name}/walk"));
        let home_bps = 0.6 * walk.normal();
        // Crowding: partly common to all venues of an underlying, partly the venue's own.
        let common = Stream::named(seed, &format!("crowding/{}", listing.underlying)).normal();
        let premium_day = (4.0 * common + 3.0 * walk.normal()) * 1e-4;
        let interest = f64::from(listing.interest_musd) * 1e6 / listing.usd_per_lot(dollars);
        let lots = (interest * (0.9 + 0.2 * walk.unit())) as i64;
        let shape = Shape::new(listing, dollars, named_seed(seed, &format!("{name}/book")));
        Instrument {
            listing,
            leverage: listing.leverage,
            terms_at: Nanos(0),
            book: Arc::new(Book { version: named_seed(0, &name) % 1_000_000_000, ..Book::default() }),
            mark_e8: 0,
            index_e8: 0,
            funding_e8: 0,
            funding_next: Nanos(0),
            funding_hours,
            long_lots: lots,
            short_lots: lots,
            volume_lots: lots.saturating_mul(2),
            volume_cents: i64::from(listing.interest_musd).saturating_mul(200_000_000),
            open_ticks: listing.ticks(dollars * (1.0 + 0.015 * walk.normal())) as i64,
            crowd: None,
            trades: VecDeque::with_capacity(TRADES_KEPT),
            liquidations: VecDeque::with_capacity(LIQUIDATIONS_KEPT),
            next_trade: named_seed(1, &name) % 900_000_000,
            next_liquidation: 1,
            shape,
            flow: Stream::named(seed, &format!("{name}/flow")),
            walk,
            home_bps,
            basis_bps: home_bps,
            premium_fast: 0.0,
            premium_slow: 0.0,
            premium_day,
            excitement: 0.0,
        }
    }

    /// Executions with an id of at least `from`, oldest first.
    pub fn trades_from(&self, from: u64) -> impl Iterator<Item = &Trade> {
        self.trades.iter().filter(move |t| t.id >= from)
    }

    /// Liquidations with an id of at least `from`, oldest first.
    pub fn liquidations_from(&self, from: u64) -> impl Iterator<Item = &Liquidation> {
        self.liquidations.iter().filter(move |l| l.id >= from)
    }

    /// Id that the next execution will have.
    pub fn next_trade(&self) -> u64 {
        self.next_trade
    }

    /// Id that the next liquidation will have.
    pub fn next_liquidation(&self) -> u64 {
        self.next_liquidation
    }

    /// Price of the last execution in ticks; the bid before the first one.
    pub fn last_ticks(&self) -> i64 {
        self.trades.back().map_or_else(|| self.book.bid().map_or(1, |l| l.ticks), |t| t.ticks)
    }

    /// Mid price in dollars; for statistics only.
    pub fn mid(&self) -> f64 {
        self.listing.dollars(self.book.double_mid()) / 2.0
    }

    /// Fair price in dollars before the first step: for the sizes of positions only.
    pub(super) fn fair_dollars(&self) -> f64 {
        self.listing.dollars(self.open_ticks).max(1e-9)
    }

    /// The first law that the instrument breaks, if any.
    pub fn broken_law(&self) -> Option<&'static str> {
        if self.long_lots != self.short_lots {
            return Some("long open interest differs from short open interest");
        }
        if self.long_lots < 0 {
            return Some("open interest is negative");
        }
        let crowd = self.crowd.as_ref();
        let broken = crowd.and_then(|c| c.broken_law([self.long_lots, self.short_lots], self.mark_e8));
        broken.or_else(|| self.book.broken_law())
    }

    /// How far the venue's price is from where it rests against the others, in basis points.
    pub(super) fn strain_bps(&self) -> f64 {
        self.basis_bps - self.home_bps
    }

    /// Offers this share of the listing's leverage.
    pub(super) fn offer(&mut self, percent: u32, now: Nanos) {
        let leverage = (self.listing.leverage * percent / 100).max(1);
        if leverage != self.leverage {
            (self.leverage, self.terms_at) = (leverage, now);
        }
    }

    /// One step of simulated time, ending at `now`.
    pub(super) fn advance(&mut self, fundamental: f64, conditions: Conditions, now: Nanos, step: u64) {
        let before = self.basis_bps;
        let pull = ARBITRAGE_PER_S * conditions.arbitrage * (self.home_bps - self.basis_bps);
        let noise = BASIS_NOISE_BPS * libm::sqrt(STEP_S) * self.walk.normal();
        self.basis_bps =
            (self.basis_bps + (pull + conditions.pressure_bps_s) * STEP_S + noise).clamp(-900.0, 900.0);

        let fair = fundamental * self.listing.carry(now);
        let mid = self.listing.ticks(fair * (1.0 + self.basis_bps * 1e-4));
        let spread = (mid * 0.12e-4 / conditions.liquidity).max(1.0);
        let mut book = self.shape.build(&self.book, mid, spread, conditions.liquidity, step);
        let falling = conditions.pressure_bps_s < 0.0 || self.basis_bps < before;
        self.trade(&mut book, conditions, now);
        match self.crowd {
            Some(_) => self.margin_calls(&mut book, conditions, now),
            None => self.liquidate(&mut book, conditions, falling, now),
        }
        let changed = Change::between(&self.book, &book, usize::MAX).len();
        if changed > 0 {
            book.version = self.book.version + changed as u64;
            book.at = now;
            self.book = Arc::new(book);
        }
        self.settle(fundamental, fair, now);
    }

    /// Ordinary flow: self-exciting arrivals, sizes with a long tail, leaning with the forced flow.
    fn trade(&mut self, book: &mut Book, conditions: Conditions, now: Nanos) {
        let rate = self.listing.trades_per_s * (1.0 + self.excitement) / conditions.liquidity;
        let count = self.flow.poisson((rate * STEP_S).min(15.0));
        self.excitement = (self.excitement * 0.95 + 0.02 * f64::from(count)).min(3.0);
        let lean = (conditions.pressure_bps_s * 0.025).clamp(-0.35, 0.35);
        for nth in 0..count {
            let is_buy = self.flow.chance(0.5 + lean);
            let usd = 1_800.0 * libm::exp(1.3 * self.flow.normal());
            let at = now.plus(-STEP + STEP * i64::from(nth) / i64::from(count));
            let opens =
                Opens { taker: self.flow.chance(0.5), maker: self.flow.chance(0.5), is_forced: false };
            self.execute(book, usd, is_buy, opens, at);
        }
    }

    /// Forced closes, with their toll on the venue's price.
    fn liquidate(&mut self, book: &mut Book, conditions: Conditions, falling: bool, now: Nanos) {
        if !self.flow.chance(LIQUIDATIONS_PER_S * conditions.liquidations * STEP_S) {
            return;
        }
        let is_long = self.flow.chance(if falling { 0.85 } else { 0.15 });
        let usd = 25_000.0 * libm::exp(1.1 * self.flow.normal());
        let sign = if is_long { -1.0 } else { 1.0 };
        let touch = if is_long { book.bid() } else { book.ask() };
        let Some((lots, ticks)) = self.execute(book, usd, !is_long, OUT, now) else {
            return;
        };
        let depth_usd = f64::from(self.listing.depth_kusd) * 1_000.0 * conditions.liquidity;
        self.basis_bps += sign * (3.0 * usd / depth_usd).min(2.0);
        let bankruptcy_ticks =
            touch.map_or(ticks, |l| l.ticks + (sign * -0.0005 * l.ticks as f64) as i64).max(1);
        self.report(Liquidation { id: 0, at: now, ticks, bankruptcy_ticks, lots, is_long });
    }

    /// Numbers and keeps a forced close.
    fn report(&mut self, closed: Liquidation) {
        if self.liquidations.len() == LIQUIDATIONS_KEPT {
            self.liquidations.pop_front();
        }
        self.liquidations.push_back(Liquidation { id: self.next_liquidation, ..closed });
        self.next_liquidation += 1;
    }

    /// The margin engine's step: takes over whom the mark has reached and sells what the book can take. Each
    /// order moves the venue's price, and so the mark.
    fn margin_calls(&mut self, book: &mut Book, conditions: Conditions, now: Nanos) {
        if self.mark_e8 <= 0 {
            return;
        }
        let depth_usd = f64::from(self.listing.depth_kusd) * 1_000.0 * conditions.liquidity;
        let each_usd = self.listing.usd_per_lot(self.mark_e8 as f64 * 1e-8).max(1e-9);
        let mut room = (FORCED_SHARE * depth_usd / each_usd) as i64;
        if let Some(crowd) = &mut self.crowd {
            crowd.margin_call(self.mark_e8);
        }
        for _ in 0..FORCED_ORDERS {
            let Some(claim) = self.crowd.as_ref().and_then(|c| c.claim(room)) else { break };
            let is_long = claim.side == 0;
            let (fills, closed) = self.force(book, &claim, now);
            let mark_e8 = self.mark_e8;
            room -= closed;
            let Some(crowd) = &mut self.crowd else { break };
            let Some(last) = fills.last() else {
                let closed = crowd.deleverage(claim.lots, mark_e8);
                crowd.tally.deleveraged[claim.side] += self.listing.cents(closed, mark_e8);
                (self.long_lots, self.short_lots) = (self.long_lots - closed, self.short_lots - closed);
                room -= claim.lots;
                continue;
            };
            crowd.tally.done[claim.side] += self.listing.cents(closed, mark_e8);
            let bankruptcy_ticks = (self.listing.ticks(claim.bankruptcy_e8 as f64 * 1e-8) as i64).max(1);
            let ticks = last.ticks;
            self.report(Liquidation { id: 0, at: now, ticks, bankruptcy_ticks, lots: closed, is_long });
            let toll = (FORCED_TOLL_BPS * closed as f64 * each_usd / depth_usd).min(5.0);
            self.basis_bps += if is_long { -toll } else { toll };
        }
    }

    /// One forced order into the book, as far as the fund can pay for its fills.
    fn force(&mut self, book: &mut Book, claim: &Claim, now: Nanos) -> (Vec<Level>, i64) {
        let Some(mut crowd) = self.crowd.take() else { return (Vec::new(), 0) };
        let is_buy = claim.side == 1;
        let side = if is_buy { &mut book.asks } else { &mut book.bids };
        let is_paid = |l: &&Level| crowd.affords(claim, self.listing.price_e8(l.ticks));
        let room: i64 = side.iter().take_while(is_paid).map(|l| l.lots).sum();
        let fills = consume(side, claim.lots.min(room));
        for fill in &fills {
            crowd.forced(fill.lots, self.listing.price_e8(fill.ticks));
        }
        self.crowd = Some(crowd);
        for fill in &fills {
            let maker = self.crowd.as_mut().is_some_and(|c| c.chance.chance(FORCED_MAKER_OPENS));
            self.print(*fill, is_buy, now);
            self.exchange(*fill, is_buy, Opens { taker: false, maker, is_forced: true });
        }
        let closed = fills.iter().map(|l| l.lots).sum();
        (fills, closed)
    }

    /// What the venue tells of the second that ends: all of it, or its largest.
    pub(super) fn tell(&mut self, shows: Shows, now: Nanos) {
        let Some(crowd) = &mut self.crowd else { return };
        for (side, told) in crowd.tally.told.iter_mut().enumerate() {
            let since = now.plus(-SECOND);
            let of_second = self.liquidations.iter().filter(|l| l.at > since);
            let own = of_second.clone().filter(|l| l.is_long == (side == 0));
            let lots = match shows {
                Shows::All => own.map(|l| l.lots).sum(),
                Shows::LargestOfSide => own.map(|l| l.lots).max().unwrap_or(0),
                Shows::Largest => {
                    let largest = of_second.max_by_key(|l| l.lots);
                    largest.filter(|l| l.is_long == (side == 0)).map_or(0, |l| l.lots)
                }
                Shows::Nothing => 0,
            };
            *told += self.listing.cents(lots, self.mark_e8);
        }
    }

    /// A market order of about `usd`: eats levels, writes one execution per level, moves interest.
    /// Returns lots filled and the last price.
    fn execute(
        &mut self,
        book: &mut Book,
        usd: f64,
        is_buy: bool,
        opens: Opens,
        at: Nanos,
    ) -> Option<(i64, i64)> {
        let price = self.listing.dollars(book.bid()?.ticks);
        let lots = ((usd / self.listing.usd_per_lot(price)) as i64).clamp(1, i64::MAX / 4);
        let fills = consume(if is_buy { &mut book.asks } else { &mut book.bids }, lots);
        for fill in &fills {
            self.print(*fill, is_buy, at);
            self.exchange(*fill, is_buy, opens);
        }
        let last = fills.last()?;
        Some((fills.iter().map(|l| l.lots).sum(), last.ticks))
    }

    /// Writes an execution.
    fn print(&mut self, Level { ticks, lots, .. }: Level, is_buy: bool, at: Nanos) {
        let trade = Trade { id: self.next_trade, at, ticks, lots, is_buy };
        self.next_trade += 1;
        if self.trades.len() == TRADES_KEPT {
            self.trades.pop_front();
        }
        self.trades.push_back(trade);
        self.volume_lots = self.volume_lots.saturating_add(lots);
        let cents = self.listing.cents(lots, self.listing.price_e8(ticks));
        self.volume_cents = self.volume_cents.saturating_add(cents);
    }

    /// Positions after a fill: buyer and seller each open or close. Who is closed by force is booked by the
    /// margin engine.
    fn exchange(&mut self, Level { ticks, lots, .. }: Level, taker_buys: bool, opens: Opens) {
        let (buyer, seller) =
            if taker_buys { (opens.taker, opens.maker) } else { (opens.maker, opens.taker) };
        let can_close = match &self.crowd {
            Some(crowd) => crowd.can_close([self.long_lots, self.short_lots], lots),
            None => self.long_lots > lots && self.short_lots > lots,
        };
        for (side, enters, is_taker) in [(0, buyer, taker_buys), (1, seller, !taker_buys)] {
            let is_forced = is_taker && opens.is_forced;
            let opens = !is_forced && (enters || !can_close);
            // A buyer opens a long or closes a short, a seller the other way round.
            let of = if opens { side } else { 1 - side };
            let own = if of == 0 { &mut self.long_lots } else { &mut self.short_lots };
            *own += if opens { lots } else { -lots };
            if let Some(crowd) = self.crowd.as_mut().filter(|_| !is_forced) {
                let price_e8 = self.listing.price_e8(ticks);
                if opens { crowd.open(of, lots, price_e8) } else { crowd.close(of, lots, price_e8) }
            }
        }
    }

    /// Index, mark and funding after the step.
    fn settle(&mut self, fundamental: f64, fair: f64, now: Nanos) {
        let premium = self.mid() / fair - 1.0;
        self.premium_fast += (premium - self.premium_fast) * STEP_S / 10.0;
        self.premium_slow += (premium - self.premium_slow) * STEP_S / 300.0;
        self.index_e8 = (fundamental * 1e8) as i64;
        self.mark_e8 = (fair * (1.0 + self.premium_fast) * 1e8) as i64;
        // Premium plus clamped interest, per 8 hours; hourly venues pay an eighth each hour.
        let premium = self.premium_day + self.premium_slow;
        let rate = premium + (1e-4 - premium).clamp(-5e-4, 5e-4);
        self.funding_e8 = (rate * 1e8 * self.funding_hours as f64 / 8.0) as i64;
        let interval = self.funding_hours * 3_600_000_000_000;
        self.funding_next = now.floor_to(interval).plus(interval);
    }
}

/// Who enters a position by a fill; who does not, leaves one.
#[derive(Clone, Copy, Debug)]
struct Opens {
    taker: bool,
    maker: bool,
    /// The taker is the margin engine, with a position that it took over.
    is_forced: bool,
}

/// Both leave.
const OUT: Opens = Opens { taker: false, maker: false, is_forced: false };
