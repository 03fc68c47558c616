//! The ledger: what accounts state, and family H of METRICS.md by its own vectors.

use super::figures::Distance;
use super::*;
use crate::engine::market::Market;
use crate::model::entry::ConnIx;
use crate::model::event::{Symbol, Ticker};
use crate::model::instrument::{Class, InstrumentDef, Payoff, SizeUnit};
use crate::model::margin::{MarginBase, MarginForm, MarginSchedule, TierRow, TierStyle};
use crate::snapshot::Quality;

fn order(id: &str, state: OrderState, filled: i64) -> Order<'_> {
    Order {
        id,
        side: Side::Buy,
        leg: Leg::Net,
        price: Some(Decimal::from(10)),
        trigger: None,
        size: Decimal::from(5),
        filled: Decimal::from(filled),
        average: None,
        reduce_only: false,
        kind: OrderKind::Limit,
        tif: TimeInForce::Gtc,
        state,
    }
}

fn tell(ledger: &mut Ledger, at: i64, body: Body<'_>) {
    let symbol = if matches!(body, Body::Position(_) | Body::Order(_)) {
        Symbol { ix: 0, text: "X" }
    } else {
        Symbol::NONE
    };
    ledger.own(0, Way::Stream, Nanos(at), &Event { symbol, ts_venue: None, body });
}

#[test]
fn what_is_not_in_a_whole_list_is_gone() {
    let mut ledger = Ledger::default();
    assert_eq!(ledger.account(3, "desk"), 0);
    assert_eq!(ledger.account(3, "desk"), 0);
    assert!(!ledger.accounts[0].is_known, "nothing stated is not an empty account");
    let long = Position { leg: Leg::Long, size: Decimal::from(2), ..Position::default() };
    let short = Position { leg: Leg::Short, size: Decimal::from(-1), ..Position::default() };
    tell(&mut ledger, 1, Body::Position(&long));
    tell(&mut ledger, 2, Body::Position(&short));
    assert_eq!(ledger.accounts[0].positions.len(), 2, "both legs of hedge mode stand");
    tell(&mut ledger, 3, Body::Whole(Holding::Positions));
    tell(&mut ledger, 3, Body::Position(&short));
    assert_eq!(ledger.accounts[0].positions.keys().next().unwrap().1, Leg::Short);
    let flat = Position { leg: Leg::Short, ..Position::default() };
    tell(&mut ledger, 4, Body::Position(&flat));
    assert!(ledger.accounts[0].positions.is_empty() && ledger.accounts[0].is_known);
}

#[test]
fn a_final_order_does_not_rise_again() {
    let mut ledger = Ledger::default();
    ledger.account(0, "desk");
    tell(&mut ledger, 1, Body::Order(&order("a", OrderState::PartlyFilled, 2)));
    assert_eq!(ledger.accounts[0].orders["a"].open, Decimal::from(3));
    tell(&mut ledger, 2, Body::Order(&order("a", OrderState::Filled, 5)));
    tell(&mut ledger, 3, Body::Order(&order("a", OrderState::Open, 0)));
    let account = &ledger.accounts[0];
    assert_eq!((account.orders["a"].state, account.impossible), (OrderState::Filled, 1));
    for n in 0..2 * FINAL_ORDERS_MAX as i64 {
        let id = format!("f{n}");
        tell(&mut ledger, 10 + n, Body::Order(&order(&id, OrderState::Cancelled, 0)));
    }
    assert_eq!(ledger.accounts[0].orders.len(), FINAL_ORDERS_MAX);
    assert!(ledger.accounts[0].orders.contains_key("f199"), "the newest stay");
}

fn answer(ledger: &mut Ledger, at: i64, symbol: &str, body: Body<'_>) {
    let symbol = Symbol { ix: 0, text: symbol };
    ledger.own(0, Way::Answer, Nanos(at), &Event { symbol, ts_venue: None, body });
}

