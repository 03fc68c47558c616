//! A listing: one instrument on one venue, its book, its newest figures, its state.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::audit::Audits;
use super::beat::Beat;
use super::book::{Book, BookSide};
use super::figures::Figures;
use super::flow::Flow;
use super::forced::Forced;
use super::grid::Path;
use super::impact::Impact;
use super::margins::Margins;
use super::traded::Traded;
use super::walk::Terms;
use super::window::{DecayedSum, TimeMean};
use crate::model::Nanos;
use crate::model::entry::ConnIx;
use crate::model::event::{BookChange, Channel, OptionTick, Quote, Ticker, Trade, VenueState};
use crate::model::instrument::{Class, InstrumentDef, Payoff, Status};
use crate::model::margin::MarginSchedule;
use crate::model::num::POW10;
use crate::model::time::SECOND;
use crate::snapshot::BookState;

/// How long a book may stay crossed before it is asked for anew.
pub const CROSSED_MAX: i64 = 2 * SECOND;
/// Half-life of volume in seconds. METRICS.md C10.
const VOLUME_HALF_LIFE_S: f64 = 3_600.0;

/// Terms as `f64` factors, for statistics.
#[derive(Clone, Copy, Debug)]
pub(super) struct Factors {
    pub(super) payoff: Payoff,
    pub(super) multiplier: f64,
    pub(super) scale: f64, // units of the underlying per unit of base
}

impl Factors {
    /// What turns levels into USD, with the USD prices of the currencies of quote and notional.
    pub(super) const fn terms(self, quote_usd: f64, money_usd: f64) -> Terms {
        let Factors { payoff, multiplier, scale } = self;
        Terms { payoff, multiplier, scale, quote_usd, money_usd }
    }
}

/// One instrument on one venue.
#[derive(Debug)]
pub struct Listing {
    /// Native symbol.
    pub symbol: String,
    /// Canonical name, or the symbol while terms are unknown.
    pub name: String,
    /// Terms, once known.
    pub def: Option<InstrumentDef>,
    pub(super) factors: Option<Factors>,
    /// Index of the underlying.
    pub underlying: Option<u16>,
    /// Index of the quote currency.
    pub quote_currency: u16,
    /// Index of the currency of notional: quote, or settle for quanto.
    pub money_currency: u16,
    /// The order book.
    pub book: Book,
    /// A snapshot is in and no gap came since.
    pub is_synced: bool,
    /// Sequence number of the newest book message.
    pub book_seq: Option<u64>,
    /// Connection of the book.
    pub conn: Option<ConnIx>,
    /// Beats by channel.
    pub beats: [Beat; Channel::ALL.len()],
    /// Best quote of the quote channel.
    pub quote: Option<Quote>,
    /// Newest figures of the ticker channel.
    pub ticker: Ticker,
    /// When open interest was last stated.
    pub oi_at: Option<Nanos>,
    /// When mark or greeks were last stated.
    pub ticker_at: Option<Nanos>,
    /// Newest figures of an option.
    pub option: OptionTick,
    /// Margin the venue asks, once known.
    pub schedule: Option<MarginSchedule>,
    /// The same as rates by size, for statistics.
    pub margins: Option<Margins>,
    /// Open contracts over time.
    pub flow: Flow,
    /// Liquidations, from the first one on.
    pub forced: Option<Box<Forced>>,
    /// What the venue says can be done with it.
    pub state: VenueState,
    /// Audits of the book.
    pub audits: Audits,
    /// Traded USD with a half-life of one hour.
    pub volume: DecayedSum,
    /// USD of the last five minutes, from the first trade on.
    pub traded: Option<Box<Traded>>,
    /// Trades counted, history left out.
    pub trades: u64,
    pub(super) spread: TimeMean,
    /// C1: time-weighted mean spread of the last ten seconds in bps, as of the last whole second.
    pub spread_10s: Option<f64>,
    pub(super) top: Option<(i64, i64)>,
    pub(super) crossed_since: Option<Nanos>,
    /// The best prices before the book crossed.
    pub(super) good_top: Option<(i64, i64)>,
    /// The mid in event time, while this listing speaks for its venue.
    pub path: Option<Path>,
    pub(super) is_dirty: bool,
    /// The book changed since the widest band was summed.
    pub(super) is_wide_dirty: bool,
    /// Figures of the last tick.
    pub figures: Figures,
    /// Figures of the last tick at which the book was synced, and when that was.
    pub held: Option<(Figures, Nanos)>,
    /// How its book takes what hits it; watched perpetuals only.
    pub impact: Option<Box<Impact>>,
}

impl Listing {
    /// A listing of which only the symbol is known.
    pub fn new(symbol: &str) -> Self {
        Listing {
            symbol: symbol.to_string(),
            name: symbol.to_string(),
            def: None,
            factors: None,
            underlying: None,
            quote_currency: 0,
            money_currency: 0,
            book: Book::default(),
            is_synced: false,
            book_seq: None,
            conn: None,
            beats: [Beat::default(); Channel::ALL.len()],
            quote: None,
            ticker: Ticker::default(),
            oi_at: None,
            ticker_at: None,
            option: OptionTick::default(),
            schedule: None,
            margins: None,
            flow: Flow::default(),
            forced: None,
            state: VenueState::Open,
            audits: Audits::default(),
            volume: DecayedSum::new(VOLUME_HALF_LIFE_S),
            traded: None,
            trades: 0,
            spread: TimeMean::default(),
            spread_10s: None,
            top: None,
            crossed_since: None,
            good_top: None,
            path: None,
            is_dirty: true,
            is_wide_dirty: true,
            figures: Figures::default(),
            held: None,
            impact: None,
        }
    }

