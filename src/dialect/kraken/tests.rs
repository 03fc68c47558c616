//! Worked positions: contract terms as this venue tells them, money as METRICS §2 computes it.

use rust_decimal::Decimal;

use super::instruments::{Listed, read, stressed};
use super::{Kraken, request};
use crate::config;
use crate::dialect::{Decoder, Dialect, Note, Out};
use crate::model::contract::Contract;
use crate::model::entry::{ConnIx, Control, RestAnswer};
use crate::model::event::{Body, Event, GapWhy, PositionSide, Side};
use crate::model::instrument::{InstrumentDef, SizeUnit};
use crate::model::margin::{Isolated, MarginForm, TierBasis};
use crate::model::venue::{Command, VenueSpec, Watch};

fn d(text: &str) -> Decimal {
    Decimal::from_str_exact(text).unwrap()
}

fn near(value: Option<Decimal>, expected: &str) {
    let (value, expected) = (value.expect("a value"), d(expected));
    assert!((value - expected).abs() <= expected.abs() * d("0.000000001"), "{value} is not {expected}");
}

fn venue() -> VenueSpec {
    config::venues::read("kraken-futures", include_str!("../../../venues/kraken-futures.toml")).unwrap()
}

const LINEAR: &str = r#"{"symbol":"PF_ETHUSD","type":"flexible_futures","tickSize":0.1,"contractSize":1,"tradeable":true,
    "marginLevels":[{"numNonContractUnits":0.0,"initialMargin":0.02,"maintenanceMargin":0.01},
    {"numNonContractUnits":2000000.0,"initialMargin":0.04,"maintenanceMargin":0.02}],
    "contractValueTradePrecision":3,"base":"ETH","quote":"USD"}"#;
const INVERSE: &str = r#"{"symbol":"PI_XBTUSD","type":"futures_inverse","tickSize":0.5,"contractSize":1,"tradeable":true,
    "marginLevels":[{"contracts":0,"initialMargin":0.02,"maintenanceMargin":0.01},
    {"contracts":500000,"initialMargin":0.04,"maintenanceMargin":0.02}],
    "contractValueTradePrecision":0,"base":"BTC","quote":"USD"}"#;

fn listed(json: &str) -> Listed {
    read(json).unwrap().unwrap()
}

fn contract(def: &InstrumentDef) -> Contract {
    Contract { payoff: def.payoff, multiplier: def.multiplier }
}

/// Ten coins bought at 3,000 and marked at 3,060, 600 dollars set aside: a notional of 30,600, a profit
/// of 600, and liquidation where 600 + 10 (P - 3,000) is 1 % of the 30,000 paid: at 2,970.
#[test]
fn a_linear_position_is_worth_base_coins() {
    let Listed { def, schedule, .. } = listed(LINEAR);
    let schedule = schedule.unwrap();
    assert_eq!((def.oi_unit, schedule.basis), (SizeUnit::Base, SizeUnit::Quote));
    let long = contract(&def);
    near(long.notional(d("10"), d("3060")), "30600");
    near(long.pnl(d("10"), d("3000"), d("3060")), "600");
    let position = Isolated { contract: long, contracts: d("10"), entry: d("3000"), margin: d("600") };
    let tiers = schedule.tiers().unwrap();
    near(position.liquidation(&tiers, schedule.base, TierBasis::Settle), "2970");
}

/// 60,000 contracts of a dollar sold at 60,000 and marked at 62,500, 0.02 coins set aside: a notional of
/// 60,000 dollars, a loss of 0.04, and liquidation where 0.02 + 60,000 (1/P - 1/60,000) is 1 % of the coin
/// sold: at 60,000 / 0.99.
#[test]
fn an_inverse_position_is_worth_dollars() {
    let Listed { def, schedule, .. } = listed(INVERSE);
    let schedule = schedule.unwrap();
    assert_eq!((def.oi_unit, schedule.basis), (SizeUnit::Contracts, SizeUnit::Contracts));
    let short = contract(&def);
    near(short.notional(d("-60000"), d("62500")), "60000");
    near(short.pnl(d("-60000"), d("60000"), d("62500")), "-0.04");
    let position = Isolated { contract: short, contracts: d("-60000"), entry: d("60000"), margin: d("0.02") };
    let tiers = schedule.tiers().unwrap();
    near(position.liquidation(&tiers, schedule.base, TierBasis::Quote), "60606.06060606061");
}