/// Fault: an answer that was on its way while the stream told of a fill undoes the fill.
#[test]
fn an_answer_older_than_the_stream_undoes_nothing() {
    let mut ledger = Ledger::default();
    ledger.account(0, "desk");
    let long = |size: i64| Position { size: Decimal::from(size), ..Position::default() };
    let sizes = |ledger: &Ledger| -> Vec<(String, i64)> {
        let held = ledger.accounts[0].positions.iter();
        held.map(|((symbol, _), held)| (symbol.clone(), held.position.size.mantissa() as i64)).collect()
    };
    tell(&mut ledger, SECOND, Body::Position(&long(5)));
    answer(&mut ledger, 2 * SECOND, "", Body::Whole(Holding::Positions));
    answer(&mut ledger, 2 * SECOND, "X", Body::Position(&long(3)));
    answer(&mut ledger, 2 * SECOND, "Y", Body::Position(&long(1)));
    assert_eq!(
        sizes(&ledger),
        [("X".into(), 5), ("Y".into(), 1)],
        "the older size, and a position unknown so far"
    );
    answer(&mut ledger, 3 * SECOND, "X", Body::Position(&Position { adl_rank: Some(2), ..long(5) }));
    let held = &ledger.accounts[0].positions[&("X".to_string(), Leg::Net)];
    assert_eq!(held.position.adl_rank, Some(2), "what the stream leaves out");
    // Closed by the stream; an older list holds it still, a later one is believed.
    tell(&mut ledger, 10 * SECOND, Body::Position(&long(0)));
    for (at, expected) in [(11, vec![]), (16, vec![("X".to_string(), 5)])] {
        answer(&mut ledger, at * SECOND, "", Body::Whole(Holding::Positions));
        answer(&mut ledger, at * SECOND, "X", Body::Position(&long(5)));
        assert_eq!(sizes(&ledger), expected, "after {at} s");
    }
    assert_eq!(ledger.accounts[0].outdated, 2);
}

/// Fault: an order that an older list shows as open comes back to life, or one that the list does not
/// know yet is lost.
#[test]
fn an_order_list_older_than_the_stream_undoes_nothing() {
    let mut ledger = Ledger::default();
    ledger.account(0, "desk");
    tell(&mut ledger, SECOND, Body::Order(&order("a", OrderState::PartlyFilled, 3)));
    tell(&mut ledger, 60 * SECOND, Body::Order(&order("b", OrderState::Filled, 5)));
    tell(&mut ledger, 61 * SECOND, Body::Order(&order("c", OrderState::Open, 0)));
    tell(&mut ledger, 10 * SECOND, Body::Order(&order("gone", OrderState::Open, 0)));
    answer(&mut ledger, 62 * SECOND, "", Body::Whole(Holding::Orders));
    for old in [order("a", OrderState::Open, 0), order("b", OrderState::PartlyFilled, 2)] {
        answer(&mut ledger, 62 * SECOND, "X", Body::Order(&old));
    }
    answer(&mut ledger, 62 * SECOND, "X", Body::Order(&order("a", OrderState::PartlyFilled, 2)));
    let account = &ledger.accounts[0];
    let states: Vec<_> = account.orders.iter().map(|(id, o)| (id.as_str(), o.state, o.filled)).collect();
    let n = Decimal::from;
    assert_eq!(
        states,
        [
            ("a", OrderState::PartlyFilled, n(3)),
            ("b", OrderState::Filled, n(5)),
            ("c", OrderState::Open, n(0)),
        ]
    );
    assert_eq!((account.outdated, account.impossible), (3, 0), "no fault of the venue");
    tell(&mut ledger, 63 * SECOND, Body::Order(&order("a", OrderState::PartlyFilled, 1)));
    assert_eq!(ledger.accounts[0].impossible, 1, "a fill that a stream takes back is one");
}

/// Fault: an older answer about money undoes what the stream told of a fill.
#[test]
fn a_balance_is_not_undone_by_an_older_answer() {
    let mut ledger = Ledger::default();
    ledger.account(0, "desk");
    let cash = |total: i64| Balance {
        asset: "USDT",
        total: Decimal::from(total),
        available: None,
        borrowed: None,
        haircut: None,
        collateral_price: None,
    };
    tell(&mut ledger, SECOND, Body::Balance(&cash(90)));
    for (at, expected) in [(3, 90), (7, 100)] {
        answer(&mut ledger, at * SECOND, "", Body::Whole(Holding::Balances));
        answer(&mut ledger, at * SECOND, "", Body::Balance(&cash(100)));
        assert_eq!(ledger.accounts[0].balances["USDT"].total, Decimal::from(expected));
    }
}

