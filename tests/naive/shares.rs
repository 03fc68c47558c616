//! Who sets the common price: two regressions, each column made orthogonal to those before it.
//! METRICS.md D3, D4, erratum 32.

use faultline::model::time::{Nanos, SECOND};

use crate::books::World;
use crate::figures::{Figures, place};
use crate::lead::{mid_at, paths};

/// Metrics of this file.
pub(crate) const SHARES: [&str; 2] = ["component_share", "info_share"];
const LAGS: usize = 5;
/// Constant, distance, five changes of both.
const TERMS: usize = 2 + 2 * LAGS;
/// Observations per term that the fit asks for.
const ROWS: usize = 5 * TERMS;

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// `v` less what unit vectors explain of it, twice over against rounding.
fn rest(v: &[f64], basis: &[Vec<f64>]) -> Vec<f64> {
    let mut v = v.to_vec();
    for q in basis.iter().chain(basis) {
        let part = dot(&v, q);
        v.iter_mut().zip(q).for_each(|(v, q)| *v -= part * q);
    }
    v
}

fn unit(mut v: Vec<f64>) -> Vec<f64> {
    let length = dot(&v, &v).sqrt();
    v.iter_mut().for_each(|v| *v /= length);
    v
}

/// How both prices are pulled to each other, whether that is seen, and the covariance of what is left.
struct Fit {
    alpha: [f64; 2],
    is_seen: bool,
    omega: [[f64; 2]; 2],
}

fn fit(a: &[Option<f64>], b: &[Option<f64>]) -> Option<Fit> {
    let mut columns: Vec<Vec<f64>> = vec![Vec::new(); TERMS];
    let mut changes = [Vec::new(), Vec::new()];
    for t in LAGS + 1..a.len() {
        let window = |p: &[Option<f64>]| p[t - LAGS - 1..=t].iter().copied().collect::<Option<Vec<f64>>>();
        let Some((p, q)) = window(a).zip(window(b)) else { continue };
        let change = |p: &[f64], lag: usize| p[LAGS + 1 - lag] - p[LAGS - lag];
        // The pull comes last: what the others do not explain of it decides.
        let mut row = vec![1.0];
        (1..=LAGS).for_each(|lag| row.extend([change(&p, lag), change(&q, lag)]));
        row.push(p[LAGS] - q[LAGS]);
        columns.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
        changes[0].push(change(&p, 0));
        changes[1].push(change(&q, 0));
    }
    let n = changes[0].len();
    if n < ROWS {
        return None;
    }
    let (pull, others) = columns.split_last()?;
    let mut basis: Vec<Vec<f64>> = Vec::new();
    for column in others {
        basis.push(unit(rest(column, &basis)));
    }
    let own = rest(pull, &basis);
    let size = dot(&own, &own);
    let alpha = changes.each_ref().map(|y| dot(y, &own) / size);
    basis.push(unit(own));
    let left = changes.each_ref().map(|y| rest(y, &basis));
    let covariance = |i: usize, j: usize| dot(&left[i], &left[j]) / (n - TERMS) as f64;
    let omega = [[covariance(0, 0), covariance(0, 1)], [covariance(1, 0), covariance(1, 1)]];
    let is_seen = (0..2).any(|i| (alpha[i] / (omega[i][i] / size).sqrt()).abs() >= 2.0);
    Some(Fit { alpha, is_seen, omega })
}

/// Lower and upper bound of the first's information share: it comes last, or first, in the order of causes.
fn bounds(psi: [f64; 2], omega: [[f64; 2]; 2]) -> [f64; 2] {
    let total: f64 = (0..2).flat_map(|i| (0..2).map(move |j| psi[i] * psi[j] * omega[i][j])).sum();
    // Cholesky by hand: F = [[√ω11, 0], [ω12/√ω11, √(ω22 − ω12²/ω11)]].
    let f11 = omega[0][0].sqrt();
    let first = (psi[0] * f11 + psi[1] * omega[0][1] / f11).powi(2) / total;
    let g22 = (omega[0][0] - omega[0][1] * omega[0][1] / omega[1][1]).sqrt();
    let last = (psi[0] * g22).powi(2) / total;
    [last, first]
}

/// D3 and D4 of both venues, each against the other.
pub(crate) fn shares(world: &World, underlying: &str, at: Nanos) -> Figures {
    let mut out = Figures::new();
    let paths = paths(world, underlying, at);
    let [(a, x), (b, y)] = &paths[..] else { return out };
    let second = at.0 / SECOND;
    let logs = |points: &[_]| -> Vec<Option<f64>> {
        let mid = |second: i64| mid_at(points, second * 1_000_000);
        (second - 899..=second).map(|s| mid(s).map(|mid| 1e4 * mid.ln())).collect()
    };
    let (x, y) = (logs(x), logs(y));
    let told = [(*a, &x, &y), (*b, &y, &x)].map(|(venue, own, other)| {
        let fit = fit(own, other).filter(|fit| fit.is_seen)?;
        let [own, other] = fit.alpha;
        let share = (other - own > 0.0).then(|| (other / (other - own)).clamp(0.0, 1.0))?;
        Some((venue, share, bounds([share, 1.0 - share], fit.omega)))
    });
    let total: f64 = told.iter().flatten().map(|(_, share, _)| share).sum();
    for (venue, share, [low, high]) in told.into_iter().flatten() {
        let names = [venue, "", underlying, ""];
        out.insert((SHARES[0], place(names, "")), share / total);
        for (part, value) in [("", (low + high) / 2.0), ("low", low), ("high", high)] {
            out.insert((SHARES[1], place(names, part)), value);
        }
    }
    out
}
