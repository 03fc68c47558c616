//! The Positions screen: handmade accounts, keys, privacy.

use faultline::model::Decimal;
use faultline::snapshot::portfolio::{AccountRow, Distance, OrderRow, Portfolio, PositionRow, SumRow};
use faultline::snapshot::{Quality, Snapshot};
use faultline::view::own::List;
use faultline::view::{Depth, own, screen};

use crate::keys::press;
use crate::{SIZES, draw, fixture, golden, named, styles, text, ui};

fn d(text: &str) -> Decimal {
    Decimal::from_str_exact(text).unwrap()
}

fn position(venue: &str, symbol: &str, underlying: &str, size: &str, price: &str) -> PositionRow {
    let notional = (d(size) * d(price)).abs();
    PositionRow {
        venue: venue.into(),
        account: "desk".into(),
        symbol: symbol.into(),
        instrument: format!("{underlying}-USDT-PERP"),
        underlying: underlying.into(),
        regime: "AE".into(),
        leg: "net",
        margin_mode: "cross",
        size: d(size),
        notional_usd: Some(notional),
        delta_usd: Some(d(size) * d(price)),
        entry: Some(d(price) * d("0.99")),
        mark: Some(d(price)),
        upnl_usd: Some(d(size) * d(price) * d("0.01")),
        leverage: Some(d("5")),
        maintenance_usd: Some(notional * d("0.005")),
        liquidation_stated: Some(d(price) * d("0.9")),
        distance_pct: Some(d("-10")),
        adl_rank: Some(3),
        funding_usd_day: Some(d("-12.5")),
        quality: Quality::Ok,
        ..PositionRow::default()
    }
}

fn sums(name: &str, gross: &str, net: &str, equity: Option<&str>) -> SumRow {
    SumRow {
        name: name.into(),
        gross_usd: d(gross),
        net_delta_usd: d(net),
        upnl_usd: d("-1320"),
        funding_usd_day: d("-25"),
        equity_usd: equity.map(d),
        leverage: equity.map(|e| d(gross) / d(e)),
        positions: 2,
        quality: Quality::Ok,
        ..SumRow::default()
    }
}

/// Two accounts: one in order, one silent; a short leg of hedge mode, a position without a price.
pub(crate) fn held() -> Snapshot {
    let mut snapshot = fixture::divergence();
    let bybit = position("bybit", "SOLUSDT", "SOL", "-1250.5", "187.4");
    let hedge = PositionRow {
        leg: "short",
        margin_mode: "isolated",
        liquidation: Some(d("205.1234")),
        ..bybit.clone()
    };
    let stale = PositionRow {
        quality: Quality::Stale,
        distance_pct: Some(d("-5.25")),
        regime: "SC".into(),
        ..position("okx", "BTC-USDT-SWAP", "BTC", "310", "912.5")
    };
    let unpriced = PositionRow {
        notional_usd: None,
        delta_usd: None,
        mark: None,
        upnl_usd: None,
        distance_pct: None,
        liquidation_stated: None,
        quality: Quality::Missing,
        ..position("okx", "NEW-USDT-SWAP", "NEW", "1", "1")
    };
    let order = |id: &str, state: &'static str, is_final| OrderRow {
        venue: "bybit".into(),
        account: "desk".into(),
        id: id.into(),
        symbol: "SOLUSDT".into(),
        side: "buy",
        kind: "limit",
        tif: "post_only",
        state,
        price: Some(d("187.25")),
        size: d("40"),
        filled: d("10"),
        reduce_only: true,
        is_final,
        at: fixture::AT.plus(-2_000_000_000),
    };
    let account = AccountRow {
        venue: "bybit".into(),
        name: "desk".into(),
        regime: "AE".into(),
        sum: sums("desk", "468687", "-468687", Some("93000")),
        equity_stated_usd: Some(d("93100")),
        margin_ratio: Some(d("0.41")),
        margin_ratio_stated: Some(d("0.40")),
        is_mismatch: true,
        distance: Distance::At(11.42),
        coin_share: Some(d("0.25")),
        order_exposure_usd: d("471000"),
        collateral: vec![("USDT".into(), d("70000.25")), ("SOL".into(), d("120"))],
        age_ms: Some(840),
        trouble: String::new(),
    };
    let silent = AccountRow {
        venue: "okx".into(),
        regime: "SC".into(),
        sum: SumRow { quality: Quality::Stale, ..sums("desk", "282875", "282875", None) },
        equity_stated_usd: None,
        margin_ratio: None,
        margin_ratio_stated: None,
        is_mismatch: false,
        distance: Distance::Unknown,
        coin_share: None,
        collateral: vec![],
        age_ms: Some(61_000),
        trouble: "not connected".into(),
        ..account.clone()
    };
    snapshot.portfolio = Some(Portfolio {
        accounts: vec![account, silent],
        positions: vec![bybit, hedge, stale, unpriced],
        orders: vec![order("7001", "partly_filled", false), order("6990", "cancelled", true)],
        by_underlying: vec![sums("BTC", "282875", "282875", None), sums("SOL", "468687", "-468687", None)],
        by_venue: vec![sums("bybit", "468687", "-468687", Some("93000"))],
        by_regime: vec![sums("AE", "468687", "-468687", Some("93000"))],
        total: SumRow {
            unvalued: 1,
            quality: Quality::Degraded,
            ..sums("all", "751562", "-185812", Some("93000"))
        },
    });
    snapshot
}

