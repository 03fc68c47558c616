//! Weighted medians with a cap: one price for many venues. METRICS.md §5 and errata 14 to 17.

/// No venue weighs more than this in a consensus.
pub const WEIGHT_CAP: f64 = 0.35;
/// No source weighs more than this in the price of a currency.
pub const RATE_WEIGHT_CAP: f64 = 0.40;

/// One voter of a consensus.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Vote {
    /// Venue index; venues are numbered in id order.
    pub venue: u16,
    /// What it says.
    pub value: f64,
    /// Its weight, normalised and capped.
    pub weight: f64,
}

/// Normalises weights and caps each at `cap`, sharing the rest pro rata (errata 14).
///
/// When `n·cap <= 1` all weights become equal.
pub fn cap_weights(votes: &mut [Vote], cap: f64) {
    let n = votes.len() as f64;
    let total: f64 = votes.iter().map(|v| v.weight).sum();
    if votes.is_empty() {
        return;
    }
    if n * cap <= 1.0 || total <= 0.0 {
        votes.iter_mut().for_each(|v| v.weight = 1.0 / n);
        return;
    }
    votes.iter_mut().for_each(|v| v.weight /= total);
    // Each round fixes at least one weight, so this ends after n rounds.
    for _ in 0..votes.len() {
        let over = |v: &Vote| v.weight > cap + 1e-15;
        if !votes.iter().any(over) {
            return;
        }
        votes.iter_mut().filter(|v| over(v)).for_each(|v| v.weight = cap);
        let is_fixed = |v: &Vote| v.weight >= cap - 1e-15;
        let fixed: f64 = votes.iter().filter(|v| is_fixed(v)).map(|v| v.weight).sum();
        let free: f64 = votes.iter().filter(|v| !is_fixed(v)).map(|v| v.weight).sum();
        if free > 0.0 {
            let scale = (1.0 - fixed) / free;
            votes.iter_mut().filter(|v| !is_fixed(v)).for_each(|v| v.weight *= scale);
        }
    }
}

/// Sorts by value, then venue, as `weighted_median` wants it.
pub fn sort(votes: &mut [Vote]) {
    votes.sort_by(|a, b| a.value.total_cmp(&b.value).then(a.venue.cmp(&b.venue)));
}

/// First value whose cumulative weight reaches half of the total; exactly half gives the mean with the
/// next (errata 16). `votes` are sorted; the vote of venue `without` is left out.
pub fn weighted_median(votes: &[Vote], without: Option<u16>) -> Option<f64> {
    let others = || votes.iter().filter(|v| Some(v.venue) != without);
    let total: f64 = others().map(|v| v.weight).sum();
    if total <= 0.0 {
        return None;
    }
    let mut sum = 0.0;
    let mut rest = others();
    while let Some(vote) = rest.next() {
        sum += vote.weight / total;
        if (sum - 0.5).abs() <= 1e-12 {
            return Some(rest.next().map_or(vote.value, |next| (vote.value + next.value) / 2.0));
        }
        if sum > 0.5 {
            return Some(vote.value);
        }
    }
    others().next_back().map(|v| v.value)
}

/// Distance of two prices in basis points: `1e4·ln(a/b)`.
pub fn bps(a: f64, b: f64) -> f64 {
    1e4 * libm::log(a / b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn votes(rows: &[(f64, f64)]) -> Vec<Vote> {
        rows.iter()
            .enumerate()
            .map(|(v, (value, weight))| Vote { venue: v as u16, value: *value, weight: *weight })
            .collect()
    }

    fn capped(weights: &[f64]) -> Vec<f64> {
        let mut v = votes(&weights.iter().map(|w| (1.0, *w)).collect::<Vec<_>>());
        cap_weights(&mut v, WEIGHT_CAP);
        v.iter().map(|v| (v.weight * 1e6).round() / 1e6).collect()
    }

    #[test]
    fn the_cap_algorithm_of_erratum_14() {
        assert_eq!(capped(&[0.5, 0.2, 0.1, 0.2]), [0.35, 0.26, 0.13, 0.26]);
        assert_eq!(capped(&[0.5, 0.3, 0.1, 0.1]), [0.35, 0.35, 0.15, 0.15]);
        assert_eq!(capped(&[0.8, 0.15, 0.05]), [0.35, 0.35, 0.30]);
        assert_eq!(capped(&[0.6, 0.4]), [0.5, 0.5]);
    }

    #[test]
    fn a1_leave_one_out_gaps() {
        let rows = [(59_910.0, 0.35), (59_940.0, 0.26), (59_700.0, 0.13), (59_925.0, 0.26)];
        let mut v = votes(&rows);
        sort(&mut v);
        let gap = |venue: u16| bps(rows[usize::from(venue)].0, weighted_median(&v, Some(venue)).unwrap());
        let expected = [-2.503_442_246, 5.006_257_9, -37.617_599, 2.503_442_2];
        for (venue, expected) in (0..).zip(expected) {
            assert!((gap(venue) - expected).abs() < 1e-5, "{venue}: {} is not {expected}", gap(venue));
        }
    }

    #[test]
    fn half_the_weight_means_the_mean_of_two() {
        let v = votes(&[(1.0, 0.5), (3.0, 0.5)]);
        assert_eq!(weighted_median(&v, None), Some(2.0));
        assert_eq!(weighted_median(&v, Some(0)), Some(3.0));
        assert_eq!(weighted_median(&[], None), None);
    }
}
