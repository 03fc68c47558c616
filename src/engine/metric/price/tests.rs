//! Vectors of family A and what must hold for any prices.

use super::*;
use crate::engine::metric::METRICS;

fn near(value: f64, expected: f64) -> bool {
    (value - expected).abs() < 1e-9 * expected.abs().max(1.0)
}

/// Votes of the vectors: USD mids with the weights of erratum 14.
fn votes(rows: &[(u16, f64, f64)]) -> Vec<Vote> {
    let mut votes: Vec<Vote> = rows
        .iter()
        .map(|(venue, value, weight)| Vote { venue: *venue, value: *value, weight: *weight })
        .collect();
    cap_weights(&mut votes, WEIGHT_CAP);
    sort(&mut votes);
    votes
}

const MIDS: [(u16, f64, f64); 4] =
    [(0, 59_910.0, 0.5), (1, 59_940.0, 0.2), (2, 59_700.0, 0.1), (3, 59_925.0, 0.2)];

#[test]
fn n1_the_sign_flips_when_the_stablecoin_is_converted() {
    let split = Split { prices: (60_000.0, 59_940.0), rates: Some((0.9985, 1.0)) };
    assert!(near(split.raw(), 10.005_003_335_836_22));
    assert!(near(split.venue().unwrap(), -5.006_257_926_836_565));
    assert!(near(split.currency().unwrap(), -15.011_261_262_670_914));
    assert!(near(split.raw(), split.venue().unwrap() - split.currency().unwrap()), "the identity of §4.1");
}

/// Catches: pairs of one currency that vanish because its price is not known (erratum 7).
#[test]
fn n1_one_currency_needs_no_rate() {
    let on = |venue, native, currency, usd| Quoted { venue, native, currency, usd, ..Quoted::NONE };
    let (a, b) = (on(0, 60_000.0, 5, None), on(1, 59_940.0, 5, None));
    let (split, quality) = a.split(&b);
    assert!(
        near(split.venue().unwrap(), split.raw()) && split.currency() == Some(0.0) && quality == Quality::Ok
    );
    let (split, quality) = a.split(&on(2, 59_940.0, 0, Some((1.0, Quality::Ok))));
    assert_eq!((split.venue(), split.currency(), quality), (None, None, Quality::Missing));
    assert!(near(split.raw(), 10.005_003_335_836_22), "as quoted it is known");
}

#[test]
fn a1_leave_one_out_gaps() {
    let votes = votes(&MIDS);
    let expected =
        [-2.503_442_246_145_037_4, 5.006_257_926_837_014, -37.617_599_218_916_844, 2.503_442_246_144_501];
    for (venue, expected) in (0..).zip(expected) {
        let gap = gap(&votes, venue).unwrap();
        assert!((gap - expected).abs() < 1e-9, "{venue}: {gap} is not {expected}");
    }
}

#[test]
fn a2_mark_gap() {
    let votes = votes(&[(0, 60_090.0, 1.0), (1, 60_000.0, 1.0), (2, 60_000.0, 1.0)]);
    assert!(near(gap(&votes, 0).unwrap(), 14.988_761_237_359_487));
}

#[test]
fn a3_index_gap() {
    let votes = votes(&[(0, 60_000.0, 1.0), (1, 60_090.0, 2.0), (2, 60_000.0, 3.0), (3, 60_000.0, 1.0)]);
    assert!(near(gap(&votes, 1).unwrap(), 14.988_761_237_359_487));
    assert_eq!(gap(&votes[..1], votes[0].venue), None, "erratum 20: alone");
}

#[test]
fn a4_premium() {
    assert!(near(bps(60_090.0, 60_000.0), 14.988_761_237_359_487));
}

#[test]
fn a5_dispersion() {
    let votes = votes(&MIDS);
    assert!(near(dispersion(&votes).unwrap(), 6.417_224_761_589_857));
    assert!(near(weighted_median(&votes, None).unwrap(), 59_925.0));
    let worst = votes.iter().map(|v| bps(v.value, 59_925.0)).max_by(|a, b| a.abs().total_cmp(&b.abs()));
    assert!(near(worst.unwrap(), -37.617_599_218_916_844));
    assert_eq!(dispersion(&votes[..2]), None);
}

#[test]
fn a7_quote_basis() {
    assert!(near(bps(0.9985, 1.0), -15.011_261_262_670_914));
    assert!(near(bps(0.90, 1.0), -1_053.605_156_578_262_7));
}

