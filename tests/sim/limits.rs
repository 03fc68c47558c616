//! What venues enforce, seen from outside: weights and bans, places and rates, the 24 hours, and streams
//! that leave out what the venue leaves out.

use std::collections::BTreeMap;

use faultline::model::Nanos;
use faultline::model::num::Num;
use faultline::model::time::{MS, SECOND};
use faultline::sim::market::STEP;
use faultline::sim::{Instrument, Market, Scene, Session, SimConfig, VENUES};
use sonic_rs::{JsonContainerTrait, JsonValueTrait, Value};

use crate::peer::{Peer, address, http, sim, text};

/// Catches: a budget that nobody keeps, a ban that no one hears of.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weights_end_in_429_and_then_in_a_ban() {
    let sim = sim(Scene::Calm, 1.0).await;
    let at = address(&sim, "binance-usdm");
    let depth = "/fapi/v1/depth?symbol=BTCUSDT&limit=5";
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    for _ in 0..135 {
        *statuses.entry(http(at, depth, None).await.0).or_default() += 1;
    }
    // 2,400 of weight are 120 books; ten refusals are forgiven.
    assert_eq!(statuses, BTreeMap::from([(200, 120), (429, 10), (418, 5)]));
    let (status, body) = http(at, "/fapi/v1/time", None).await;
    assert!(status == 418 && body.contains("-1003"), "a ban is for everything: {status} {body}");
    let other = address(&sim, "binance-coinm");
    assert_eq!(http(other, "/dapi/v1/depth?symbol=BTCUSD_PERP&limit=5", None).await.0, 200);
    sim.stop().await.unwrap();
}

/// Catches: budgets shared by paths that have their own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_may_have_its_own_budget() {
    let sim = sim(Scene::Calm, 1.0).await;
    let at = address(&sim, "gate");
    let mut last = 0;
    for _ in 0..201 {
        last = http(at, "/api/v4/futures/usdt/tickers", None).await.0;
    }
    assert_eq!(last, 429);
    assert_eq!(http(at, "/api/v4/futures/usdt/contracts", None).await.0, 200);
    sim.stop().await.unwrap();
}

