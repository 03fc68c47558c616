//! A made-up market of several venues and two coins, told to engines as events.

use faultline::config::venues;
use faultline::engine::Engine;
use faultline::model::entry::{ConnInfo, ConnIx, Control};
use faultline::model::event::{
    Body, BookChange, Event, InsuranceFund, Level, Liquidation, LiquidationPrice, PositionSide, Side, Symbol,
    Ticker, Trade, TradeId,
};
use faultline::model::instrument::{Class, InstrumentDef, SizeUnit};
use faultline::model::margin::{MarginBase, MarginForm, MarginSchedule, TierRow, TierStyle};
use faultline::model::num::Num;
use faultline::model::time::{MS, Nanos, SECOND, TICK};
use rust_decimal::Decimal;

pub(crate) const START: Nanos = Nanos(1_767_225_600 * SECOND);
pub(crate) const VENUES: [&str; 5] = ["alfa", "bravo", "carol", "delta", "echo"];
pub(crate) const ASSETS: [(&str, i64); 2] = [("BTC", 60_000), ("ETH", 2_500)];
/// Seconds over which open interest and funds of a strained venue shrink; its depth goes at their end.
pub(crate) const STORY: i64 = 3_900;

/// Numbers from a seed.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// An engine over these venues, all of them connected and listed.
pub(crate) fn engine(ids: &[&str]) -> Engine {
    let spec = |id: &&str| {
        let text = format!(
            "id = \"{id}\"\nbrand = \"{id}\"\nshort = \"{id}\"\nname = \"{id}\"\nregime = \"R\"\ndialect = \"none\"\n\
             [[endpoint]]\nname = \"x\"\nurl = \"wss://x\"\nchannels = [\"book\", \"ticker\", \"trade\", \"liquidation\"]\n\
             [rest]\nurl = \"https://x\"\n[channel.book]\nexpected_gap_ms = 1000\n[channel.ticker]\nexpected_gap_ms = 1000\n\
             [channel.liquidation]\nexpected_gap_ms = 600000\non_change = true\nreport = \"all\"\n"
        );
        venues::read(id, &text).unwrap()
    };
    let mut engine = Engine::new(ids.iter().map(spec).collect(), Vec::new());
    for (venue, id) in (0..).zip(ids) {
        let info = ConnInfo { venue: (*id).into(), name: format!("{id}/x-1"), url: "wss://x".into() };
        engine.connect(ConnIx(venue), venue, &info);
        engine.control(ConnIx(venue), START, &Control::Opened { reconnects: 0 });
        for (symbol, (asset, _)) in (0..).zip(ASSETS) {
            let def = InstrumentDef {
                underlying: asset.into(),
                base: asset.into(),
                quote: "USDT".into(),
                settle: "USDT".into(),
                multiplier: Decimal::ONE,
                price_scale: Decimal::ONE,
                oi_sides: 1,
                ..InstrumentDef::default()
            };
            engine.define(venue, symbol, asset, &def);
        }
        let spot = InstrumentDef {
            class: Class::Spot,
            underlying: "USDT".into(),
            base: "USDT".into(),
            quote: "USD".into(),
            settle: "USD".into(),
            multiplier: Decimal::ONE,
            price_scale: Decimal::ONE,
            ..InstrumentDef::default()
        };
        engine.define(venue, ASSETS.len() as u32, "USDT", &spot);
    }
    engine
}

/// The venues of a market, and each one's strain, 0 to 1: prices away, funding at its cap, thin books,
/// liquidations, rules apart.
pub(crate) struct Market {
    pub(crate) dice: Dice,
    pub(crate) strain: [f64; VENUES.len()],
    pub(crate) price: [f64; ASSETS.len()],
}

/// An engine, and as which of its venues it hears one of the market's.
pub(crate) type Hearer<'e> = (&'e mut Engine, &'e dyn Fn(u16) -> Option<u16>);

/// One asset of one venue in one second.
struct Told<'e> {
    engine: &'e mut Engine,
    venue: u16,
    n: i64,
    asset: usize,
    strain: f64,
    /// What an index states for the asset.
    price: f64,
    mid: f64,
    rolls: [f64; 8],
}

fn num(x: f64, scale: u8) -> Num {
    Num::new((x * 10f64.powi(i32::from(scale))) as i64, scale)
}

fn decimal(x: f64, digits: usize) -> Decimal {
    format!("{x:.digits$}").parse().unwrap()
}

impl Market {
    pub(crate) fn new(seed: u64, strain: [f64; VENUES.len()]) -> Market {
        Market { dice: Dice(seed), strain, price: ASSETS.map(|asset| asset.1 as f64) }
    }