#[test]
fn a8_collateral_price_gap() {
    assert!(near(bps(0.65, 0.97), -4_003.237_086_077_456_3));
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    fn rows(&mut self) -> Vec<(u16, f64, f64)> {
        let n = 2 + (self.roll() * 10.0) as u16;
        (0..n).map(|venue| (venue, 60_000.0 * (1.0 + 0.02 * (self.roll() - 0.5)), self.roll())).collect()
    }
}

/// METRICS.md §12. Catches: a sum or a median that depends on the order in which venues came.
#[test]
fn permuting_venues_changes_nothing() {
    let mut dice = Dice(1);
    for _ in 0..200 {
        let rows = dice.rows();
        let mut turned = rows.clone();
        let by = (dice.roll() * rows.len() as f64) as usize;
        turned.rotate_left(by);
        turned.swap(0, rows.len() / 2);
        let (a, b) = (votes(&rows), votes(&turned));
        for (venue, _, _) in rows {
            assert!(near(gap(&a, venue).unwrap(), gap(&b, venue).unwrap()));
        }
        assert!(match (dispersion(&a), dispersion(&b)) {
            (Some(x), Some(y)) => near(x, y),
            (x, y) => x == y,
        });
    }
}

/// METRICS.md §12, erratum 42. Catches: a price that enters a distance without its unit.
#[test]
fn scaling_all_prices_leaves_distances_alone() {
    let mut dice = Dice(2);
    for _ in 0..200 {
        let (rows, k) = (dice.rows(), 1e-6 + 1e6 * dice.roll());
        let scaled: Vec<_> = rows.iter().map(|(venue, price, weight)| (*venue, price * k, *weight)).collect();
        let (a, b) = (votes(&rows), votes(&scaled));
        for (venue, _, _) in rows {
            assert!((gap(&a, venue).unwrap() - gap(&b, venue).unwrap()).abs() < 1e-6);
        }
        if let (Some(x), Some(y)) = (dispersion(&a), dispersion(&b)) {
            assert!((x - y).abs() < 1e-6);
        }
    }
}

/// METRICS.md §12: `gap(a, b) = -gap(b, a)`, and scaling all rates leaves what is converted alone.
#[test]
fn pairs_are_antisymmetric_and_blind_to_the_unit_of_money() {
    let mut dice = Dice(3);
    for _ in 0..200 {
        let mut price = || 60_000.0 * (0.9 + 0.2 * dice.roll());
        let (a, b) = (price(), price());
        let (x, y, k) = (price() / 60_000.0, price() / 60_000.0, price());
        let (one, other) =
            (Split { prices: (a, b), rates: Some((x, y)) }, Split { prices: (b, a), rates: Some((y, x)) });
        assert!(near(one.raw(), -other.raw()) && near(one.venue().unwrap(), -other.venue().unwrap()));
        let scaled = Split { prices: (a, b), rates: Some((x * k, y * k)) };
        assert!((scaled.venue().unwrap() - one.venue().unwrap()).abs() < 1e-6);
        assert!((one.raw() - one.venue().unwrap() + one.currency().unwrap()).abs() < 1e-6);
    }
}

/// Catches: a default limit that is not the one of METRICS.md's T line.
#[test]
fn default_limits_are_those_of_the_cards() {
    let limits = |id: &str| METRICS.iter().find(|m| m.card().id == id).and_then(|m| m.card().limits);
    for (id, expected) in [
        ("mid_gap_bps", (10.0, 50.0)),
        ("mark_gap_bps", (15.0, 50.0)),
        ("index_gap_bps", (10.0, 30.0)),
        ("mark_index_premium_bps", (30.0, 100.0)),
        ("price_dispersion_bps", (5.0, 20.0)),
        ("cross_venue_arb_bps", (0.0, 10.0)),
        ("arb_persistence_s", (3.0, 30.0)),
        ("quote_basis_bps", (20.0, 100.0)),
        ("collateral_price_gap_bps", (50.0, 200.0)),
        ("funding_apr", (0.5, 1.5)),
        ("funding_spread_apr", (0.2, 0.75)),
        ("funding_oiw_apr", (0.3, 0.8)),
        ("funding_cap_proximity", (0.5, 0.9)),
    ] {
        assert_eq!(limits(id), Some(expected), "{id}");
    }
}
