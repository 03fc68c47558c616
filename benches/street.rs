//! Input of the benches: 12 venues with 40 perpetuals each and an option chain, every book in motion, with
//! figures, trades, liquidations, margin schedules and funds. Deterministic.

use faultline::config::{builtin, rules, venues};
use faultline::engine::Engine;
use faultline::engine::rule::judges;
use faultline::model::alert::AlertEvent;
use faultline::model::entry::{ConnInfo, ConnIx};
use faultline::model::event::{
    Body, BookChange, Event, InsuranceFund, Level, Liquidation, LiquidationPrice, OptionTick, PositionSide,
    Side, Symbol, Ticker, Trade, TradeId,
};
use faultline::model::instrument::{Class, InstrumentDef, Right, SizeUnit};
use faultline::model::margin::{MarginBase, MarginForm, MarginSchedule, TierRow, TierStyle};
use faultline::model::time::{SECOND, TICK};
use faultline::model::venue::VenueSpec;
use faultline::model::{Decimal, Nanos, Num};

pub(crate) const VENUES: u16 = 12;
pub(crate) const INSTRUMENTS: u32 = 40;
/// Options of the first venue: strikes and rights at five expiries of the first underlying.
const OPTIONS: u32 = 200;
/// Levels per side at the start: deep enough for the ladder.
const LEVELS: i64 = 500;
/// A quarter past midnight of a summer's day; the first tick is the one after.
const START: Nanos = Nanos(1_780_272_900 * SECOND);
const HOUR: i64 = 3_600 * SECOND;

/// The venues of the street.
pub(crate) fn specs() -> Vec<VenueSpec> {
    let spec = |v: u16| {
        let text = format!(
            "id = \"v{v:02}\"\nbrand = \"v\"\nshort = \"v{v}\"\nname = \"V\"\ndialect = \"none\"\n[[endpoint]]\nname = \"e\"\nurl = \"wss://v.invalid\"\nchannels = [\"book\"]\n[rest]\nurl = \"https://v.invalid\"\n"
        );
        venues::read("v.toml", &text).expect("a venue")
    };
    (0..VENUES).map(spec).collect()
}

/// Ten tiers, as the large venues have them.
pub(crate) fn schedule() -> MarginSchedule {
    let rows = (0..10i64).map(|n| TierRow {
        floor: Decimal::from(n * 100_000),
        cap: (n < 9).then(|| Decimal::from((n + 1) * 100_000)),
        initial: None,
        maintenance: Some(Decimal::new(4 + n, 3)),
        max_leverage: Some(Decimal::from(125 / (n + 1))),
    });
    MarginSchedule {
        form: MarginForm::Tiers { style: TierStyle::Marginal, rows: rows.collect() },
        basis: SizeUnit::Quote,
        base: MarginBase::Mark,
        liquidation_fee: None,
    }
}

/// A perpetual of the street.
pub(crate) fn perpetual(asset: &str) -> InstrumentDef {
    InstrumentDef {
        underlying: asset.into(),
        base: asset.into(),
        quote: "USDT".into(),
        settle: "USDT".into(),
        multiplier: Decimal::ONE,
        price_scale: Decimal::ONE,
        funding_interval_h: Some(Decimal::from(8)),
        oi_sides: 1,
        ..InstrumentDef::default()
    }
}

/// An engine and the market that feeds it.
pub(crate) struct Street {
    pub(crate) engine: Engine,
    /// Time of the newest tick.
    pub(crate) at: Nanos,
    /// Alerts since the last tick.
    pub(crate) alerts: Vec<AlertEvent>,
    mids: Vec<i64>,
    chance: u64,
}

impl Street {
    /// A street whose books are there, without a tick yet.
    pub(crate) fn new() -> Self {
        let rules = rules::read("r.toml", builtin::RULES[0].1).expect("rules");
        let engine = Engine::new(specs(), judges(rules).expect("rules that fit"));
        let mids = (0..VENUES)
            .flat_map(|v| (0..INSTRUMENTS).map(move |s| 600_000 + i64::from(s) * 1_000 + i64::from(v) * 3));
        let mut street = Street { engine, at: START, alerts: Vec::new(), mids: mids.collect(), chance: 7 };
        (0..VENUES).for_each(|venue| street.open(venue));
        street
    }

