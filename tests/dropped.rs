//! What the index says while a venue is lost: losing data never looks like calm without a word.
//! METRICS.md §7 and §12.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a broken helper is a failed test, and a test says what it did"
)]

use faultline::config::venues;
use faultline::engine::Engine;
use faultline::engine::index::members::Sub;
use faultline::engine::metric::{Row, Scope, find};
use faultline::model::entry::{ConnInfo, ConnIx, Control};
use faultline::model::event::{
    Body, BookChange, Event, InsuranceFund, Level, Liquidation, LiquidationPrice, PositionSide, Side, Symbol,
    Ticker, Trade, TradeId,
};
use faultline::model::instrument::{Class, InstrumentDef};
use faultline::model::margin::{MarginBase, MarginForm, MarginSchedule, TierRow, TierStyle};
use faultline::model::num::Num;
use faultline::model::time::{MS, Nanos, SECOND, TICK};
use rust_decimal::Decimal;

const START: Nanos = Nanos(1_767_225_600 * SECOND);
const VENUES: [&str; 5] = ["alfa", "bravo", "carol", "delta", "echo"];
const ASSETS: [(&str, i64); 2] = [("BTC", 60_000), ("ETH", 2_500)];
/// An hour of past that several members need, and some minutes.
const WARM: i64 = 3_900;
/// Seconds without a venue, longer than anything is held; seconds until it counts again.
const LOST: i64 = 150;
const BACK: i64 = 120;
/// Seconds after which silence is noticed.
const NOTICED: i64 = 30;
/// Points by which two indices of the same market may differ: one of them has another past.
const NOISE: f64 = 1.0;

/// Numbers from a seed.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// How a venue is lost.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Loss {
    /// Its sockets stay and say nothing.
    Silent,
    /// Its connection closes.
    Closed,
}

