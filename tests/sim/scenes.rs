//! The scenes beyond the tour's first lesson: what befalls the market, and what a client sees of it.

use std::time::Duration;

use faultline::model::Nanos;
use faultline::model::time::{MS, SECOND};
use faultline::sim::market::STEP;
use faultline::sim::scene::Part;
use faultline::sim::{Instrument, Market, Scene, SimConfig, VENUES};

use crate::laws::Laws;
use crate::peer::{Peer, address, http, sim};

const START: Nanos = Nanos(1_790_000_000_000 * MS);

fn market(seed: u64, scene: Scene) -> Market {
    Market::new(&SimConfig::new(seed, scene, START)).unwrap()
}

fn with_part(part: Part) -> &'static str {
    VENUES.iter().find(|v| v.part() == part).map(|v| v.id()).unwrap()
}

/// What a moment of the market looks like, over all venues.
#[derive(Debug)]
struct Look {
    /// Middle mid of BTC.
    price: f64,
    /// Widest distance of a venue's BTC mid from it, basis points.
    gap: f64,
    /// Dollars within 25 basis points of the BTC mid, both sides, all venues.
    depth: f64,
    /// Venues that closed positions by force since the last look.
    closing: usize,
}

fn look(market: &Market, seen: &mut Vec<u64>) -> Look {
    let mut mids: Vec<f64> = VENUES.iter().filter_map(|v| market.mid(v.id(), "BTC")).collect();
    mids.sort_by(f64::total_cmp);
    let price = mids[mids.len() / 2];
    let gap = mids.iter().map(|m| (m / price - 1.0).abs() * 1e4).fold(0.0, f64::max);
    let mut depth = 0.0;
    for instrument in
        market.venues().iter().filter_map(|v| v.instruments.iter().find(|i| i.listing.underlying == "BTC"))
    {
        let (l, mid) = (instrument.listing, instrument.book.double_mid() as f64 / 2.0);
        let book = instrument.book.bids.iter().chain(&instrument.book.asks);
        let near = book.filter(|level| (level.ticks as f64 / mid - 1.0).abs() < 25e-4);
        depth += near.map(|level| level.lots as f64 * l.usd_per_lot(instrument.mid())).sum::<f64>();
    }
    let counts: Vec<u64> = market
        .venues()
        .iter()
        .map(|v| v.instruments.iter().map(Instrument::next_liquidation).sum())
        .collect();
    let closing = counts.iter().zip(seen.iter()).filter(|(now, before)| now > before).count();
    *seen = counts;
    Look { price, gap, depth, closing }
}

/// Catches: a cascade that does not fall, that leaves depth and gaps as they were, that no venue closes
/// positions in, that breaks a law, or that does not heal.
#[test]
fn the_cascade_falls_thins_out_spreads_and_heals() {
    for seed in [1, 7] {
        let mut market = market(seed, Scene::Cascade);
        let (mut laws, mut seen, mut looks) = (Laws::new(&market), Vec::new(), Vec::new());
        let mut longs = (0, 0);
        for second in 0..176_i64 {
            while market.elapsed() < second * SECOND {
                market.advance(market.now().plus(STEP)).unwrap();
                laws.check(&market).unwrap();
                let fell = (30..55).contains(&second);
                for closed in market.venues().iter().flat_map(|v| &v.instruments).filter(|_| fell) {
                    let new = closed.liquidations_from(0).filter(|l| l.at == market.now());
                    new.for_each(|l| if l.is_long { longs.0 += 1 } else { longs.1 += 1 });
                }
            }
            looks.push(look(&market, &mut seen));
        }
        let at = |second: usize| &looks[second];
        println!("seed {seed}: {:?}\n{:?}\n{:?}; long and short closes {longs:?}", at(9), at(54), at(175));
        let fall = at(54).price / at(9).price - 1.0;
        assert!((-0.12..-0.05).contains(&fall), "seed {seed}: {fall}");
        assert!(at(54).depth < at(9).depth * 0.35, "seed {seed}: {} of {}", at(54).depth, at(9).depth);
        assert!(at(9).gap < 10.0 && at(54).gap > 25.0, "seed {seed}: {} {}", at(9).gap, at(54).gap);
        let closing = looks[31..55].iter().map(|l| l.closing).min().unwrap();
        assert!(closing >= 6, "seed {seed}: {closing} venues close in the quietest second");
        assert!(longs.0 > 3 * longs.1, "a fall closes longs: {longs:?}");
        let back = at(175).price / at(9).price - 1.0;
        assert!(back.abs() < 0.02 && at(175).gap < 10.0, "seed {seed}: {back} {}", at(175).gap);
        assert!(at(175).depth > at(9).depth * 0.7, "seed {seed}: {}", at(175).depth);
    }
}

/// Catches: an outage that leaves a socket open or a request answered, that takes other venues along, or
/// that does not end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_outage_drops_one_venue_and_lets_it_back() {
    let sim = sim(Scene::Outage, 20.0).await;
    let failing = with_part(Part::Failing);
    assert_eq!(failing, "okx");
    let (at, path) = (address(&sim, failing), "/api/v5/public/time");
    let mut open = Peer::open(at, "/ws/v5/public").await;
    let mut other = Peer::open(address(&sim, "bitget"), "/v3/ws/public").await;
    assert_eq!(http(at, path, None).await.0, 200);
    let is_down = |sim: &faultline::sim::Sim| sim.truth(|m| m.venue(failing).unwrap().down);
    while !is_down(&sim) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(open.text().await, None, "open sockets end");
    assert!(Peer::try_open(at, "/ws/v5/public").await.is_none(), "new ones are refused");
    assert_eq!(http(at, path, None).await.0, 503);
    other.say("ping").await;
    assert_eq!(other.text().await.unwrap(), "pong", "other venues notice nothing");
    while is_down(&sim) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(http(at, path, None).await.0, 200);
    Peer::open(at, "/ws/v5/public").await;
    sim.stop().await.unwrap();
}

/// Catches: terms that change nowhere, at another venue, or before the time.
#[test]
fn the_rule_change_is_served_by_one_venue() {
    let mut market = market(7, Scene::RuleChange);
    let strict = with_part(Part::Strict);
    let offered = |market: &Market| -> Vec<(String, u32, u32)> {
        let rows = market.venues().iter().flat_map(|v| v.instruments.iter().map(|i| (v.id, i)));
        rows.filter(|(_, i)| i.leverage != i.listing.leverage)
            .map(|(id, i)| (format!("{id} {}", i.listing.underlying), i.leverage, i.listing.leverage))
            .collect()
    };
    market.advance(START.plus(20 * SECOND - STEP)).unwrap();
    assert_eq!(offered(&market), []);
    market.advance(START.plus(21 * SECOND)).unwrap();
    let changed = offered(&market);
    assert!(changed.len() >= 5 && changed.iter().all(|(name, ..)| name.starts_with(strict)), "{changed:?}");
    assert!(changed.contains(&(format!("{strict} SOL"), 10, 20)), "{changed:?}");
    assert!(changed.contains(&(format!("{strict} BTC"), 40, 50)), "{changed:?}");
}

/// Catches: shares of a venue in a scene that none plays.
#[test]
fn every_part_is_played() {
    for part in [Part::Torn, Part::Silent, Part::Frail, Part::Failing, Part::Strict] {
        assert!(!with_part(part).is_empty(), "{part:?}");
    }
}
