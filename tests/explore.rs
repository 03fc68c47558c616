#![allow(clippy::all, clippy::unwrap_used, clippy::print_stdout)]
use std::collections::BTreeMap;
use faultline::engine::hidden::fenwick::Fenwick;
use faultline::engine::hidden::lines::Terms;
use faultline::engine::hidden::series::{Facts, REACH, Series};
use faultline::model::instrument::Payoff;
use faultline::model::time::SECOND;
use faultline::model::venue::Report;
use faultline::model::Nanos;
use faultline::sim::people::Shape;
use faultline::sim::{Market, Scene, SimConfig, truth};
use faultline::snapshot::Quality;

const START: Nanos = Nanos(1_790_000_000_000_000_000);

fn run(seed: u64, shape: Shape, talk: bool) -> [(u32, u32, f64); 6] {
    let venues: Vec<String> = ["bybit", "okx", "bitget", "gate"].map(String::from).to_vec();
    let config = SimConfig { venues, shape, ..SimConfig::new(seed, Scene::Oct25, START) };
    let mut market = Market::new(&config).unwrap();
    let mut series: BTreeMap<(u16, u16), Series> = BTreeMap::new();
    let mut told: BTreeMap<(u16, u16), [i64; 2]> = BTreeMap::new();
    let mut tree = Fenwick::new(REACH);
    let mut scratch = Vec::new();
    let mut hits = [(0u32, 0u32, 0.0); 6];
    for s in 1..=420i64 {
        market.advance(START.plus(s * SECOND)).unwrap();
        let now = START.plus(s * SECOND);
        for (v, venue) in market.venues().iter().enumerate() {
            for (u, name) in ["BTC", "ETH"].iter().enumerate() {
                let i = venue.instruments.iter().find(|i| i.listing.underlying == *name).unwrap();
                let crowd = i.crowd.as_ref().unwrap();
                let place = (u as u16, v as u16);
                let l = i.listing;
                let usd = l.usd_per_lot(i.mark_e8 as f64 * 1e-8);
                let mark = i.mark_e8 as f64 * 1e-8;
                let top = l.leverage as f64;
                let facts = Facts {
                    terms: Terms { payoff: Payoff::Linear, maintenance: 0.5 / top, leverage_max: top },
                    contracts: i.long_lots as f64, mark, usd, base: usd / mark,
                    report: Some(match v { 0 | 3 => Report::All, _ => Report::OnePerS }),
                    quality: Quality::Estimated, as_of: now,
                };
                let s_ = series.entry(place).or_insert_with(|| Series::new(0, facts, now, place));
                s_.mark(mark);
                let before = told.insert(place, crowd.tally.told).unwrap_or_default();
                for side in 0..2 {
                    let new = crowd.tally.told[side] - before[side];
                    if new > 0 { s_.lose(now, side, new as f64 / 100.0); }
                }
                if s % 10 == 0 {
                    s_.learn(facts);
                    if s % 60 == 0 { s_.minute(now, place, &mut scratch); }
                    s_.read(now, false, &mut tree);
                    let reading = s_.reading.as_ref().unwrap();
                    for side in 0..2 {
                        let true_ = truth::near(i, crowd, side);
                        for (m, band) in reading.at_risk[side].iter().enumerate() {
                            let t = true_[m] as f64;
                            let h = &mut hits[side * 3 + m];
                            h.0 += 1;
                            h.1 += u32::from(band.p10 <= t && t <= band.p90);
                            h.2 += (band.p90 - band.p10) / reading.interest;
                            if talk && s % 30 == 0 && u == 0 && v == 0 {
                                println!("{s} {} {} {side} {m}: {:.1} [{:.1} {:.1} {:.1}] M {}", venue.id, name, t / 1e6, band.p10 / 1e6, band.p50 / 1e6, band.p90 / 1e6, if band.p10 <= t && t <= band.p90 { "" } else { "OUT" });
                            }
                        }
                    }
                }
                if talk && s % 15 == 0 && u == 0 {
                    println!("{s} {:7} {} mark {:.0} mid {:.0} oi {:.0} M done {:?} told {:?} adl {:?} M, waiting {:?} M spent {}", venue.id, name, mark, i.mid(), i.long_lots as f64 * usd / 1e6,
                        crowd.tally.done.map(|c| c / 100_000_000), crowd.tally.told.map(|c| c / 100_000_000), crowd.tally.deleveraged.map(|c| c / 100_000_000), crowd.waiting().map(|l| (l as f64 * usd / 1e6) as i64), crowd.is_fund_spent());
                }
            }
        }
    }
    hits
}

#[test]
fn explore() {
    let t = std::time::Instant::now();
    let mut sum = [(0u32, 0u32, 0.0); 6];
    for seed in 1..=std::env::var("SEEDS").map_or(1, |s| s.parse().unwrap()) {
        for shape in [Shape::Reported, Shape::Rounded] {
            let hits = run(seed, shape, seed == 1 && shape == Shape::Reported);
            print!("seed {seed} {shape:?}:");
            for (s, h) in sum.iter_mut().zip(hits) { *s = (s.0 + h.0, s.1 + h.1, s.2 + h.2); print!(" {:.2}", h.1 as f64 / h.0 as f64); }
            println!(" {:?}", t.elapsed());
        }
    }
    println!("ALL: {:?}", sum.map(|s| (s.1 as f64 / s.0 as f64, s.2 / s.0 as f64)));
}