    /// Takes contract terms; true when they differ from what was known.
    pub fn set_def(&mut self, def: &InstrumentDef) -> bool {
        if self.def.as_ref() == Some(def) {
            return false;
        }
        self.name = def.canonical();
        self.factors = def
            .multiplier
            .to_f64()
            .zip(def.price_scale.to_f64())
            .map(|(multiplier, scale)| Factors { payoff: def.payoff, multiplier, scale });
        self.def = Some(def.clone());
        self.is_dirty = true;
        true
    }

    /// Beats of a channel.
    pub fn beat(&self, channel: Channel) -> &Beat {
        &self.beats[channel as usize]
    }

    /// True for a perpetual that is not over: the class the map compares.
    pub fn is_perp(&self) -> bool {
        self.def.as_ref().is_some_and(|d| d.class == Class::Perp && d.status != Status::Closed)
    }

    /// True when the venue trades it: by its terms, and by what the venue says of itself.
    pub fn is_open(&self) -> bool {
        let is_trading = self.def.as_ref().is_some_and(|d| d.status == Status::Trading);
        is_trading && matches!(self.state, VenueState::Open | VenueState::PostOnly)
    }

    /// Applies a book message. `false` when its numbers fit no scale.
    #[inline]
    pub fn change(&mut self, at: Nanos, conn: ConnIx, change: &BookChange<'_>) -> bool {
        self.conn = Some(conn);
        if !change.snapshot && !self.is_synced {
            return true; // a delta before its snapshot says nothing
        }
        let applied = if change.snapshot {
            self.is_synced = true;
            self.book.replace(change.bids, change.asks)
        } else {
            self.book.update(change.bids, change.asks)
        };
        self.book_seq = change.seq;
        self.is_dirty = true;
        if applied.is_err() {
            self.distrust(at);
            return false;
        }
        self.watch_top(at);
        true
    }

    /// Mid of a synced book in the venue's own quotation, exact.
    pub fn mid_exact(&self) -> Option<Decimal> {
        let (bid, ask) = self.book.best(BookSide::Bid).zip(self.book.best(BookSide::Ask))?;
        let is_good = self.figures.state == BookState::Synced && bid.0 < ask.0;
        let twice = Decimal::from(bid.0).checked_add(Decimal::from(ask.0))?;
        let unit = POW10.get(usize::from(self.book.scales().0)).map(|u| Decimal::from(*u))?;
        twice.checked_div(Decimal::TWO)?.checked_div(unit).filter(|_| is_good)
    }

    /// Follows the best prices: the spread counts by time, a crossed book by how long it lasts.
    #[inline]
    fn watch_top(&mut self, at: Nanos) {
        let top = self.book.best(BookSide::Bid).zip(self.book.best(BookSide::Ask)).map(|(b, a)| (b.0, a.0));
        if top == self.top {
            return;
        }
        let before = std::mem::replace(&mut self.top, top);
        match top {
            Some((bid, ask)) if bid < ask => {
                (self.crossed_since, self.good_top) = (None, None);
                let spread = 2e4 * (ask - bid) as f64 / (ask as f64 + bid as f64);
                self.spread.set(at, Some(spread));
            }
            Some(_) => {
                if self.crossed_since.is_none() {
                    (self.crossed_since, self.good_top) = (Some(at), before);
                }
                self.spread.set(at, None);
            }
            None => {
                (self.crossed_since, self.good_top) = (None, None);
                self.spread.set(at, None);
            }
        }
    }

    /// The book is void until its next snapshot.
    pub fn distrust(&mut self, at: Nanos) {
        self.is_synced = false;
        self.book.clear();
        self.top = None;
        self.crossed_since = None;
        self.good_top = None;
        self.path.iter_mut().for_each(Path::void);
        self.spread.set(at, None);
        self.is_dirty = true;
    }

    /// Nanoseconds since the book is crossed or locked.
    pub fn crossed_for(&self, now: Nanos) -> Option<i64> {
        self.crossed_since.map(|since| now.since(since))
    }

    /// A whole second passed: the mean spread is read off.
    pub fn close_second(&mut self, now: Nanos) {
        if self.conn.is_some() {
            self.spread_10s = self.spread.mean(now);
        }
        self.flow.close_second(now);
        if let Some(forced) = &mut self.forced {
            forced.close_second(now);
        }
    }

    /// Counts a trade. `usd` is the USD price of its money currency.
    #[inline]
    pub fn trade(&mut self, at: Nanos, trade: &Trade<'_>, usd: Option<f64>) {
        if trade.is_history {
            return;
        }
        self.trades += 1;
        if let (Some(factors), Some(usd)) = (self.factors, usd) {
            let size = trade.size.to_f64() * factors.multiplier;
            let money = match factors.payoff {
                Payoff::Linear | Payoff::Quanto => size * trade.price.to_f64(),
                Payoff::Inverse => size,
            };
            self.volume.add(at, money * usd);
            self.traded.get_or_insert_with(|| Box::new(Traded::new(at))).add(at, money * usd);
            if let Some(impact) = &mut self.impact {
                impact.pressure.trade(trade.side, money * usd);
            }
            if let Some(forced) = &mut self.forced {
                forced.taken(at, trade.side, money * usd);
            }
        }
    }
}
