//! Every figure of the specification's worked examples. REGULATION section 6.

use rust_decimal::Decimal;

use super::access::{Accessible, reach};
use super::capital::{self, Position};
use super::race::verdict;
use super::score::Asked;
use super::*;
use crate::config::rulebook::{Class, ClientClass, Day, Finding, Given, Rulebook, Schedule};
use crate::engine::margins::{Mover, Weights, race_to_bottom};

const PRICE: f64 = 69_000.0;

fn near(value: f64, expected: f64, by: f64) {
    assert!((value - expected).abs() <= by, "{value} is not {expected}");
}

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

fn book() -> Rulebook {
    Rulebook::built_in().unwrap_or_else(|e| panic!("{}", e[0]))
}

fn schedule<'a>(book: &'a Rulebook, venue: &str, instrument: &str, at: &str) -> &'a Schedule {
    book.venues[venue].schedule(instrument, day(at)).unwrap()
}

fn size(usd: f64) -> Size {
    Size { usd, price: Some(PRICE), interest: None }
}

fn of(book: &Rulebook, venue: &str, instrument: &str, at: &str, class: Class) -> Divergence {
    let schedule = Some(schedule(book, venue, instrument, at));
    let asked = Asked { class, schedule, price: Some(PRICE), interest: None };
    divergence(&book.baseline, &book.venues[venue], &asked)
}

/// 6.2: initial margin and doublings on the ladder, mean, sigma, mean against the retail cap.
#[test]
fn r6_2_leverage_on_the_ladder() {
    let book = book();
    for (venue, instrument, at, rates, gaps, mean, sigma, retail) in [
        (
            "binance-usdm",
            "BTC-USDT-PERP",
            "2024-10-24",
            [1.0, 1.333, 2.0, 5.0],
            [3.91, 3.49, 2.91, 1.58],
            2.97,
            0.74,
            4.71,
        ),
        (
            "deribit",
            "BTC-USD:BTC-PERP",
            "2026-11-22",
            [2.007, 2.072, 2.725, 9.246],
            [2.90, 2.86, 2.46, 0.70],
            2.23,
            0.56,
            3.97,
        ),
        ("hyperliquid", "BTC-USDC-PERP", "2026-11-22", [2.5; 4], [2.58; 4], 2.58, 0.65, 4.32),
        ("dydx", "BTC-USD-PERP", "2026-11-22", [2.0; 4], [2.91; 4], 2.91, 0.73, 4.64),
        ("coinbase-us", "BTC-USD-301220", "2026-11-22", [10.0; 4], [0.58; 4], 0.58, 0.15, 2.32),
    ] {
        let schedule = schedule(&book, venue, instrument, at);
        let row = of(&book, venue, instrument, at, Class::Professional);
        let row = row.row("initial_margin").unwrap();
        for (n, usd) in [1e5, 1e6, 1e7, 1e8].into_iter().enumerate() {
            near(100.0 * rates::initial(schedule, &size(usd)).unwrap().loosest, rates[n], 6e-4);
            near(row.ladder[n].unwrap(), gaps[n], 5e-3);
        }
        let gap = row.gap.unwrap();
        near(gap.gap, mean, 5e-3);
        near(gap.sigma, sigma, 5e-3);
        let row = of(&book, venue, instrument, at, Class::Retail);
        near(row.row("initial_margin").unwrap().gap.unwrap().gap, retail, 5e-3);
    }
    let cde = schedule(&book, "coinbase-us", "BTC-USD-301220", "2026-11-22");
    let strictest = rates::initial(cde, &size(1e5)).unwrap().strictest;
    near(strictest, 0.306_375, 1e-12);
    near(doublings(0.15, strictest).unwrap(), -1.03, 5e-3);
    near(doublings(0.5, strictest).unwrap(), 0.71, 5e-3);
    near(doublings(0.5, 0.1).unwrap(), 2.322, 1e-3);
    near(doublings(0.5, 0.2).unwrap(), 1.322, 1e-3);
}

/// 6.3: maintenance over initial at one million.
#[test]
fn r6_3_maintenance_buffer() {
    let book = book();
    for (venue, instrument, at, ratio, sigma) in [
        ("binance-usdm", "BTC-USDT-PERP", "2024-10-24", 0.416, 0.42),
        ("deribit", "BTC-USD:BTC-PERP", "2026-11-22", 0.517, 0.27),
        ("hyperliquid", "BTC-USDC-PERP", "2026-11-22", 0.500, 0.29),
        ("dydx", "BTC-USD-PERP", "2026-11-22", 0.600, 0.16),
    ] {
        let found = of(&book, venue, instrument, at, Class::Professional);
        let row = found.row("maintenance_to_initial").unwrap();
        near(row.venue.parse().unwrap(), ratio, 1e-3);
        near(row.gap.unwrap().sigma, sigma, 5e-3);
    }
}