    /// A second of all venues, then the ticks of that second.
    pub(crate) fn second(&mut self, n: i64, hearers: &mut [Hearer<'_>]) {
        for asset in 0..ASSETS.len() {
            self.price[asset] *= 1.0 + (self.dice.next() - 0.5) * 4e-5;
            let price = self.price[asset];
            for venue in 0..VENUES.len() as u16 {
                let (strain, rolls) = (self.strain[usize::from(venue)], [(); 8].map(|()| self.dice.next()));
                let mid = price * (1.0 + (strain * 60.0 + rolls[1]) * 1e-4);
                for (engine, hears) in hearers.iter_mut() {
                    if let Some(venue) = hears(venue) {
                        Told { engine, venue, n, asset, strain, price, mid, rolls }.all();
                    }
                }
            }
        }
        for (engine, _) in hearers {
            // The second itself, the visits of its underlying, its late figures.
            for part in [0, 1, 5] {
                let at = START.plus(n * SECOND + part * TICK);
                engine.tick((10 * n + part) as u64, at, &mut Vec::new());
            }
        }
    }
}

impl Told<'_> {
    fn tell(&mut self, symbol: usize, body: Body<'_>) {
        let (conn, at) = (ConnIx(self.venue), START.plus(self.n * SECOND - 300 * MS));
        let text = ASSETS.get(symbol).map_or("USDT", |asset| asset.0);
        let stamp = at.plus(-MS * (10 + (1_500.0 * self.strain * self.rolls[0]) as i64));
        let event = Event { symbol: Symbol { ix: symbol as u32, text }, ts_venue: Some(stamp), body };
        self.engine.frame(conn, at, 1);
        assert_eq!(self.engine.event(self.venue, conn, at, at, &event), None);
    }

    fn all(mut self) {
        self.books();
        self.flow();
        if self.n % 5 == 0 {
            self.ticker();
        }
        if self.n % 600 == 1 {
            self.rules();
        }
    }

    fn book(&mut self, symbol: usize, bids: &[Level], asks: &[Level]) {
        self.tell(symbol, Body::Book(BookChange { snapshot: true, bids, asks, seq: None }));
    }

    fn books(&mut self) {
        let thin = if self.n > STORY - 300 { 1.0 - 0.9 * self.strain } else { 1.0 };
        let size = num(3e6 / self.mid * thin * (0.9 + 0.2 * self.rolls[2]), 4);
        let mid = self.mid;
        let side = |sign: f64| -> Vec<Level> {
            let price = |k: i64| num(mid * (1.0 + sign * (0.5 + 4.0 * k as f64) * 1e-4), 2);
            (0..12).map(|k| Level { price: price(k), size }).collect()
        };
        self.book(self.asset, &side(-1.0), &side(1.0));
        if self.asset == 0 {
            let mid = 1.0 - 5e-3 * self.strain;
            let level = |x: f64| [Level { price: num(x, 6), size: num(1e6, 0) }];
            self.book(ASSETS.len(), &level(mid - 5e-5), &level(mid + 5e-5));
        }
    }

    fn flow(&mut self) {
        let (price, id) = (num(self.mid, 2), TradeId::None);
        let side = if self.rolls[3] < 0.5 { Side::Buy } else { Side::Sell };
        let size = num(30_000.0 / self.mid, 4);
        let trade = Trade { id, price, size, side, is_liquidation: false, is_history: false };
        self.tell(self.asset, Body::Trade(trade));
        if self.rolls[5] < 0.02 + 0.3 * self.strain {
            let size = num((1e4 + 3e5 * self.strain) / self.mid, 4);
            let price_is = LiquidationPrice::Fill;
            let print = Liquidation { id, price, size, position: PositionSide::Long, price_is, loss: None };
            self.tell(self.asset, Body::Liquidation(print));
        }
    }

    fn ticker(&mut self) {
        let (strain, told) = (self.strain, self.n as f64 / STORY as f64);
        let open = 2e9 / self.mid * (1.0 - 0.05 * strain * told) * (1.0 + 1e-5 * self.rolls[4]);
        let ticker = Ticker {
            mark: Some(decimal(self.mid * (1.0 + strain * 20.0 * 1e-4), 2)),
            index: Some(decimal(self.price, 2)),
            funding_rate: Some(decimal(0.0001 + 0.004 * strain, 6)),
            funding_interval_h: Some(Decimal::from(8)),
            funding_cap: Some(Decimal::new(5, 3)),
            funding_floor: Some(Decimal::new(-5, 3)),
            open_interest: Some(decimal(open, 3)),
            ..Ticker::default()
        };
        self.tell(self.asset, Body::Ticker(&ticker));
        if self.asset == 0 {
            let amount = decimal(5e7 * (1.0 - 0.3 * strain * told), 0);
            let fund = InsuranceFund { pool: "USDT", asset: "USDT", amount, usd: Some(amount) };
            self.tell(self.asset, Body::Fund(fund));
        }
    }

    fn rules(&mut self) {
        let (most, rate) = if self.strain > 0.5 { (125, 4) } else { (20, 25) };
        let row = TierRow {
            floor: Decimal::ZERO,
            cap: None,
            initial: None,
            maintenance: Some(Decimal::new(rate, 3)),
            max_leverage: Some(Decimal::from(most)),
        };
        let form = MarginForm::Tiers { style: TierStyle::Marginal, rows: vec![row] };
        let (basis, base) = (SizeUnit::Quote, MarginBase::Mark);
        let schedule = MarginSchedule { form, basis, base, liquidation_fee: None };
        self.tell(self.asset, Body::Schedule(&schedule));
    }
}