fn engine() -> Engine {
    let spec = |id: &&str| {
        let text = format!(
            "id = \"{id}\"\nbrand = \"{id}\"\nshort = \"{id}\"\nname = \"{id}\"\nregime = \"R\"\ndialect = \"none\"\n\
             [[endpoint]]\nname = \"x\"\nurl = \"wss://x\"\nchannels = [\"book\", \"ticker\", \"trade\", \"liquidation\"]\n\
             [rest]\nurl = \"https://x\"\n[channel.book]\nexpected_gap_ms = 1000\n[channel.ticker]\nexpected_gap_ms = 1000\n\
             [channel.liquidation]\nexpected_gap_ms = 600000\non_change = true\nreport = \"all\"\n"
        );
        venues::read(id, &text).unwrap()
    };
    let mut engine = Engine::new(VENUES.iter().map(spec).collect(), Vec::new());
    for (venue, id) in (0..).zip(VENUES) {
        let info = ConnInfo { venue: id.into(), name: format!("{id}/x-1"), url: "wss://x".into() };
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

/// Strain of one venue, 0 to 1: prices away, funding at its cap, thin books, liquidations, rules apart.
struct Market {
    dice: Dice,
    strain: [f64; VENUES.len()],
    price: [f64; ASSETS.len()],
}

impl Market {
    /// A second of all venues, told to the engines that hear a venue.
    fn second(&mut self, n: i64, engines: &mut [(&mut Engine, &dyn Fn(u16) -> bool)]) {
        let at = START.plus(n * SECOND - 300 * MS);
        for asset in 0..ASSETS.len() {
            self.price[asset] *= 1.0 + (self.dice.next() - 0.5) * 4e-5;
            for venue in 0..VENUES.len() as u16 {
                let rolls = [(); 8].map(|()| self.dice.next());
                for (engine, _) in engines.iter_mut().filter(|(_, hears)| hears(venue)) {
                    self.tell(engine, n, at, venue, asset, rolls);
                }
            }
        }
    }

    fn tell(&self, engine: &mut Engine, n: i64, at: Nanos, venue: u16, asset: usize, rolls: [f64; 8]) {
        let strain = self.strain[usize::from(venue)];
        let symbol = Symbol { ix: asset as u32, text: ASSETS[asset].0 };
        let mut told = |symbol: Symbol<'_>, body: Body<'_>| {
            let stamp = at.plus(-MS * (10 + (1_500.0 * strain * rolls[0]) as i64));
            engine.frame(ConnIx(venue), at, 1);
            let event = Event { symbol, ts_venue: Some(stamp), body };
            assert_eq!(engine.event(venue, ConnIx(venue), at, at, &event), None);
        };
        let usdt = Symbol { ix: ASSETS.len() as u32, text: "USDT" };
        let mid = self.price[asset] * (1.0 + (strain * 60.0 + rolls[1]) * 1e-4);
        let num = |x: f64, scale: u8| Num::new((x * 10f64.powi(i32::from(scale))) as i64, scale);
        // Depth leaves a strained venue in the last hour's end.
        let thin = if n > WARM - 300 { 1.0 - 0.9 * strain } else { 1.0 };
        let size = 3e6 / mid * thin * (0.9 + 0.2 * rolls[2]);
        let side = |sign: f64| -> Vec<Level> {
            let price = |k: i64| num(mid * (1.0 + sign * (0.5 + 4.0 * k as f64) * 1e-4), 2);
            (0..12).map(|k| Level { price: price(k), size: num(size, 4) }).collect()
        };
        let (bids, asks) = (side(-1.0), side(1.0));
        told(symbol, Body::Book(BookChange { snapshot: n % 60 == 1, bids: &bids, asks: &asks, seq: None }));
        if n % 60 != 1 {
            // A snapshot only replaces what is there; between them books move by being told anew.
            told(symbol, Body::Book(BookChange { snapshot: true, bids: &bids, asks: &asks, seq: None }));
        }
        let price = num(mid, 2);
        let (id, is_liquidation, is_history) = (TradeId::None, false, false);
        let trade_side = if rolls[3] < 0.5 { Side::Buy } else { Side::Sell };
        let trade =
            Trade { id, price, size: num(30_000.0 / mid, 4), side: trade_side, is_liquidation, is_history };
        told(symbol, Body::Trade(trade));
        let decimal = |x: f64, digits: u32| Decimal::from_f64_retain(x).unwrap().round_dp(digits);
        let open = 2e9 / mid * (1.0 - 0.05 * strain * (n as f64 / WARM as f64)) * (1.0 + 1e-5 * rolls[4]);
        if n % 5 == 0 {
            told(
                symbol,
                Body::Ticker(&Ticker {
                    mark: Some(decimal(mid * (1.0 + strain * 20.0 * 1e-4), 2)),
                    index: Some(decimal(self.price[asset], 2)),
                    funding_rate: Some(decimal(0.0001 + 0.004 * strain, 6)),
                    funding_interval_h: Some(Decimal::from(8)),
                    funding_cap: Some(Decimal::new(5, 3)),
                    funding_floor: Some(Decimal::new(-5, 3)),
                    open_interest: Some(decimal(open, 3)),
                    ..Ticker::default()
                }),
            );
        }
        if asset == 0 {
            let amount = decimal(5e7 * (1.0 - 0.3 * strain * (n as f64 / WARM as f64)), 0);
            told(
                symbol,
                Body::Fund(InsuranceFund { pool: "USDT", asset: "USDT", amount, usd: Some(amount) }),
            );
            let mid = 1.0 - 5e-3 * strain;
            let level = |x: f64| [Level { price: num(x, 6), size: num(1e6, 0) }];
            let (bids, asks) = (level(mid - 5e-5), level(mid + 5e-5));
            let change = BookChange { snapshot: true, bids: &bids, asks: &asks, seq: None };
            told(usdt, Body::Book(change));
        }
        if rolls[5] < 0.02 + 0.3 * strain {
            let size = num((1e4 + 3e5 * strain) / mid, 4);
            let price_is = LiquidationPrice::Fill;
            let print = Liquidation { id, price, size, position: PositionSide::Long, price_is, loss: None };
            told(symbol, Body::Liquidation(print));
        }
        if n % 600 == 1 {
            let most = Decimal::from(if strain > 0.5 { 125 } else { 20 });
            let maintenance = Some(if strain > 0.5 { Decimal::new(4, 3) } else { Decimal::new(25, 3) });
            let row = TierRow {
                floor: Decimal::ZERO,
                cap: None,
                initial: None,
                maintenance,
                max_leverage: Some(most),
            };
            let form = MarginForm::Tiers { style: TierStyle::Marginal, rows: vec![row] };
            let basis = faultline::model::instrument::SizeUnit::Quote;
            let schedule = MarginSchedule { form, basis, base: MarginBase::Mark, liquidation_fee: None };
            told(symbol, Body::Schedule(&schedule));
        }
    }
}

fn row(engine: &Engine) -> Row {
    *engine.tables()[find("faultline_index").unwrap()].row(Scope::GLOBAL).unwrap()
}

/// Both engines hear the same market; one loses a venue now and then.
struct Pair {
    kept: Engine,
    lost: Engine,
    market: Market,
    n: i64,
}

impl Pair {
    /// A second, without a venue on one side.
    fn second(&mut self, without: Option<u16>) {
        self.n += 1;
        let hears_all = |_: u16| true;
        let hears = |venue: u16| Some(venue) != without;
        let engines: &mut [(&mut Engine, &dyn Fn(u16) -> bool)] =
            &mut [(&mut self.kept, &hears_all), (&mut self.lost, &hears)];
        self.market.second(self.n, engines);
        for engine in [&mut self.kept, &mut self.lost] {
            // Underlyings take turns within a second: two of them need its first two ticks.
            for part in [0, 1] {
                let at = START.plus(self.n * SECOND + part * TICK);
                engine.tick((10 * self.n + part) as u64, at, &mut Vec::new());
            }
        }
    }

    /// What a lost venue takes from the index at this second, in points; `None` where a worse quality says so.
    fn fall(&self, venue: u16) -> Option<f64> {
        let (kept, lost) = (row(&self.kept), row(&self.lost));
        assert!(
            lost.quality >= kept.quality,
            "{venue}: less data gave {:?} of {:?}",
            lost.quality,
            kept.quality
        );
        let (Some(whole), Some(part)) = (kept.value, lost.value.filter(|_| lost.quality == kept.quality))
        else {
            assert!(lost.quality > kept.quality, "{venue}: no value and no word");
            return None;
        };
        let told = |engine: &Engine| *engine.market().index.market().unwrap();
        let scores = told(&self.kept).y.into_iter().zip(told(&self.lost).y);
        let lower = Sub::ALL.iter().zip(scores).filter(|(_, (kept, lost))| lost < kept);
        let weights: f64 = lower.map(|(sub, _)| 100.0 * sub.weight()).sum();
        assert!(whole - part <= weights + NOISE, "{venue}: {whole} became {part}, {weights} may go");
        Some(whole - part)
    }
}

/// Catches: a venue that takes its stress with it and leaves calm: readings that vanish instead of being
/// held, weights that shrink with what is lost, a quality that gets better with less data.
#[test]
fn a_lost_venue_never_lowers_the_index_by_more_than_a_sub_index_weighs() {
    let mut dice = Dice(7);
    let mut pair = Pair {
        kept: engine(),
        lost: engine(),
        market: Market {
            dice: Dice(11),
            strain: VENUES.map(|_| dice.next()),
            price: ASSETS.map(|asset| asset.1 as f64),
        },
        n: 0,
    };
    (0..WARM).for_each(|_| pair.second(None));
    let heaviest = Sub::ALL.iter().map(|sub| 100.0 * sub.weight()).fold(0.0, f64::max);
    for (venue, id) in (0..).zip(VENUES) {
        let loss = if venue % 2 == 0 { Loss::Silent } else { Loss::Closed };
        let before = row(&pair.lost);
        assert!(before.value.is_some_and(|value| value > 10.0), "there is stress to lose: {before:?}");
        let at = START.plus(pair.n * SECOND);
        if loss == Loss::Closed {
            let closed = Control::Closed { reason: "gone".into(), retry_ms: 0 };
            pair.lost.control(ConnIx(venue), at, &closed);
        }
        let (mut worst, mut silent) = (f64::MIN, 0);
        for second in 0..LOST {
            pair.second(Some(venue));
            match pair.fall(venue) {
                Some(fall) => worst = worst.max(fall),
                None => silent += 1,
            }
            if second >= NOTICED {
                let (kept, lost) = (row(&pair.kept).coverage, row(&pair.lost).coverage);
                assert!(lost < kept, "{id} is gone and coverage is {lost} of {kept}");
            }
        }
        println!(
            "{id} {loss:?} of {:.1}: at most {worst:.2} less, {silent} s told by quality",
            before.value.unwrap()
        );
        assert!(worst <= heaviest, "{id}: the index fell by {worst}");
        if loss == Loss::Closed {
            let at = START.plus(pair.n * SECOND);
            pair.lost.control(ConnIx(venue), at, &Control::Opened { reconnects: 1 });
        }
        pair.market.strain = VENUES.map(|_| dice.next());
        if venue >= 2 {
            // From here on the next one has nearly all of the stress.
            pair.market.strain.iter_mut().for_each(|strain| *strain *= 0.2);
            pair.market
                .strain
                .iter_mut()
                .skip(usize::from(venue) + 1)
                .take(1)
                .for_each(|strain| *strain = 1.0);
        }
        (0..BACK).for_each(|_| pair.second(None));
    }
}