/// 6.4: haircuts in points; not accepted is as strict as can be and says so.
#[test]
fn r6_4_haircuts() {
    let book = book();
    let bitcoin = book.baseline.yardstick(Class::Professional, "haircut.BTC").unwrap();
    let usdc = book.baseline.yardstick(Class::Professional, "haircut.USDC").unwrap();
    for (yardstick, haircut, sigma) in [
        (bitcoin, 0.025, 0.875),
        (bitcoin, 0.15, 0.25),
        (bitcoin, 0.30, -0.50),
        (usdc, 0.0, 0.10),
        (bitcoin, 1.0, -1.0),
    ] {
        near(gap::compare_number(yardstick, haircut).unwrap().sigma, sigma, 1e-9);
    }
    let found = of(&book, "hyperliquid", "BTC-USDC-PERP", "2026-11-22", Class::Professional);
    assert_eq!(found.row("haircut.BTC").unwrap().venue, "not eligible");
    let unknown = found.row("haircut.ETH").unwrap();
    assert_eq!((unknown.gap, unknown.venue.as_str()), (None, "unknown"));
}

/// 6.5: the composite of the example's ten parameters, from the shipped facts.
#[test]
fn r6_5_composite_of_the_example() {
    let book = book();
    let found = of(&book, "hyperliquid", "BTC-USDC-PERP", "2026-11-22", Class::Professional);
    let ten = [
        "initial_margin",
        "maintenance_to_initial",
        "haircut.BTC",
        "haircut.USDC",
        "finality_level",
        "segregation_level",
        "position_limit_published",
        "default_waterfall_published",
        "guarantee_fund_balance_public",
        "reporting_level",
    ];
    let whole = score::composite(found.rows.iter().filter(|r| ten.contains(&r.parameter.as_str()))).unwrap();
    near(whole.looser, 0.233, 1e-3);
    near(whole.stricter, 0.183, 1e-3);
    near(whole.net, 0.050, 1e-3);
    near(whole.magnitude, 0.521, 1e-3);
    near(whole.coverage, 0.77, 5e-3);
    near(whole.bounds.0, -0.192, 1e-3);
    near(whole.bounds.1, 0.269, 1e-3);
    near(found.row("finality_level").unwrap().gap.unwrap().sigma, -0.5, 1e-9);
    near(found.row("reporting_level").unwrap().gap.unwrap().sigma, -1.0 / 3.0, 1e-9);
    near(found.row("default_waterfall_published").unwrap().gap.unwrap().sigma, 0.0, 1e-9);
}

/// Catches: an unknown that counts as compliant, or a whole that is told where little is known.
#[test]
fn what_is_unknown_lowers_coverage_and_widens_bounds() {
    let rows = [(Some(0.5), 1.0, 1.0), (None, 3.0, 1.0)];
    let whole = Composite::of(&rows).unwrap();
    assert_eq!((whole.coverage, whole.net, whole.bounds), (0.25, 0.5, (-0.625, 0.875)));
    assert_eq!(Composite::of(&[(None, 1.0, 1.0)]), None);
    let half = Composite::of(&[(Some(1.0), 2.0, 0.5)]).unwrap();
    assert_eq!((half.coverage, half.bounds), (0.5, (0.0, 1.0)));
    let book = book();
    let asked = Asked { class: Class::Professional, schedule: None, price: None, interest: None };
    let none = divergence(&book.baseline, &book.venues["okx-us"], &asked);
    assert!(!none.is_enough && none.rows.iter().all(|r| r.gap.is_none() && r.venue == "unknown"));
}

/// Catches: rates that go on above the last tier that is known.
#[test]
fn nothing_is_answered_above_an_incomplete_schedule() {
    let book = book();
    let now = schedule(&book, "binance-usdm", "BTC-USDT-PERP", "2026-11-22");
    near(rates::initial(now, &size(1e5)).unwrap().loosest, 0.006_666_666_7, 1e-12);
    assert_eq!(
        (rates::initial(now, &size(300_001.0)), rates::maintenance(now, &size(300_001.0))),
        (None, None)
    );
    let found = of(&book, "binance-usdm", "BTC-USDT-PERP", "2026-11-22", Class::Professional);
    let row = found.row("initial_margin").unwrap();
    assert_eq!((row.known, row.ladder[1]), (0.25, None));
}