#[test]
fn silence_shows() {
    let mut ledger = Ledger::default();
    ledger.account(0, "desk");
    assert_eq!(ledger.accounts[0].age(Nanos(0)), (true, true));
    ledger.heard(0, Nanos(SECOND));
    assert_eq!(ledger.accounts[0].age(Nanos(10 * SECOND)), (false, false));
    assert_eq!(ledger.accounts[0].age(Nanos(20 * SECOND)), (true, false));
    assert_eq!(ledger.accounts[0].age(Nanos(60 * SECOND)), (true, true));
}

fn d(text: &str) -> Decimal {
    Decimal::from_str_exact(text).unwrap()
}

fn market(venues: usize) -> Market {
    let spec = |n: usize| {
        toml::from_str(&format!(
            "id = \"v{n}\"\nbrand = \"v\"\nshort = \"v\"\nname = \"V\"\ndialect = \"x\"\nregime = \"R{n}\"\n\
             [[endpoint]]\nname = \"e\"\nurl = \"wss://v.invalid\"\nchannels = [\"book\"]\n\
             [rest]\nurl = \"https://v.invalid\"\n"
        ))
        .unwrap()
    };
    Market::new((0..venues).map(spec).collect())
}

/// Lists `X` on a venue: BTC, marked at `mark`, with funding.
fn list(market: &mut Market, venue: u16, payoff: Payoff, mark: &str, funding: (&str, i64), at: Nanos) {
    let (quote, settle) = if payoff == Payoff::Inverse { ("USD", "BTC") } else { ("USDT", "USDT") };
    let def = InstrumentDef {
        class: Class::Perp,
        payoff,
        underlying: "BTC".into(),
        base: "BTC".into(),
        quote: quote.into(),
        settle: settle.into(),
        multiplier: Decimal::ONE,
        price_scale: Decimal::ONE,
        funding_interval_h: Some(Decimal::from(funding.1)),
        ..InstrumentDef::default()
    };
    market.define(venue, 0, "X", &def);
    let ticker = Ticker {
        mark: Some(d(mark)),
        index: Some(d(mark)),
        funding_rate: Some(d(funding.0)),
        ..Ticker::default()
    };
    say(market, venue, at, Body::Ticker(&ticker));
    let rows = vec![TierRow {
        floor: Decimal::ZERO,
        cap: None,
        initial: None,
        maintenance: Some(d("0.01")),
        max_leverage: None,
    }];
    let schedule = MarginSchedule {
        form: MarginForm::Tiers { style: TierStyle::Marginal, rows },
        basis: if payoff == Payoff::Inverse { SizeUnit::Base } else { SizeUnit::Quote },
        base: MarginBase::Mark,
        liquidation_fee: None,
    };
    say(market, venue, at, Body::Schedule(&schedule));
}

fn say(market: &mut Market, venue: u16, at: Nanos, body: Body<'_>) {
    let event = Event { symbol: Symbol { ix: 0, text: "X" }, ts_venue: None, body };
    market.apply(venue, ConnIx(0), at, &event);
}

fn hold(market: &mut Market, account: u16, at: Nanos, size: &str, entry: &str) {
    let position = Position { size: d(size), entry: Some(d(entry)), ..Position::default() };
    let symbol = Symbol { ix: 0, text: "X" };
    market.ledger.own(
        account,
        Way::Stream,
        at,
        &Event { symbol, ts_venue: None, body: Body::Position(&position) },
    );
}

fn money(market: &mut Market, account: u16, at: Nanos, asset: &str, total: &str) {
    let balance = Balance {
        asset,
        total: d(total),
        available: None,
        borrowed: None,
        haircut: None,
        collateral_price: None,
    };
    let event = Event { symbol: Symbol::NONE, ts_venue: None, body: Body::Balance(&balance) };
    market.ledger.own(account, Way::Stream, at, &event);
}

