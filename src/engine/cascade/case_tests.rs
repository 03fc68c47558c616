//! From events of a market to the figures: what is published, when, and what is said of what is missing.

use super::*;
use crate::engine::Engine;
use crate::engine::cascade::sandbox::Sandbox;
use crate::engine::metric::{Part, Row, Scope, find};
use crate::model::entry::{ConnInfo, ConnIx, Control};
use crate::model::event::{
    Body, BookChange, Event, Gap, GapWhy, InsuranceFund, Level as BookLevel, Liquidation, LiquidationPrice,
    PositionSide, Symbol, Ticker, Trade, TradeId,
};
use crate::model::instrument::{InstrumentDef, SizeUnit};
use crate::model::margin::{MarginBase, MarginForm, MarginSchedule, TierRow, TierStyle};
use crate::model::num::Num;
use crate::model::time::TICK;
use crate::model::{Decimal, venue::VenueSpec};

const START: Nanos = Nanos(1_767_225_600 * SECOND);
/// Tick at which the first result is on the tables: taken at the first, published a second later, read by the
/// late half of that second.
const LATE_ROW: i64 = 15;
pub(in crate::engine::cascade) const VENUES: [&str; 3] = ["a", "b", "c"];

pub(in crate::engine::cascade) struct World {
    pub(in crate::engine::cascade) engine: Engine,
    pub(in crate::engine::cascade) now: Nanos,
}

impl World {
    /// Three venues with a book, a mark and 10,000 contracts each; the last says nothing of margins, and only
    /// the first names its fund.
    pub(in crate::engine::cascade) fn new() -> World {
        let spec = |id: &&str| -> VenueSpec {
            let text = format!(
                "id = \"{id}\"\nbrand = \"{id}\"\nshort = \"{id}\"\nname = \"{id}\"\ndialect = \"x\"\n\
                 [[endpoint]]\nname = \"e\"\nurl = \"wss://v.invalid\"\nchannels = [\"book\"]\n\
                 [rest]\nurl = \"https://v.invalid\"\n[channel.book]\non_change = true\n"
            );
            crate::config::venues::read("v.toml", &text).unwrap()
        };
        let engine = Engine::new(VENUES.iter().map(spec).collect(), Vec::new());
        let mut world = World { engine, now: START };
        for (venue, id) in (0u16..).zip(VENUES) {
            let info = ConnInfo { venue: id.into(), name: format!("{id}/e-1"), url: String::new() };
            world.engine.connect(ConnIx(venue), venue, &info);
            world.engine.control(ConnIx(venue), START, &Control::Opened { reconnects: 0 });
            let def = InstrumentDef {
                underlying: "BTC".into(),
                base: "BTC".into(),
                quote: "USDT".into(),
                settle: "USDT".into(),
                multiplier: Decimal::ONE,
                price_scale: Decimal::ONE,
                oi_sides: 1,
                ..InstrumentDef::default()
            };
            world.tell(venue, Body::Instrument(&def));
            world.book(venue);
            world.mark(venue, 60_000);
            if id != "c" {
                world.tell(venue, Body::Schedule(&schedule()));
            }
        }
        let fund = InsuranceFund { pool: "USDT", asset: "USDT", amount: Decimal::from(50_000), usd: None };
        let event = Event { symbol: Symbol::NONE, ts_venue: None, body: Body::Fund(fund) };
        world.engine.event(0, ConnIx(0), START, START, &event);
        world
    }

    fn tell(&mut self, venue: u16, body: Body<'_>) {
        self.engine.frame(ConnIx(venue), self.now, 1);
        let event = Event { symbol: Symbol { ix: 0, text: "X" }, ts_venue: None, body };
        assert_eq!(self.engine.event(venue, ConnIx(venue), self.now, self.now, &event), None);
    }

    pub(in crate::engine::cascade) fn mark(&mut self, venue: u16, mark: i64) {
        let ticker = Ticker {
            mark: Some(Decimal::from(mark)),
            index: Some(Decimal::from(mark)),
            open_interest: Some(Decimal::from(10_000)),
            ..Ticker::default()
        };
        self.tell(venue, Body::Ticker(&ticker));
    }

    fn book(&mut self, venue: u16) {
        let side = |sign: i64| -> Vec<BookLevel> {
            let level = |k: i64| (60_000 + sign * (10 + k * 150), 5 + 5 * k);
            (0..10)
                .map(level)
                .map(|(p, q)| BookLevel { price: Num::new(p, 0), size: Num::new(q, 0) })
                .collect()
        };
        let (bids, asks) = (side(-1), side(1));
        self.tell(venue, Body::Book(BookChange { snapshot: true, bids: &bids, asks: &asks, seq: None }));
    }

