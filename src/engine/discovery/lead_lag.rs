//! D2: who moves first. Correlation of two series on one grid over shifts of one of them.
//!
//! `rho(s) = Σ x_t·y_{t+s} / sqrt(Σx²·Σy²)`, not centred; `s > 0` means that x leads (METRICS.md erratum 32).

use super::sample::Step;

/// Correlations over shifts of `-reach..=reach` steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    reach: i64,
    rho: Vec<f64>,
}

impl Profile {
    /// Correlates two series in order of slots; `None` when one stands still.
    pub fn of(x: &[Step], y: &[Step], reach: u16) -> Option<Profile> {
        let reach = i64::from(reach);
        let mut rho = vec![0.0; usize::try_from(2 * reach + 1).ok()?];
        let mut near = y;
        for at in x {
            while let [first, tail @ ..] = near
                && first.slot < at.slot - reach
            {
                near = tail;
            }
            for other in near.iter().take_while(|o| o.slot <= at.slot + reach) {
                let shift = usize::try_from(other.slot - at.slot + reach).ok()?;
                *rho.get_mut(shift)? += at.change * other.change;
            }
        }
        let squares = |steps: &[Step]| steps.iter().map(|s| s.change * s.change).sum::<f64>();
        let norm = libm::sqrt(squares(x) * squares(y));
        rho.iter_mut().for_each(|rho| *rho /= norm);
        (norm > 0.0).then_some(Profile { reach, rho })
    }

    /// The correlation at a shift.
    pub fn rho(&self, shift: i64) -> Option<f64> {
        self.rho.get(usize::try_from(shift + self.reach).ok()?).copied()
    }

    /// The shift of the largest correlation in size, and that correlation. Ties go to the smallest shift.
    pub fn lead(&self) -> (i64, f64) {
        let outwards = (0..=self.reach).flat_map(|s| [s, -s]);
        outwards
            .filter_map(|s| Some((s, self.rho(s)?)))
            .fold((0, 0.0), |best: (i64, f64), next| if next.1.abs() > best.1.abs() { next } else { best })
    }

    /// `Σ rho² (x leads) / Σ rho² (y leads)`; `None` when nothing speaks for y (erratum 21).
    pub fn ratio(&self) -> Option<f64> {
        let side = |sign: i64| -> f64 {
            (1..=self.reach).filter_map(|s| self.rho(sign * s)).map(|rho| rho * rho).sum()
        };
        let (x, y) = (side(1), side(-1));
        (y > 0.0).then(|| x / y)
    }
}