/// 6.6: the index of the example, its split and its verdict.
#[test]
fn r6_6_race_to_the_bottom() {
    let g = |leverage: f64| libm::log2(0.15 * leverage);
    let mover = |s0, s1, l0, l1| Mover { share: (s0, s1), doublings: (g(l0), g(l1)) };
    let movers =
        [mover(0.60, 0.55, 100.0, 150.0), mover(0.25, 0.35, 40.0, 40.0), mover(0.15, 0.10, 10.0, 10.0)];
    let race = race_to_bottom(&movers, Weights::Start).unwrap();
    near(race.within, 0.351, 5e-4);
    near(race.between, 0.005, 5e-4);
    near(race.index(), 0.356, 5e-4);
    let mean = |at: fn(&Mover) -> (f64, f64)| movers.iter().map(|m| at(m).0 * at(m).1).sum::<f64>();
    near(mean(|m| (m.share.0, m.doublings.0)), 3.078, 5e-4);
    near(mean(|m| (m.share.1, m.doublings.1)), 3.434, 5e-4);
    let found = verdict(&race, &movers, 0.25);
    assert_eq!((found.loosened, found.is_follower, found.is_race), (1, true, true));
    let gained = [mover(0.40, 0.55, 100.0, 150.0), mover(0.60, 0.45, 40.0, 40.0)];
    let race = race_to_bottom(&gained, Weights::Start).unwrap();
    assert!(race.index() > 0.25 && !verdict(&race, &gained, 0.25).is_race, "one that gains alone is no race");
}

/// 6.7: accessible liquidity as an interval, from permissions of the shipped facts.
#[test]
fn r6_7_accessible_liquidity() {
    let book = book();
    let pools = [
        ("binance-usdm", 40.0),
        ("bybit", 25.0),
        ("okx", 22.0),
        ("hyperliquid", 12.0),
        ("deribit", 6.0),
        ("kraken-futures", 5.0),
        ("okx-eea", 2.0),
        ("coinbase-us", 4.0),
        ("dydx", 1.0),
    ];
    let seen = |open: &[&str], maybe: &[&str]| {
        let of = |id: &str| {
            if open.contains(&id) {
                Some(true)
            } else if maybe.contains(&id) {
                None
            } else {
                Some(false)
            }
        };
        Accessible::of(&pools.map(|(id, depth)| (depth, of(id))))
    };
    let eu = seen(&["kraken-futures", "okx-eea"], &["hyperliquid", "dydx"]);
    assert_eq!((eu.sure, eu.possible, eu.total), (7.0, 20.0, 117.0));
    near(eu.shares().unwrap().0, 0.060, 5e-4);
    near(eu.shares().unwrap().1, 0.171, 5e-4);
    near(eu.siloing_loss().unwrap().0, 0.829, 5e-4);
    near(eu.effective_pools.unwrap(), 1.69, 5e-3);
    near(eu.market_pools.unwrap(), 4.66, 5e-3);
    near(1.0 / eu.market_pools.unwrap(), 0.2144, 5e-5);
    let us = seen(&["coinbase-us"], &["deribit"]);
    near(us.shares().unwrap().0, 0.034, 5e-4);
    near(us.shares().unwrap().1, 0.085, 5e-4);
    let gb = seen(&[], &[]);
    assert_eq!((gb.shares(), gb.effective_pools), (Some((0.0, 0.0)), None));
    assert_eq!((eu.sure / 2.0, eu.sure / 10.0), (3.5, 0.7), "margin at 2:1 and at 10:1");

    let access = |venue: &str, regime, class| reach(&book, &book.venues[venue], regime, class).access;
    let retail = |venue| access(venue, "EU", ClientClass::Retail);
    assert_eq!(["kraken-futures", "okx-eea"].map(retail), [Some(true); 2]);
    assert_eq!(["hyperliquid", "dydx"].map(retail), [None; 2]);
    assert_eq!(retail("binance-usdm"), Some(false));
    let us = |venue| access(venue, "US", ClientClass::Institutional);
    assert_eq!((us("coinbase-us"), us("deribit"), us("binance-usdm")), (Some(true), None, Some(false)));
    assert_eq!(us("hyperliquid"), Some(false), "the venue refuses, whatever the law says");
    assert_eq!(access("kraken-futures", "GB", ClientClass::Retail), None, "one door of two is not known");
    let contested = reach(&book, &book.venues["okx-eea"], "EU", ClientClass::Retail);
    assert_eq!(contested.finding(), Finding::Contested);
}

