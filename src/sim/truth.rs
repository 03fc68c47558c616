//! The truth journal of a scene with a crowd: second by second what no venue publishes. NDJSON.
//!
//! The market is a function of its configuration, so the journal is made by running it again: the same
//! configuration gives the same bytes, while a recording is made or years later.

use std::io::{self, Write};

use crate::model::Nanos;
use crate::model::time::SECOND;

use super::crowd::{Crowd, SIDES};

pub use super::crowd::Tally;
use super::market::{Market, Venue};
use super::{Instrument, SimConfig, SimError};

/// Moves of the mark for which the notional that would be closed is told, in percent. METRICS.md F5.
pub const MOVES_PCT: [i64; 3] = [2, 5, 10];

/// Why there is no journal.
#[derive(Debug, thiserror::Error)]
pub enum TruthError {
    /// The market would not run.
    #[error(transparent)]
    Sim(#[from] SimError),
    /// The file could not be written.
    #[error("the truth journal cannot be written: {0}")]
    Io(#[from] io::Error),
}

/// Writes the journal from the start of `config` until `until`: a line that names the run, then one line per
/// whole second and perpetual of `underlyings` (all when empty). Money is whole dollars at the mark.
///
/// Errors: an unknown venue, a broken law, a file that takes no more.
pub fn write(
    config: &SimConfig,
    underlyings: &[String],
    until: Nanos,
    out: &mut impl Write,
) -> Result<(), TruthError> {
    let mut market = Market::new(config)?;
    let quoted = |words: Vec<&str>| words.iter().map(|w| format!("\"{w}\"")).collect::<Vec<_>>().join(",");
    writeln!(
        out,
        r#"{{"scene":"{}","seed":"{}","start_ns":"{}","venues":[{}],"underlyings":[{}],"moves_pct":{MOVES_PCT:?}}}"#,
        config.scene.word(),
        config.seed,
        config.start.0,
        quoted(market.venues().iter().map(|v| v.id).collect()),
        quoted(underlyings.iter().map(String::as_str).collect()),
    )?;
    let is_meant = |i: &&Instrument| {
        let name = i.listing.underlying;
        i.listing.expires_ms.is_none() && (underlyings.is_empty() || underlyings.iter().any(|u| u == name))
    };
    let mut second = Nanos(config.start.0.div_euclid(SECOND) * SECOND + SECOND);
    while second <= until {
        market.advance(second)?;
        for venue in market.venues() {
            for instrument in venue.instruments.iter().filter(is_meant) {
                if let Some(crowd) = &instrument.crowd {
                    writeln!(out, "{}", line(second, venue, instrument, crowd))?;
                }
            }
        }
        second = second.plus(SECOND);
    }
    Ok(())
}

fn line(at: Nanos, venue: &Venue, instrument: &Instrument, crowd: &Crowd) -> String {
    let (listing, mark) = (instrument.listing, instrument.mark_e8);
    let dollars = |cents: [i64; SIDES]| cents.map(|c| c / 100);
    let [long, short] = [0, 1].map(|side| near(instrument, crowd, side));
    let (tally, open) = (crowd.tally, listing.cents(instrument.long_lots, mark) / 100);
    format!(
        r#"{{"t":{},"venue":"{}","symbol":"{}","mark":{},"oi":{open},"long":{long:?},"short":{short:?},"done":{:?},"told":{:?},"adl":{:?}}}"#,
        at.0 / SECOND,
        venue.id,
        listing.symbol,
        mark as f64 * 1e-8,
        dollars(tally.done),
        dollars(tally.told),
        dollars(tally.deleveraged),
    )
    .replace(", ", ",")
}

/// Dollars of a side that a move of so many percent against it would close, first round. Who is already
/// taken over is no more at risk.
pub fn near(instrument: &Instrument, crowd: &Crowd, side: usize) -> [i64; MOVES_PCT.len()] {
    let mark = instrument.mark_e8;
    MOVES_PCT.map(|pct| {
        let dies = |trigger: i64| match side {
            0 => trigger >= mark / 100 * (100 - pct),
            _ => trigger <= mark / 100 * (100 + pct),
        };
        let own = crowd.positions(side).iter().filter(|p| dies(p.trigger_e8));
        instrument.listing.cents(own.map(|p| p.lots).sum(), mark) / 100
    })
}
