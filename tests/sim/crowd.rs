//! The crash with a crowd: forced closes feed it, nobody's money is made or lost, and its journal is a
//! function of the seed.

use faultline::model::Nanos;
use faultline::model::time::{MS, SECOND};
use faultline::sim::market::STEP;
use faultline::sim::{Instrument, Market, Scene, SimConfig, truth};

use crate::laws::Laws;

const START: Nanos = Nanos(1_790_000_000_000 * MS);

fn config(seed: u64) -> SimConfig {
    let venues = ["bybit", "bitget", "gate"].map(String::from).to_vec();
    SimConfig { venues, ..SimConfig::new(seed, Scene::Oct25, START) }
}

/// Open interest in BTC at one price, so that only positions change it.
fn open(market: &Market) -> f64 {
    let all = market.venues().iter().flat_map(|v| &v.instruments);
    let usd = |i: &Instrument| i.long_lots as f64 * i.listing.usd_per_lot(90_000.0);
    all.filter(|i| i.listing.underlying == "BTC").map(usd).sum()
}

/// Catches: forced orders that move no price, so that the fall is the scene's alone; a crowd that survives;
/// a shortfall that nobody bears; positions, money or fills that do not add up, by own books in each step.
#[test]
fn forced_closes_feed_the_fall_and_everything_adds_up() {
    for seed in [1, 7] {
        let mut market = Market::new(&config(seed)).unwrap();
        let mut laws = Laws::new(&market);
        let price = |market: &Market| market.mid("bitget", "BTC").unwrap();
        let (began, before, mut low) = (price(&market), open(&market), f64::MAX);
        while market.elapsed() < 240 * SECOND {
            market.advance(market.now().plus(STEP)).unwrap();
            laws.check(&market).unwrap();
            low = low.min(price(&market));
        }
        let fall = low / began - 1.0;
        // The tide of `OCT25` alone until it turns: 0.8 bps of BTC for each.
        let tide = -0.8e-4 * (2.0 * 45.0 + 2.7 * 30.0 + 3.4 * 40.0);
        let crowds = || market.venues().iter().flat_map(|v| &v.instruments).filter_map(|i| i.crowd.as_ref());
        let sum = |f: fn(&truth::Tally) -> i64| crowds().map(|c| f(&c.tally)).sum::<i64>();
        let (longs, shorts) = (sum(|t| t.done[0]), sum(|t| t.done[1]));
        let (told, deleveraged) = (sum(|t| t.told[0]), sum(|t| t.deleveraged[0]));
        let shrunk = 1.0 - open(&market) / before;
        println!("seed {seed}: {fall:.3} of {tide:.3}, open interest -{shrunk:.2}, closed {longs} {shorts}");
        assert!(fall < 2.0 * tide && fall > -0.25, "seed {seed}: {fall} of {tide}");
        assert!((0.05..0.5).contains(&shrunk), "seed {seed}: {shrunk}");
        assert!(
            longs > 10 * shorts && told < longs && deleveraged > 0,
            "{longs} {shorts} {told} {deleveraged}"
        );
    }
}

/// Catches: a journal that depends on when it is written, or that all seeds share.
#[test]
fn the_journal_is_a_function_of_the_seed() {
    let written = |seed: u64| {
        let mut out = Vec::new();
        truth::write(&config(seed), &["BTC".into()], START.plus(5 * SECOND), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    let text = written(7);
    assert_eq!(text.lines().count(), 1 + 5 * 4, "a head; three perpetuals and an inverse one a second");
    assert!(text == written(7) && text.lines().nth(1) != written(8).lines().nth(1));
}

/// Catches: a crowd in scenes that have none, whose bytes would change.
#[test]
fn other_scenes_have_no_crowd() {
    for (scene, word, _) in faultline::sim::scene::SCENES {
        let market = Market::new(&SimConfig { scene: *scene, ..config(7) }).unwrap();
        let crowds =
            market.venues().iter().flat_map(|v| &v.instruments).filter(|i| i.crowd.is_some()).count();
        assert_eq!(crowds > 0, *scene == Scene::Oct25, "{word}");
    }
}