    /// A tick.
    pub(crate) fn tick(&mut self) {
        self.alerts.clear();
        self.engine.tick(0, self.at, &mut self.alerts);
    }

    /// Everything that happens until the next tick: each book changes and a mid in three moves, a trade in
    /// three books, slow figures once a second, a liquidation in 50 books a second.
    pub(crate) fn happen(&mut self) {
        self.at = self.at.plus(TICK);
        let tick = self.at.0 / TICK;
        // Underlyings move as one, each venue a little on its own.
        let drift: Vec<i64> = (0..INSTRUMENTS).map(|_| self.roll(3) as i64 - 1).collect();
        for venue in 0..VENUES {
            self.engine.frame(ConnIx(venue), self.at, 300);
            for symbol in 0..INSTRUMENTS {
                let step = match self.roll(6) {
                    0 | 1 => drift[symbol as usize],
                    2 => self.roll(3) as i64 - 1,
                    _ => 0,
                };
                self.turn(venue, symbol, step);
                if self.roll(3) == 0 {
                    self.trade(venue, symbol);
                }
                if (tick + i64::from(symbol)) % 10 == 0 {
                    self.ticker(venue, symbol);
                }
                if self.roll(500) == 0 {
                    self.liquidate(venue, symbol);
                }
            }
        }
        if tick % 10 == 3 {
            (0..OPTIONS).for_each(|n| self.option(n));
        }
        if tick % 600 == 5 {
            (0..VENUES).for_each(|venue| self.fund(venue));
        }
    }

    fn open(&mut self, venue: u16) {
        let info =
            ConnInfo { venue: format!("v{venue:02}"), name: format!("v{venue:02}/e-1"), url: String::new() };
        self.engine.connect(ConnIx(venue), venue, &info);
        for symbol in 0..INSTRUMENTS {
            let def = perpetual(&format!("U{symbol:02}"));
            self.engine.define(venue, symbol, &name(symbol), &def);
            let mid = self.mid(venue, symbol);
            let side = |sign: i64| -> Vec<Level> {
                (1..=LEVELS)
                    .map(|k| Level { price: Num::new(mid + sign * k, 1), size: Num::new(1_000 + k, 3) })
                    .collect()
            };
            let (bids, asks) = (side(-1), side(1));
            let change = BookChange { snapshot: true, bids: &bids, asks: &asks, seq: None };
            self.tell(venue, symbol, Body::Book(change));
            self.tell(venue, symbol, Body::Schedule(&schedule()));
            self.ticker(venue, symbol);
        }
        self.fund(venue);
        if venue == 0 {
            (0..OPTIONS).for_each(|n| self.list_option(n));
        }
    }

    fn list_option(&mut self, n: u32) {
        let right = if n.is_multiple_of(2) { Right::Call } else { Right::Put };
        let def = InstrumentDef {
            class: Class::Option,
            expiry: Some(START.plus((i64::from(n % 10 / 2) * 14 + 7) * 24 * HOUR)),
            strike: Some(Decimal::from(40_000 + 2_000 * i64::from(n / 10))),
            right: Some(right),
            ..perpetual("U00")
        };
        self.engine.define(0, INSTRUMENTS + n, &name(INSTRUMENTS + n), &def);
    }

    fn tell(&mut self, venue: u16, symbol: u32, body: Body<'_>) {
        let text = name(symbol);
        let event = Event { symbol: Symbol { ix: symbol, text: &text }, ts_venue: Some(self.at), body };
        self.engine.event(venue, ConnIx(venue), self.at, self.at, &event);
    }

