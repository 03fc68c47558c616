//! Family G: what the same collateral is worth at different venues. METRICS.md G3.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::{Bad, Card, Every, Metric, Over, Part, Row, Scope, Unit};
use crate::engine::market::Market;
use crate::model::Nanos;
use crate::snapshot::Quality;

/// G3.
pub(super) struct Divergence;

/// Assets whose haircuts are compared.
const ASSETS: [&str; 4] = ["BTC", "ETH", "USDC", "USDT"];

static CARD: Card = Card {
    id: "haircut_divergence_bps",
    title: "haircut divergence",
    unit: Unit::Bps,
    bad: Bad::High,
    meaning: "the same collateral is worth different amounts by venue",
    formula: "largest - smallest haircut that the rulebook knows, over venues that take the asset; one that does \
              not take it, or of which it is not known, lowers coverage; the whole is the widest",
    source: "METRICS.md G3, REGULATION 6.4",
    limits: Some((500.0, 2_000.0)),
    every: Every::Minute,
    inputs: &[],
    scopes: &[Over::Global],
    parts: &ASSETS,
    ..Card::PLAIN
};

/// Largest less smallest, in basis points; `None` with fewer than two.
fn divergence_bps(haircuts: &[f64]) -> Option<f64> {
    let least = haircuts.iter().copied().min_by(f64::total_cmp)?;
    let most = haircuts.iter().copied().max_by(f64::total_cmp)?;
    (haircuts.len() >= 2).then_some(1e4 * (most - least))
}

impl Metric for Divergence {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn eval(&self, market: &Market, at: Nanos, out: &mut Vec<Row>) {
        let book = &market.rules.book;
        let expected = market.venues.len() as u16;
        let known = |asset: &str| -> Vec<f64> {
            let of = |slot: &crate::engine::venue::Venue| {
                let fact = book.venues.get(&slot.spec.id)?.haircuts.get(asset)?;
                fact.value.number().filter(|h| *h < Decimal::ONE)?.to_f64()
            };
            market.venues.iter().filter_map(of).collect()
        };
        let row = |scope: Scope, value: Option<f64>, used: u16| {
            let quality = if value.is_some() { Quality::Degraded } else { Quality::Missing };
            let coverage = f64::from(used) / f64::from(expected.max(1));
            Row { coverage, used, expected, ..Row::single(scope, value, quality, at) }
        };
        let found = ASSETS.map(|asset| {
            let haircuts = known(asset);
            (asset, divergence_bps(&haircuts), haircuts.len() as u16)
        });
        let widest = found
            .iter()
            .filter(|f| f.1.is_some())
            .max_by(|a, b| a.1.unwrap_or_default().total_cmp(&b.1.unwrap_or_default()));
        let (value, used) = widest.map_or((None, 0), |f| (f.1, f.2));
        out.push(row(Scope::GLOBAL, value, used));
        for (asset, value, used) in found {
            out.push(row(Scope::GLOBAL.part(Part::Named(asset)), value, used));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g3_haircut_divergence() {
        assert!((divergence_bps(&[0.02, 0.10]).unwrap() - 800.0).abs() < 1e-9);
        assert_eq!(divergence_bps(&[0.02]), None, "one is no divergence");
    }
}