const NOW: Nanos = Nanos(100 * SECOND);

/// +10 and −8 BTC at 100,000 on two venues, equity 250,000; funding 10.95 % and 21.9 % a year.
fn two_venues() -> Market {
    let mut market = market(2);
    list(&mut market, 0, Payoff::Linear, "100000", ("0.0001", 8), NOW);
    list(&mut market, 1, Payoff::Linear, "100000", ("0.0001", 4), NOW);
    for (venue, size, cash) in [(0, "10", "160000"), (1, "-8", "90000")] {
        let account = market.ledger.account(venue, "desk");
        hold(&mut market, account, NOW, size, "100000");
        money(&mut market, account, NOW, "USDT", cash);
    }
    market
}

#[test]
fn h1_h2_h3_gross_net_leverage() {
    let mut market = two_venues();
    market.value_ledger(NOW);
    let total = &market.ledger.figures.total;
    assert_eq!((total.gross_usd, total.net_delta_usd), (d("1800000"), d("200000")));
    assert_eq!(total.equity_usd, Some(d("250000")));
    assert_eq!(total.leverage(), Some(d("7.2")));
    assert_eq!(total.net_delta_usd / total.equity_usd.unwrap(), d("0.8"));
    assert_eq!(total.quality, Quality::Estimated, "USDT stands at an assumed par");
    let by = &market.ledger.figures;
    assert_eq!(by.accounts[0].sum.quality, Quality::Estimated, "and its account with it");
    assert_eq!(by.by_venue[&0].gross_usd, d("1000000"));
    assert_eq!(by.by_regime["R1"].net_delta_usd, d("-800000"));
    assert_eq!(by.by_underlying.len(), 1);
}

#[test]
fn h4_margin_ratio_and_its_mismatch() {
    let mut market = two_venues();
    let account = &mut market.ledger.accounts[0];
    let stated = |maintenance: &str| Stated {
        currency: "USDT".into(),
        equity: Some(d("160000")),
        initial: None,
        maintenance: Some(d(maintenance)),
    };
    account.margins.insert("all".into(), stated("10000"));
    market.value_ledger(NOW);
    let worth = &market.ledger.figures.accounts[0];
    assert_eq!(worth.margin_ratio, Some(d("0.0625")), "1 % of a million over 160,000");
    assert_eq!((worth.margin_ratio_stated, worth.is_mismatch), (Some(d("0.0625")), false));
    market.ledger.accounts[0].margins.insert("all".into(), stated("10300"));
    market.value_ledger(NOW);
    assert!(market.ledger.figures.accounts[0].is_mismatch, "3 % apart");
}

#[test]
fn h7_concentration_over_venues() {
    let mut market = two_venues();
    market.value_ledger(NOW);
    let (equity, gross) = market.ledger.figures.venue_hhi();
    assert!((equity.unwrap() - (0.64f64.powi(2) + 0.36f64.powi(2))).abs() < 1e-12);
    assert!((gross.unwrap() - (1.0 + 0.64) / 3.24).abs() < 1e-12);
}

/// METRICS.md H11 with 1 M long at 10.95 % and 0.8 M short at 21.9 %: +180 a day.
#[test]
fn h11_funding_of_a_day() {
    let mut market = two_venues();
    market.value_ledger(NOW);
    assert_eq!(market.ledger.figures.total.funding_usd_day.round_dp(9), d("180"));
}

#[test]
fn an_inverse_position_pays_in_coin() {
    let mut market = market(1);
    list(&mut market, 0, Payoff::Inverse, "61200", ("0.0001", 8), NOW);
    let account = market.ledger.account(0, "desk");
    hold(&mut market, account, NOW, "30000", "60000");
    money(&mut market, account, NOW, "BTC", "0.1");
    // The index is read at ticks: a first one prices the coin.
    market.judge(NOW, &mut Vec::new());
    let figures = &market.ledger.figures;
    let worth = &figures.positions[0];
    assert_eq!(worth.notional_usd, Some(d("30000")), "does not move with the price");
    assert_eq!(worth.upnl_usd.unwrap().round_dp(6), d("600"), "METRICS C2");
    assert_eq!(figures.accounts[0].sum.equity_usd.unwrap().round_dp(6), d("6720"), "0.1 BTC and the profit");
    let net = figures.accounts[0].sum.net_delta_usd.round_dp(6);
    assert_eq!(net, d("36120"), "the coin held as collateral is exposure too");
}