/// An account whose key may trade: nothing is known of it, and the reason stays.
fn refused() -> Snapshot {
    let mut snapshot = held();
    let portfolio = snapshot.portfolio.as_mut().unwrap();
    portfolio.accounts[1].trouble =
        "the key of account desk may trade (Orders); faultline takes read-only keys only".into();
    portfolio.accounts[1].sum.quality = Quality::Missing;
    portfolio.positions.retain(|w| w.venue == "bybit");
    snapshot
}

/// Fault: a key that is refused is told on the Feeds screen only.
#[test]
fn a_refused_key_stays_on_the_positions_screen() {
    let theme = named("faultline-dark", Depth::True);
    for size in SIZES {
        for list in [List::Positions, List::Accounts] {
            let mut ui = ui("positions", size);
            ui.own_list = list;
            let shown = text(&draw(&refused(), &ui, &theme));
            assert!(shown.contains("may trade"), "{} at {size:?}:\n{shown}", list.word());
            golden(&format!("own-refused-{}-{}x{}", list.word(), size.0, size.1), &shown);
            press(&mut ui, &refused(), "Ctrl-p");
            let shown = text(&draw(&refused(), &ui, &theme));
            assert!(!shown.contains("desk") && shown.contains("may trade"), "a name in a reason:\n{shown}");
        }
    }
    golden("own-refused-plain", &own::plain(&refused()));
    golden("own-refused-json", &own::json(&refused()).unwrap());
}

#[test]
fn own_accounts_at_three_sizes() {
    let theme = named("faultline-dark", Depth::True);
    for size in SIZES {
        for list in List::ALL {
            let mut ui = ui("positions", size);
            ui.own_list = list;
            let buf = draw(&held(), &ui, &theme);
            let name = format!("own-{}-{}x{}", list.word(), size.0, size.1);
            golden(&name, &format!("{}{}", text(&buf), styles(&buf)));
        }
    }
    for depth in [Depth::Ansi256, Depth::Ansi16, Depth::Mono] {
        let buf = draw(&held(), &ui("positions", (80, 24)), &named("faultline-dark", depth));
        golden(&format!("own-depth-{}", depth.word()), &format!("{}{}", text(&buf), styles(&buf)));
    }
    let buf = draw(&fixture::calm(), &ui("positions", (80, 24)), &theme);
    golden("own-none-80x24", &text(&buf));
    golden("own-plain", &format!("{}{}", own::plain(&held()), own::json(&held()).unwrap()));
}

/// Fault: a figure that the mask forgets.
#[test]
fn privacy_hides_sizes_money_and_names_everywhere() {
    for size in SIZES {
        for list in List::ALL {
            let mut ui = ui("positions", size);
            ui.own_list = list;
            press(&mut ui, &held(), "Ctrl-p");
            let shown = text(&draw(&held(), &ui, &named("mono", Depth::Mono)));
            for own in ["1250", "234K", "469K", "desk", "70000", "93.0K", "752K", "471K", " 40 ", "283K"] {
                assert!(!shown.contains(own), "{own} at {size:?} in {}:\n{shown}", list.word());
            }
            assert!(shown.contains(screen::positions::MASK) && shown.contains("masked"));
            press(&mut ui, &held(), "Ctrl-p");
            assert!(text(&draw(&held(), &ui, &named("mono", Depth::Mono))).contains("752K"));
        }
    }
}

#[test]
fn keys_of_the_positions_screen() {
    let snapshot = held();
    let mut ui = ui("map", (80, 24));
    press(&mut ui, &snapshot, "7");
    assert_eq!((ui.screen, ui.own_list), ("positions", List::Positions));
    press(&mut ui, &snapshot, "j j");
    assert_eq!(ui.own_row, "okx/desk/BTC-USDT-SWAP/net");
    press(&mut ui, &snapshot, "Tab");
    assert_eq!(ui.own_list, List::Orders);
    press(&mut ui, &snapshot, "Shift-Tab");
    press(&mut ui, &snapshot, "Enter");
    assert_eq!((ui.screen, ui.venue.as_str(), ui.underlying.as_str()), ("map", "okx", "BTC"));
    press(&mut ui, &snapshot, "7 G Enter");
    assert_eq!(ui.screen, "positions", "a market that the map does not show");
}