/// Catches: places and rates of sockets that nobody counts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sockets_have_places_texts_and_subscriptions() {
    let sim = sim(Scene::Calm, 1.0).await;
    let at = address(&sim, "hyperliquid");
    let mut open = Vec::new();
    for _ in 0..10 {
        open.push(Peer::open(at, "/ws").await);
    }
    assert!(Peer::try_open(at, "/ws").await.is_none(), "ten are all");

    let at = address(&sim, "binance-usdm");
    let mut chatty = Peer::open(at, "/public/stream").await;
    for id in 0..11 {
        chatty.say(&format!(r#"{{"method":"LIST_SUBSCRIPTIONS","id":{id}}}"#)).await;
    }
    while chatty.text().await.is_some() {}

    let mut greedy = Peer::open(at, "/public/stream").await;
    let streams: Vec<String> =
        (1..=201).map(|n| format!(r#""btcusdt@depth{}@{}ms""#, [5, 10, 20][n % 3], 100)).collect();
    greedy.say(&format!(r#"{{"method":"SUBSCRIBE","params":[{}],"id":1}}"#, streams.join(","))).await;
    while greedy.text().await.is_some() {}
    sim.stop().await.unwrap();
}

/// Catches: a connection that outlives its day, and a day that ends younger ones.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_ends_old_connections_only() {
    let sim = sim(Scene::Calm, 1.0).await;
    let ask = r#"{"method":"SUBSCRIBE","params":["btcusdt@bookTicker"],"id":1}"#;
    let at = address(&sim, "binance-usdm");
    let mut old = Peer::open(at, "/public/stream").await;
    old.say(ask).await;
    sim.faults().age("binance-usdm", 23).unwrap();
    let mut young = Peer::open(at, "/public/stream").await;
    young.say(ask).await;
    for _ in 0..5 {
        old.json().await;
    }
    sim.faults().age("binance-usdm", 1).unwrap();
    while old.text().await.is_some() {}
    for _ in 0..20 {
        young.json().await;
    }
    sim.stop().await.unwrap();
}

/// Forced closes as one venue tells them: path, request, and the lots of each in a frame by symbol.
type Stream = (&'static str, &'static str, &'static str, fn(&Value, &mut Vec<(String, f64)>));

fn figure(value: &Value) -> f64 {
    Num::parse(text(value).as_bytes()).unwrap().to_string().parse().unwrap()
}

const STREAMS: &[Stream] = &[
    (
        "binance-usdm",
        "/market/stream",
        r#"{"method":"SUBSCRIBE","params":["btcusdt@forceOrder","ethusdt@forceOrder","solusdt@forceOrder","xrpusdt@forceOrder","dogeusdt@forceOrder"],"id":1}"#,
        |frame, out| {
            let row = &frame["data"]["o"];
            if row.is_object() {
                out.push((text(&row["s"]).to_string(), figure(&row["q"])));
            }
        },
    ),
    (
        "okx",
        "/ws/v5/public",
        r#"{"op":"subscribe","args":[{"channel":"liquidation-orders","instType":"SWAP"}]}"#,
        |frame, out| {
            for row in frame["data"].as_array().into_iter().flatten() {
                for detail in row["details"].as_array().into_iter().flatten() {
                    out.push((text(&row["instId"]).to_string(), figure(&detail["sz"])));
                }
            }
        },
    ),
    (
        "bybit",
        "/v5/public/linear",
        r#"{"op":"subscribe","args":["allLiquidation.BTCUSDT","allLiquidation.ETHUSDT","allLiquidation.SOLUSDT","allLiquidation.XRPUSDT","allLiquidation.DOGEUSDT"]}"#,
        |frame, out| {
            for row in frame["data"].as_array().into_iter().flatten() {
                out.push((text(&row["s"]).to_string(), figure(&row["v"])));
            }
        },
    ),
];

/// How many closes and how many units, by symbol.
type Sums = BTreeMap<String, (u64, f64)>;

/// Catches: a thinned stream that tells all, a whole one that does not, and one that tells more than
/// happened.
#[test]
fn thinned_streams_are_a_floor_of_the_truth() {
    for (id, path, ask, read) in STREAMS {
        let config = SimConfig {
            venues: vec![(*id).into()],
            ..SimConfig::new(7, Scene::Cascade, Nanos(1_790_000_000_000 * MS))
        };
        let mut market = Market::new(&config).unwrap();
        let server = VENUES.iter().find(|v| v.id() == *id).unwrap();
        let mut session: Box<dyn Session> = server.session(path, "", market.venue(id).unwrap()).unwrap();
        session.text(ask, market.venue(id).unwrap(), &mut Vec::new());
        let count = |market: &Market| -> Vec<u64> {
            market.venue(id).unwrap().instruments.iter().map(Instrument::next_liquidation).collect()
        };
        let mut next = count(&market);
        // What happened and what was told: how many, how many units, by symbol.
        let (mut truth, mut told): (Sums, Sums) = Default::default();
        while market.elapsed() < 80 * SECOND {
            market.advance(market.now().plus(STEP)).unwrap();
            let venue = market.venue(id).unwrap();
            for (instrument, from) in venue.instruments.iter().zip(&next) {
                let l = instrument.listing;
                let unit = l.lot as f64 / 10f64.powi(l.size_decimals.into());
                for closed in instrument.liquidations_from(*from) {
                    let row = truth.entry(l.symbol.into()).or_default();
                    *row = (row.0 + 1, row.1 + closed.lots as f64 * unit);
                }
            }
            next = count(&market);
            let mut frames = Vec::new();
            session.push(market.venue(id).unwrap(), &mut frames);
            let mut rows = Vec::new();
            frames.iter().for_each(|f| read(&sonic_rs::from_str(f).unwrap(), &mut rows));
            for (symbol, size) in rows {
                let row = told.entry(symbol).or_default();
                *row = (row.0 + 1, row.1 + size);
            }
        }
        // The subscription is for swaps; the futures of that venue close too.
        truth.retain(|symbol, _| *id != "okx" || symbol.ends_with("-SWAP"));
        println!("{id}: happened {truth:?}, told {told:?}");
        assert!(truth.len() == 5 && told.len() == 5);
        for (symbol, (count, sum)) in &truth {
            let (told_count, told_sum) = told[symbol];
            assert!(told_count <= *count && told_sum <= sum + 1e-6, "{id} {symbol}");
            if *id == "bybit" {
                // The last half second may be under way.
                assert!(told_count + 3 >= *count, "{id} {symbol} tells all");
            } else {
                assert!(told_count < count * 3 / 4, "{id} {symbol} is thinned: {told_count} of {count}");
            }
        }
    }
}