fn d(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn position(usd: &str) -> Position {
    Position { usd: d(usd), price: d("69000"), interest: Some(d("55000000")) }
}

/// 6.8: a hedge over two venues, siloed, harmonised and netted.
#[test]
fn r6_8_capital_of_a_hedge() {
    let book = book();
    let of = |venue, instrument, at, usd| {
        capital::margin(schedule(&book, venue, instrument, at), &position(usd)).unwrap().initial
    };
    let siloed = of("binance-usdm", "BTC-USDT-PERP", "2024-10-24", "10000000")
        + of("hyperliquid", "BTC-USDC-PERP", "2026-11-22", "-10000000");
    assert_eq!(siloed, d("450000"));
    let gross = capital::harmonised(d("20000000"), d("0.15"), d("0.75")).unwrap().initial;
    assert_eq!(gross, d("3000000"));
    let netted = |ratio: &str| capital::netted(gross, d(ratio)).unwrap();
    assert_eq!([netted("0"), netted("0.25"), netted("1")], [d("1200000"), d("1650000"), d("3000000")]);
    assert_eq!((gross / siloed).round_dp(1), d("6.7"));
    assert_eq!((netted("0") / siloed).round_dp(1), d("2.7"));
    assert_eq!(capital::net_to_gross(&[d("10"), d("-10")]), Some(d("0")));
    assert_eq!(capital::net_to_gross(&[d("10"), d("-6")]), Some(d("0.25")));
    assert_eq!(capital::net_to_gross(&[]), Some(d("1")));
    for (days, expected) in [(1.0, 0.0698), (2.0, 0.0987), (10.0, 0.2207)] {
        near(2.326 * 0.03 * libm::sqrt(days), expected, 5e-5);
    }
}

/// 6.9: open-interest scaling, and the close-out of a derived schedule.
#[test]
fn r6_9_other_checks() {
    let book = book();
    let sol = schedule(&book, "dydx", "SOL-USD-PERP", "2026-11-22");
    for (interest, leverage) in [(30e6, 20.0), (55e6, 3.48), (70e6, 1.90), (100e6, 1.0)] {
        let size = Size { usd: 1e5, price: None, interest: Some(interest) };
        near(1.0 / rates::initial(sol, &size).unwrap().loosest, leverage, 5e-3);
    }
    let unknown = rates::initial(sol, &Size { usd: 1e5, price: None, interest: None }).unwrap();
    assert_eq!((unknown.loosest, unknown.strictest), (0.05, 1.0), "anywhere between");
    let intx = schedule(&book, "coinbase-intl", "BTC-USDC-PERP", "2026-11-22");
    near(rates::maintenance(intx, &size(1e5)).unwrap(), 0.1333, 5e-5);
    near(rates::close_out(intx, 0.20).unwrap(), 0.0667, 5e-5);
    near(rates::close_out(intx, 0.50).unwrap(), 0.2133, 5e-5);
}

/// One worked position for each kind of schedule: initial, maintenance, leverage, distance to liquidation.
#[test]
fn harmonised_margin_of_one_position_of_each_kind() {
    let book = book();
    for (venue, instrument, usd, initial, maintenance, leverage) in [
        // Tiered: 1m lies in the tier of 100x until 600k and 75x until 3m: 1m * 0.65 % - 950.
        ("binance-usdm", "BTC-USDT-PERP", "1000000", "13333.3333", Some("5550"), "75"),
        // 10 BTC: 2 % + 10 * 0.005 %.
        ("deribit", "BTC-USD:BTC-PERP", "690000", "14145", Some("7245"), "48.78"),
        ("okx-eea", "BTC-USD-XPERP", "-50000", "5000", None, "10"),
        // Open interest of 55m, a quarter of the way: 5 % + 0.25 * 95 %.
        ("dydx", "SOL-USD-PERP", "1000", "287.5", Some("30"), "3.48"),
        ("coinbase-us", "BTC-USD-301220", "100000", "24562.5", None, "4.07"),
        ("coinbase-us", "BTC-USD-301220", "-100000", "30637.5", None, "3.26"),
        ("coinbase-intl", "BTC-USDC-PERP", "30000", "6000", Some("4000.0000002"), "5"),
    ] {
        let at = if venue == "binance-usdm" { "2024-10-24" } else { "2026-11-22" };
        let position = position(usd);
        let margin = capital::margin(schedule(&book, venue, instrument, at), &position).unwrap();
        assert_eq!(margin.initial, d(initial), "{venue}");
        assert_eq!(margin.maintenance, maintenance.map(d), "{venue}");
        assert_eq!(margin.leverage(&position).unwrap().round_dp(2).normalize(), d(leverage), "{venue}");
        let distance = maintenance.map(|m| (d(initial) - d(m)) / d(usd).abs());
        assert_eq!(margin.distance(&position), distance, "{venue}");
    }
    let beyond = position("2000000000");
    let binance = schedule(&book, "binance-usdm", "BTC-USDT-PERP", "2024-10-24");
    assert_eq!(capital::margin(binance, &beyond), None, "above the last tier it is not permitted");
}

/// The statistic and the exact arithmetic agree at every kind and size.
#[test]
fn rates_are_those_of_exact_positions() {
    use rust_decimal::prelude::ToPrimitive;
    let book = book();
    for venue in book.venues.values() {
        for schedule in &venue.schedules {
            for usd in ["1", "49999", "50000", "50001", "100000", "600001", "12345678", "150000001"] {
                let size = Size { usd: usd.parse().unwrap(), price: Some(PRICE), interest: Some(55e6) };
                let exact = capital::margin(schedule, &position(usd));
                let (initial, maintenance) =
                    (rates::initial(schedule, &size), rates::maintenance(schedule, &size));
                let Some(exact) = exact else {
                    assert!(initial.is_none(), "{} {usd}", venue.id);
                    continue;
                };
                let of = |margin: Decimal| (margin / d(usd)).to_f64().unwrap();
                let held = initial.unwrap();
                assert!(
                    (held.loosest - 1e-9..=held.strictest + 1e-9).contains(&of(exact.initial)),
                    "{}",
                    venue.id
                );
                assert_eq!(maintenance.is_some(), exact.maintenance.is_some());
                if let Some((rate, margin)) = maintenance.zip(exact.maintenance) {
                    near(rate, of(margin), 1e-9);
                }
            }
        }
    }
}

/// Catches: a feed that does not stand over the files, or one with holes that does.
#[test]
fn a_schedule_of_the_feed_stands_over_what_is_written() {
    use crate::model::instrument::SizeUnit;
    use crate::model::margin::{MarginBase, MarginForm, MarginSchedule, TierRow, TierStyle};
    let row = |floor: &str, cap: Option<&str>, leverage: &str| TierRow {
        floor: d(floor),
        cap: cap.map(d),
        initial: None,
        maintenance: Some(d("0.005")),
        max_leverage: Some(d(leverage)),
    };
    let stated = |rows| MarginSchedule {
        form: MarginForm::Tiers { style: TierStyle::Marginal, rows },
        basis: SizeUnit::Usd,
        base: MarginBase::Mark,
        liquidation_fee: None,
    };
    let whole = stated(vec![row("0", Some("500"), "50"), row("500", None, "25")]);
    let found = feed::discovered(&whole, "BTC-USDT-PERP", day("2026-11-23")).unwrap();
    near(rates::initial(&found, &size(501.0)).unwrap().loosest, 0.04, 1e-12);
    let mut venue = book().venues["binance-usdm"].clone();
    venue.schedules.push(found);
    let newest = venue.schedule("BTC-USDT-PERP", day("2026-11-23")).unwrap();
    assert_eq!(newest.source, feed::SOURCE);
    let hole = stated(vec![row("0", Some("500"), "50"), row("600", None, "25")]);
    assert_eq!(feed::discovered(&hole, "BTC-USDT-PERP", day("2026-11-23")), None);
}

#[test]
fn a_user_may_replace_the_yardstick() {
    let shipped = crate::config::builtin::RULEBOOK.iter().find(|f| f.0.ends_with("baseline.toml")).unwrap().1;
    let text = shipped.replacen("value = \"0.15\"", "value = \"0.30\"", 1);
    let book = Rulebook::read(&[Given { name: "rulebook/baseline.toml", text: &text }]).unwrap();
    let row = of(&book, "hyperliquid", "BTC-USDC-PERP", "2026-11-22", Class::Professional);
    near(row.row("initial_margin").unwrap().gap.unwrap().gap, 3.58, 5e-3);
}