    /// A book moves by at most one price step; one size changes in any case.
    fn turn(&mut self, venue: u16, symbol: u32, step: i64) {
        let mid = self.mid(venue, symbol);
        let size = Num::new(1_000 + self.roll(5_000) as i64, 3);
        let (gone, new) = (Num::new(0, 3), size);
        let level = |price: i64, size: Num| Level { price: Num::new(price, 1), size };
        let (bids, asks) = match step {
            1 => (vec![level(mid, new)], vec![level(mid + 1, gone)]),
            -1 => (vec![level(mid - 1, gone)], vec![level(mid, new)]),
            _ => (vec![level(mid - 2, new)], vec![level(mid + 2, new)]),
        };
        self.mids[slot(venue, symbol)] += step;
        let change = BookChange { snapshot: false, bids: &bids, asks: &asks, seq: None };
        self.tell(venue, symbol, Body::Book(change));
    }

    fn trade(&mut self, venue: u16, symbol: u32) {
        let side = if self.roll(2) == 0 { Side::Buy } else { Side::Sell };
        let trade = Trade {
            id: TradeId::None,
            price: Num::new(self.mid(venue, symbol), 1),
            size: Num::new(100 + self.roll(900) as i64, 3),
            side,
            is_liquidation: false,
            is_history: false,
        };
        self.tell(venue, symbol, Body::Trade(trade));
    }

    fn ticker(&mut self, venue: u16, symbol: u32) {
        let mid = self.mid(venue, symbol);
        let price = |off: i64| Some(Decimal::new(mid * 10 + off, 2));
        let ticker = Ticker {
            mark: price(4),
            index: price(1),
            funding_rate: Some(Decimal::new(100 + i64::from(venue) * 7, 6)),
            predicted_funding_rate: Some(Decimal::new(90 + i64::from(venue) * 6, 6)),
            funding_next: Some(Nanos((self.at.0 / (8 * HOUR) + 1) * 8 * HOUR)),
            funding_cap: Some(Decimal::new(75, 4)),
            funding_floor: Some(Decimal::new(-75, 4)),
            open_interest: Some(Decimal::from(20_000 + self.roll(200) as i64)),
            volume_24h: Some(Decimal::from(90_000)),
            ..Ticker::default()
        };
        self.tell(venue, symbol, Body::Ticker(&ticker));
    }

    fn liquidate(&mut self, venue: u16, symbol: u32) {
        let position = if self.roll(2) == 0 { PositionSide::Long } else { PositionSide::Short };
        let print = Liquidation {
            id: TradeId::None,
            price: Num::new(self.mid(venue, symbol), 1),
            size: Num::new(500 + self.roll(4_000) as i64, 3),
            position,
            price_is: LiquidationPrice::Fill,
            loss: None,
        };
        self.tell(venue, symbol, Body::Liquidation(print));
    }

    fn option(&mut self, n: u32) {
        let noise = self.roll(100) as i64;
        let iv = |off: i64| Some(Decimal::new(5_500 + noise + off, 4));
        let delta = Decimal::new(5 + i64::from(n / 10) * 45, 3);
        let tick = OptionTick {
            mark_iv: iv(0),
            bid_iv: iv(-20),
            ask_iv: iv(20),
            delta: Some(if n.is_multiple_of(2) { delta } else { delta - Decimal::ONE }),
            underlying_price: Some(Decimal::new(self.mid(0, 0), 1)),
            ..OptionTick::default()
        };
        self.tell(0, INSTRUMENTS + n, Body::Option(&tick));
    }

    fn fund(&mut self, venue: u16) {
        let amount = Decimal::from(900_000_000 + self.roll(1_000_000) as i64);
        let fund = InsuranceFund { pool: "USDT", asset: "USDT", amount, usd: None };
        let event = Event { symbol: Symbol::NONE, ts_venue: Some(self.at), body: Body::Fund(fund) };
        self.engine.event(venue, ConnIx(venue), self.at, self.at, &event);
    }

    fn mid(&self, venue: u16, symbol: u32) -> i64 {
        self.mids[slot(venue, symbol)]
    }

    /// A number below `n` (xorshift).
    fn roll(&mut self, n: u64) -> u64 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        self.chance % n
    }
}

fn slot(venue: u16, symbol: u32) -> usize {
    (u32::from(venue) * INSTRUMENTS + symbol) as usize
}

fn name(symbol: u32) -> String {
    format!("S{symbol:02}")
}