    /// Ticks up to so many tenths of a second after the start; connections stay alive.
    pub(in crate::engine::cascade) fn run_to(&mut self, tenths: i64) {
        while self.now <= START.plus(tenths * TICK) {
            for venue in 0..VENUES.len() as u16 {
                self.engine.frame(ConnIx(venue), self.now, 1);
            }
            self.engine.tick(0, self.now, &mut Vec::new());
            self.now = self.now.plus(TICK);
        }
    }

    fn row(&self, metric: &str, scope: Scope) -> Row {
        let table = &self.engine.tables()[find(metric).unwrap()];
        *table.row(scope).unwrap_or_else(|| panic!("{metric}: {:?}", table.rows()))
    }

    fn about(&self) -> &About {
        &self.engine.market().cases.result(0).unwrap().0
    }
}

fn schedule() -> MarginSchedule {
    let row = TierRow {
        floor: Decimal::ZERO,
        cap: None,
        initial: None,
        maintenance: Some(Decimal::new(4, 3)),
        max_leverage: Some(Decimal::ONE_HUNDRED),
    };
    MarginSchedule {
        form: MarginForm::Tiers { style: TierStyle::Slab, rows: vec![row] },
        basis: SizeUnit::Base,
        base: MarginBase::Mark,
        liquidation_fee: None,
    }
}

fn part(name: &'static str) -> Scope {
    Scope::underlying(0).part(Part::Named(name))
}

/// Catches: a result seen before its second, a venue without rules that is simulated, an unknown fund taken
/// for a figure.
#[test]
fn a_result_comes_a_second_later_and_says_what_it_lacks() {
    let mut world = World::new();
    world.run_to(10);
    assert!(world.engine.market().cases.result(0).is_none());
    assert_eq!(world.row("critical_shock_pct", Scope::underlying(0)).quality, Quality::Missing);
    world.run_to(LATE_ROW);
    let about = world.about();
    assert_eq!((about.at, about.expected, about.venues.len()), (START.plus(TICK), 3, 3));
    assert_eq!(about.venues.iter().map(|v| v.is_modelled).collect::<Vec<_>>(), [true, true, false]);
    let funds: Vec<_> = about.venues.iter().map(|v| v.pool.as_ref().map(|p| p.usd)).collect();
    assert_eq!(funds, [Some(50_000.0), None, None]);
    assert!(about.has_unknown_fund());
    assert!((about.coverage - (1.0 + UNKNOWN_FUND) / 3.0).abs() < 1e-9, "{}", about.coverage);
    let critical = world.row("critical_shock_pct", Scope::underlying(0));
    assert!(critical.value.is_some_and(|x| (0.5..=5.0).contains(&x)), "{critical:?}");
    assert_eq!(critical.quality, Quality::Degraded);
    let [low, middle, high] =
        ["down_low", "down", "down_high"].map(|p| world.row("adl_notional_usd", part(p)).value);
    assert!(low <= middle && middle < high, "{low:?} {middle:?} {high:?}");
    assert!(world.row("cascade_loss_usd", part("down")).value > Some(0.0));
    assert!(world.row("cascade_amplification", part("up")).value >= Some(1.0));
    let [known, unknown] = [0, 1].map(|v| world.row("insurance_cover", Scope::venue(v)));
    assert!(known.value.is_some_and(|c| c > 0.0) && known.quality == Quality::Degraded, "{known:?}");
    assert_eq!((unknown.value, unknown.quality), (None, Quality::Missing));
}

/// Catches: the fund of one contract taken for that of another.
#[test]
fn a_fund_of_another_instrument_is_none_of_ours() {
    let mut world = World::new();
    for (ix, text) in [(1, "Y"), (2, "Z")] {
        let def = InstrumentDef { underlying: text.into(), ..InstrumentDef::default() };
        let body = Body::Instrument(&def);
        let event = Event { symbol: Symbol { ix, text }, ts_venue: None, body };
        world.engine.event(1, ConnIx(1), START, START, &event);
    }
    let fund = |pool| InsuranceFund { pool, asset: "USDT", amount: Decimal::from(9), usd: None };
    for pool in ["Y", "all of us"] {
        let before = Sandbox::take(world.engine.market(), 0, START).run(&scan());
        assert_eq!(before.venues[1].fund, None, "before {pool}");
        let event = Event { symbol: Symbol::NONE, ts_venue: None, body: Body::Fund(fund(pool)) };
        world.engine.event(1, ConnIx(1), START, START, &event);
    }
    let shared = Sandbox::take(world.engine.market(), 0, START).run(&scan());
    assert!(shared.venues[1].fund.is_some(), "{:?}", shared.venues);
}

fn scan() -> crate::config::scenarios::Scenario {
    crate::config::scenarios::read("scan.toml", "title = \"x\"\n[scan]\n").unwrap()
}

