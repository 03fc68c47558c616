//! D3 and D4: how two prices of one thing pull each other back, and what that says about which of them
//! is first to know. Component share of Gonzalo and Granger (1995), information share of Hasbrouck (1995).

/// Lags of price changes in the model.
pub const LAGS: usize = 5;
/// Constant, distance of the prices, changes of both at each lag.
const TERMS: usize = 2 + 2 * LAGS;
/// Terms, then what is solved for: both equations, and the variance of the pull.
const COLUMNS: usize = TERMS + 3;
/// Rows from which the model is fitted.
const ROWS_MIN: usize = 5 * TERMS;
/// A pivot this much smaller than it began means that terms repeat each other.
const PIVOT_MIN: f64 = 1e-9;
/// `|t|` from which a pull counts as seen.
pub const T_MIN: f64 = 2.0;

/// `Δp = c + α·(a − b) + Γ·(lagged Δp) + ε`, fitted by least squares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Model {
    /// How far each price moves per step for a unit of distance: negative for `a`, positive for `b`,
    /// when they return to each other.
    pub alpha: [f64; 2],
    /// `alpha` over its standard error.
    pub t: [f64; 2],
    /// Covariance of the residuals.
    pub omega: [[f64; 2]; 2],
}

/// One observation: terms and the changes they explain.
struct Observation {
    terms: [f64; TERMS],
    changes: [f64; 2],
}

impl Observation {
    /// From prices of `LAGS + 2` consecutive steps, all of them known.
    fn new(window: &[Option<(f64, f64)>]) -> Option<Self> {
        let prices = window.iter().copied().collect::<Option<Vec<(f64, f64)>>>()?;
        let changes: Vec<[f64; 2]> =
            prices.iter().zip(prices.iter().skip(1)).map(|(p, q)| [q.0 - p.0, q.1 - p.1]).collect();
        let (now, lagged) = changes.split_last()?;
        let before = prices.get(LAGS)?;
        let mut terms = [0.0; TERMS];
        let values = [1.0, before.0 - before.1].into_iter().chain(lagged.iter().copied().flatten());
        terms.iter_mut().zip(values).for_each(|(term, value)| *term = value);
        Some(Observation { terms, changes: *now })
    }
}

/// Fits the model to two log prices on one grid. `None` with too few steps, or when the terms do not
/// tell the pull apart (one price stands still, or both are one).
pub fn fit(prices: &[Option<(f64, f64)>]) -> Option<Model> {
    let rows: Vec<Observation> = prices.windows(LAGS + 2).filter_map(Observation::new).collect();
    if rows.len() < ROWS_MIN {
        return None;
    }
    let mut system = [[0.0; COLUMNS]; TERMS];
    for row in &rows {
        let right = row.terms.iter().chain(&row.changes);
        for (line, factor) in system.iter_mut().zip(&row.terms) {
            line.iter_mut().zip(right.clone()).for_each(|(sum, value)| *sum += factor * value);
        }
    }
    *system.get_mut(1)?.last_mut()? = 1.0;
    solve(&mut system)?;
    let line = |at: usize| system.get(at).and_then(|line| line.last_chunk::<3>()).copied();
    let solved: Vec<[f64; 3]> = (0..TERMS).filter_map(line).collect();
    let mut sums = [0.0; 3]; // aa, ab, bb
    for row in &rows {
        let fitted = row
            .terms
            .iter()
            .zip(&solved)
            .fold([0.0; 2], |[a, b], (x, [alpha, beta, _])| [a + x * alpha, b + x * beta]);
        let [a, b] = [row.changes[0] - fitted[0], row.changes[1] - fitted[1]];
        sums = [sums[0] + a * a, sums[1] + a * b, sums[2] + b * b];
    }
    let [aa, ab, bb] = sums.map(|sum| sum / (rows.len() - TERMS) as f64);
    let [a, b, spread] = *solved.get(1)?;
    let t = |alpha: f64, variance: f64| alpha / libm::sqrt(variance * spread);
    let model = Model { alpha: [a, b], t: [t(a, aa), t(b, bb)], omega: [[aa, ab], [ab, bb]] };
    model.t.iter().all(|t| t.is_finite()).then_some(model)
}

/// Gauss and Jordan: the left part becomes the unit matrix, the right part the solution. The matrix is
/// one of squares, so that its pivots need no search. `None` when it is singular.
fn solve(system: &mut [[f64; COLUMNS]; TERMS]) -> Option<()> {
    let sizes: Vec<f64> = (0..TERMS).filter_map(|k| system.get(k)?.get(k).copied()).collect();
    for (k, size) in sizes.into_iter().enumerate() {
        let line = system.get_mut(k)?;
        let pivot = *line.get(k)?;
        if size <= 0.0 || pivot <= PIVOT_MIN * size {
            return None;
        }
        line.iter_mut().for_each(|x| *x /= pivot);
        let line = *line;
        for (_, other) in system.iter_mut().enumerate().filter(|(at, _)| *at != k) {
            let factor = *other.get(k)?;
            other.iter_mut().zip(&line).for_each(|(x, l)| *x -= factor * l);
        }
    }
    Some(())
}

impl Model {
    /// True when at least one of the pulls is seen.
    pub fn is_identified(&self) -> bool {
        self.t.iter().any(|t| t.abs() >= T_MIN)
    }
}

/// Shares of `a` and `b` in the common price: `α_b/(α_b − α_a)`, held to 0..1. `None` when the prices do
/// not return to each other.
pub fn component_shares(alpha: [f64; 2]) -> Option<[f64; 2]> {
    let [a, b] = alpha;
    if b - a <= 0.0 {
        return None;
    }
    let share = (b / (b - a)).clamp(0.0, 1.0);
    Some([share, 1.0 - share])
}

/// Lower and upper bound of the information share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// The venue comes last in the order of causes.
    pub low: f64,
    /// It comes first.
    pub high: f64,
}

impl Bounds {
    /// Middle of the band.
    pub fn mid(&self) -> f64 {
        (self.low + self.high) / 2.0
    }
}

/// `IS_j = (ψF)_j² / (ψΩψ')` with `F` the Cholesky factor of `Ω`, in both orders. `None` when nothing
/// moves the common price.
pub fn information_shares(psi: [f64; 2], omega: [[f64; 2]; 2]) -> Option<[Bounds; 2]> {
    let ([a, b], [[aa, ab], [_, bb]]) = (psi, omega);
    let total = a * a * aa + 2.0 * a * b * ab + b * b * bb;
    if total <= 0.0 || aa <= 0.0 || bb <= 0.0 {
        return None;
    }
    // The first takes what both share; the second keeps what is its own.
    let first = |own: f64, other: f64, variance: f64| {
        let moved = own * variance + other * ab;
        moved * moved / variance / total
    };
    let (high_a, high_b) = (first(a, b, aa), first(b, a, bb));
    Some([Bounds { low: 1.0 - high_b, high: high_a }, Bounds { low: 1.0 - high_a, high: high_b }])
}