#[test]
fn a_stale_account_stays_in_the_sums_and_degrades_them() {
    let mut market = two_venues();
    let later = Nanos(NOW.0 + 30 * SECOND);
    for venue in [0, 1] {
        let ticker = Ticker { mark: Some(d("100000")), index: Some(d("100000")), ..Ticker::default() };
        say(&mut market, venue, later, Body::Ticker(&ticker));
    }
    market.ledger.heard(0, later);
    market.value_ledger(later);
    let figures = &market.ledger.figures;
    assert_eq!(figures.total.gross_usd, d("1800000"), "never silently lower");
    assert_eq!(figures.total.quality, Quality::Degraded);
    assert_eq!(figures.by_venue[&0].quality, Quality::Estimated);
    assert_eq!(figures.positions[1].quality, Quality::Degraded);
}

#[test]
fn h5_is_unknown_without_a_margin_and_never_without_need() {
    let mut market = two_venues();
    market.value_ledger(NOW);
    let Some(Distance::At(x)) = market.ledger.figures.accounts[0].distance else { panic!() };
    // 160,000 + 10·100,000·x = 1 % of 1,000,000·(1 + x).
    assert!((x + 100.0 * 150_000.0 / 990_000.0).abs() < 1e-6, "{x}");
    money(&mut market, 0, NOW, "USDT", "5000000");
    market.value_ledger(NOW);
    assert_eq!(market.ledger.figures.accounts[0].distance, Some(Distance::Never));
    money(&mut market, 0, NOW, "GOLD", "5");
    market.value_ledger(NOW);
    assert_eq!(market.ledger.figures.accounts[0].distance, None, "a balance without a price");
}

#[test]
fn positions_given_by_hand_replace_their_account_and_do_not_age() {
    let mut market = two_venues();
    let row = |symbol: &str, contracts: &str| GivenPosition {
        account: "paper".into(),
        venue: "v0".into(),
        symbol: symbol.into(),
        contracts: d(contracts),
        entry: Some(d("99000")),
        margin_mode: "isolated".into(),
        margin: None,
        leverage: None,
    };
    let (old, new) = (row("Y", "5"), row("X", "-2"));
    market.ledger.given(NOW, &[(0, &old)]);
    market.ledger.given(NOW, &[(0, &new)]);
    market.value_ledger(NOW);
    let figures = &market.ledger.figures;
    let paper: Vec<_> = figures.positions.iter().filter(|w| w.account == 2).collect();
    assert_eq!((paper.len(), paper[0].notional_usd), (1, Some(d("200000"))));
    assert_eq!(paper[0].upnl_usd, Some(d("-2000")));
    assert_eq!(paper[0].quality, Quality::Estimated);
    assert_eq!(figures.accounts[2].sum.quality, Quality::Degraded, "its equity is unknown");
    market.value_ledger(Nanos(NOW.0 + 3_600 * SECOND));
    assert!(market.ledger.figures.accounts[2].sum.quality < Quality::Stale, "no stream, no silence");
}

#[test]
fn a_schedule_that_changes_is_counted() {
    let mut market = two_venues();
    assert_eq!(market.rule_changes.count, 0, "the first one is no change");
    let schedule = MarginSchedule {
        form: MarginForm::OiScaled {
            initial: d("0.05"),
            maintenance: d("0.03"),
            lower: Decimal::ZERO,
            upper: Decimal::TEN,
        },
        basis: SizeUnit::Quote,
        base: MarginBase::Mark,
        liquidation_fee: None,
    };
    say(&mut market, 1, NOW, Body::Schedule(&schedule));
    say(&mut market, 1, NOW, Body::Schedule(&schedule));
    assert_eq!((market.rule_changes.count, market.rule_changes.newest[0]), (1, (NOW, 1, 0)));
}