/// Catches: bands that lose their order on the way, open interest that the cohorts forget.
#[test]
fn estimates_have_bands() {
    let mut world = World::new();
    world.run_to(5);
    let cell = Scope::cell(0, 0);
    let of = |name: &'static str| world.row("liq_at_risk_usd_5", cell.part(Part::Named(name))).value.unwrap();
    let (p10, p50, p90) = (of("down_p10"), of("down_p50"), of("down_p90"));
    assert!(0.0 < p10 && p10 <= p50 && p50 <= p90 && p90 <= 6e8, "{p10} {p50} {p90}");
    let share = world.row("near_liq_share_5", cell.part(Part::Named("long_p50")));
    assert!((share.value.unwrap() - 100.0 * p50 / 6e8).abs() < 1e-9 && share.coverage == 0.0);
    let leverage = world.row("implied_leverage", cell).value.unwrap();
    assert!((1.5..6.0).contains(&leverage), "{leverage}");
    assert_eq!(world.row("implied_leverage", Scope::cell(0, 2)).quality, Quality::Missing);
    let series = world.engine.market().hidden.series(0, 0).unwrap();
    assert!((series.cohorts.total() - 10_000.0).abs() < 1e-6);
}

/// Catches: an old book that counts in full.
#[test]
fn a_book_that_is_lost_counts_a_tenth() {
    let mut world = World::new();
    world.run_to(LATE_ROW);
    let before = world.row("cascade_loss_usd", part("down")).value;
    world.tell(1, Body::Gap(Gap { expected: None, got: None, why: GapWhy::Sequence }));
    world.run_to(100 + LATE_ROW);
    let about = world.about();
    assert_eq!(about.at, START.plus(10 * SECOND + TICK));
    assert!(about.venues[1].is_book_old && !about.venues[0].is_book_old);
    assert!(world.row("cascade_loss_usd", part("down")).value != before);
    let oldest = |world: &World| world.engine.market().cases.by_underlying[&0].books[&1][0].len();
    assert_eq!(oldest(&world), 10);
}

/// Catches: liquidations that reach no filter, and silence of a venue that never reports taken for calm.
#[test]
fn liquidations_teach() {
    let (mut silent, mut told) = (World::new(), World::new());
    for world in [&mut silent, &mut told] {
        world.run_to(20);
        world.mark(0, 58_000);
    }
    told.tell(
        0,
        Body::Liquidation(Liquidation {
            id: TradeId::None,
            price: Num::new(58_500, 0),
            size: Num::new(500, 0),
            position: PositionSide::Long,
            price_is: LiquidationPrice::Fill,
            loss: None,
        }),
    );
    let weights = |w: &mut World| {
        w.run_to(601);
        w.engine.market().hidden.series(0, 0).unwrap().weights(0)
    };
    let (silent, told) = (weights(&mut silent), weights(&mut told));
    assert!((silent[9] - 0.004).abs() < 1e-12, "what cannot be heard teaches nothing: {silent:?}");
    assert!(
        (told[9] - silent[9]).abs() > 1e-9 && told.iter().sum::<f64>() > silent.iter().sum::<f64>(),
        "{told:?}"
    );
}

/// Catches: a close that a venue flags on its trade, and its dialect tells as a liquidation too, counted
/// twice; a bankruptcy price taken for the price of a trade.
#[test]
fn a_close_that_is_told_twice_teaches_once() {
    let lesson = |price: i64, price_is: LiquidationPrice, is_flagged: bool| {
        let mut world = World::new();
        world.run_to(20);
        world.mark(0, 58_000);
        let (price, size) = (Num::new(price, 0), Num::new(500, 0));
        let id = TradeId::None;
        if is_flagged {
            let trade = Trade {
                id,
                price,
                size,
                side: crate::model::event::Side::Sell,
                is_liquidation: true,
                is_history: false,
            };
            world.tell(0, Body::Trade(trade));
        }
        let position = PositionSide::Long;
        world.tell(0, Body::Liquidation(Liquidation { id, price, size, position, price_is, loss: None }));
        world.run_to(601);
        world.engine.market().hidden.series(0, 0).unwrap().weights(0).to_vec()
    };
    let once = lesson(58_000, LiquidationPrice::Fill, false);
    assert_eq!(lesson(58_000, LiquidationPrice::Fill, true), once);
    assert_eq!(lesson(51_000, LiquidationPrice::Bankruptcy, false), once, "worth the mark");
    assert_ne!(lesson(51_000, LiquidationPrice::Fill, false), once);
}

/// Catches: chance or hash order in a result.
#[test]
fn the_same_events_give_the_same_rows() {
    let rows = || {
        let mut world = World::new();
        world.run_to(700);
        let ids = ["cascade_loss_usd", "near_liq_share_5", "implied_leverage", "risk_concentration_tv"];
        ids.map(|id| world.engine.tables()[find(id).unwrap()].rows().to_vec())
    };
    assert_eq!(rows(), rows());
}