#[test]
fn stress_multiplies_initial_rates_only() {
    let schedule = listed(LINEAR).schedule.unwrap();
    let MarginForm::Tiers { rows, .. } = stressed(&schedule, d("1.5")).form else { panic!("tiers") };
    assert_eq!((rows[0].initial, rows[0].maintenance), (Some(d("0.030")), Some(d("0.01"))));
    let MarginForm::Tiers { rows, .. } = stressed(&schedule, d("100")).form else { panic!("tiers") };
    assert_eq!((rows[0].initial, rows[0].max_leverage), (Some(Decimal::ONE), Some(Decimal::ONE)));
}

#[test]
fn connections_stay_within_the_limits_and_carry_every_feed() {
    let spec = venue();
    let def = InstrumentDef::default();
    let watch: Vec<Watch> =
        (0..130).map(|n| Watch { symbol: format!("PF_C{n}USD"), def: def.clone() }).collect();
    let plans = Kraken.connections(&spec, &watch);
    assert_eq!(plans.len(), 2, "100 contracts with three feeds each");
    assert_eq!(
        (plans[0].name.as_str(), plans[1].name.as_str()),
        ("kraken-futures/public-1", "kraken-futures/public-2")
    );
    assert_eq!(plans[0].hello[0], r#"{"event":"subscribe","feed":"heartbeat"}"#);
    assert_eq!(plans[0].hello.len(), 1 + 3 * 2);
    assert_eq!(
        plans[1].hello[1],
        request("subscribe", "book", &watch[100..].iter().map(|w| w.symbol.clone()).collect::<Vec<_>>())
    );
    assert!(Kraken.connections(&spec, &[]).is_empty());
    let audit = |symbol: &str| Kraken.audit(&spec, &Watch { symbol: symbol.into(), def: def.clone() });
    assert_eq!(audit("PF_XBTUSD").unwrap().path, "/derivatives/api/v3/orderbook?symbol=PF_XBTUSD");
    assert_eq!(audit("PF_X&a=b"), None, "a symbol cannot break out of its parameter");
}

/// What came out, in words.
#[derive(Default)]
struct Said(Vec<String>);

impl Out for Said {
    fn event(&mut self, event: Event<'_>) {
        self.0.push(match event.body {
            Body::Book(book) if book.snapshot => "snapshot".into(),
            Body::Book(book) => format!("{:?}", book.seq),
            Body::Gap(gap) => gap.why.word().into(),
            Body::Trade(trade) => trade.side.word().into(),
            Body::Liquidation(liquidation) => liquidation.position.word().into(),
            _ => "other".into(),
        });
    }

    fn command(&mut self, command: Command) {
        self.0.push(match command {
            Command::Send { texts, .. } => format!("sends {}", texts.len()),
            Command::Rest(request) => request.path,
        });
    }

    fn note(&mut self, note: Note<'_>) {
        self.0.push(format!("{note:?}"));
    }
}

fn hear(decoder: &mut dyn Decoder, line: &str) -> Vec<String> {
    let mut said = Said::default();
    decoder.frame(ConnIx(0), line.as_bytes(), &mut said);
    said.0
}

fn snapshot(seq: i64) -> String {
    format!(
        r#"{{"feed":"book_snapshot","product_id":"PF_XBTUSD","timestamp":5,"seq":{seq},"bids":[{{"price":9.0,"qty":1.0}},{{"price":8.0,"qty":0.0}}],"asks":[]}}"#
    )
}

fn delta(seq: i64) -> String {
    format!(
        r#"{{"feed":"book","product_id":"PF_XBTUSD","side":"buy","seq":{seq},"price":9.5,"qty":1.0,"timestamp":6}}"#
    )
}

#[test]
fn rule_1_a_snapshot_replaces_and_counts_anew() {
    let mut decoder = Kraken.decoder(&venue());
    assert_eq!(hear(&mut *decoder, &snapshot(50)), ["snapshot"]);
    assert_eq!(hear(&mut *decoder, &snapshot(7)), ["snapshot"]);
    assert_eq!(hear(&mut *decoder, &delta(8)), ["Some(8)"]);
}

#[test]
fn rule_2_numbers_grow_by_one_from_the_snapshot_on() {
    let mut decoder = Kraken.decoder(&venue());
    hear(&mut *decoder, &snapshot(50));
    assert_eq!(hear(&mut *decoder, &delta(51)), ["Some(51)"]);
    assert_eq!(hear(&mut *decoder, &delta(51)), ["Superseded"]);
    assert_eq!(hear(&mut *decoder, &delta(52)), ["Some(52)"]);
}

#[test]
fn rule_3_a_gap_costs_the_book_until_its_snapshot() {
    let mut decoder = Kraken.decoder(&venue());
    hear(&mut *decoder, &snapshot(50));
    assert_eq!(hear(&mut *decoder, &delta(52)), ["sequence", "sends 2"]);
    assert_eq!(hear(&mut *decoder, &delta(53)), ["Superseded"]);
    hear(&mut *decoder, &snapshot(60));
    assert_eq!(hear(&mut *decoder, &delta(61)), ["Some(61)"]);
    let mut said = Said::default();
    decoder.resync(0, &mut said);
    assert_eq!(said.0, [GapWhy::Impossible.word(), "sends 2"]);
    let mut said = Said::default();
    decoder.control(ConnIx(0), &Control::Closed { reason: "x".into(), retry_ms: 0 }, &mut said);
    assert!(said.0.is_empty(), "lost before: no second gap");
}

#[test]
fn rule_4_levels_without_size_are_none_and_negative_ones_are_refused() {
    let mut decoder = Kraken.decoder(&venue());
    hear(&mut *decoder, &snapshot(50));
    let negative = delta(51).replace("\"qty\":1.0", "\"qty\":-1.0");
    assert_eq!(hear(&mut *decoder, &negative)[..2], ["undecodable", "sends 2"]);
}

/// The venue's words: the side is that of the taker. For a liquidation that is the account that is closed:
/// `sell` closes a long.
#[test]
fn a_forced_sale_closes_a_long() {
    let mut decoder = Kraken.decoder(&venue());
    let trade = |side: &str| {
        format!(
            r#"{{"feed":"trade","product_id":"PF_XBTUSD","uid":"u","side":"{side}","type":"liquidation","seq":1,"time":5,"qty":1.0,"price":9.0}}"#
        )
    };
    assert_eq!(hear(&mut *decoder, &trade("sell")), [Side::Sell.word(), PositionSide::Long.word()]);
    assert_eq!(hear(&mut *decoder, &trade("buy")), [Side::Buy.word(), PositionSide::Short.word()]);
    let history =
        format!(r#"{{"feed":"trade_snapshot","product_id":"PF_XBTUSD","trades":[{}]}}"#, trade("sell"));
    assert_eq!(hear(&mut *decoder, &history), [Side::Sell.word()], "history is no news");
}

#[test]
fn a_failed_status_is_a_refusal_whatever_its_body_says() {
    let mut decoder = Kraken.decoder(&venue());
    let mut said = Said::default();
    let url = "https://futures.kraken.com/derivatives/api/v3/instruments";
    decoder
        .rest(&RestAnswer { url, status: 429, body: br#"{"result":"success","instruments":[]}"# }, &mut said);
    assert_eq!(said.0, [r#"Refused("status 429")"#]);
}
