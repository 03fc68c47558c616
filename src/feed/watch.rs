//! What a venue lists and what is watched of it.

use std::collections::BTreeSet;

use crate::dialect::{Note, Out, SYMBOLS_MAX};
use crate::model::event::{Body, Event};
use crate::model::instrument::{Class, Status};
use crate::model::venue::{Command, RestRequest, VenueSpec, Watch};

/// Options watched on one venue: those that end first.
const OPTIONS_MAX: usize = 64;
/// Requests that instrument lists may lead to, such as further pages.
const FOLLOW_UPS_MAX: usize = 64;

/// Catches instruments and follow-up requests from a decoder; the rest is of no use here, the core's
/// own decoder sees the same answers.
#[derive(Debug, Default)]
pub(super) struct Catch {
    /// Instruments in order of listing.
    pub(super) listed: Vec<Watch>,
    /// Requests that the answers lead to.
    pub(super) follow_ups: Vec<RestRequest>,
    known: BTreeSet<String>,
    followed: usize,
}

impl Out for Catch {
    fn event(&mut self, event: Event<'_>) {
        let Body::Instrument(def) = event.body else { return };
        if self.known.len() < SYMBOLS_MAX && self.known.insert(event.symbol.text.to_string()) {
            self.listed.push(Watch { symbol: event.symbol.text.to_string(), def: def.clone() });
        }
    }

    fn command(&mut self, command: Command) {
        let Command::Rest(request) = command else { return };
        if self.followed < FOLLOW_UPS_MAX {
            self.followed += 1;
            self.follow_ups.push(request);
        }
    }

    fn note(&mut self, _note: Note<'_>) {}
}

/// Instruments of the venue file: what is watched while the venue's own list is out of reach.
pub(super) fn of_file(venue: &VenueSpec) -> Vec<Watch> {
    // A row that does not convert is reported when the configuration is checked.
    let rows = venue.instruments.iter();
    rows.filter_map(|row| Some(Watch { symbol: row.symbol.clone(), def: row.to_def().ok()? })).collect()
}

/// What to watch: open for trading, of an allowed class, of a wanted underlying (none named: all).
/// Returns how many match and at most `most` of them. Instruments of the venue file come first, then
/// the order of listing, so a cut never costs the large markets.
pub(super) fn choose(
    venue: &VenueSpec,
    listed: &[Watch],
    underlyings: &[String],
    classes: &[Class],
    most: usize,
) -> (usize, Vec<Watch>) {
    let wanted = |w: &&Watch| {
        w.def.status == Status::Trading
            && classes.contains(&w.def.class)
            && (underlyings.is_empty() || underlyings.contains(&w.def.underlying))
    };
    let mut watched: Vec<Watch> = listed.iter().filter(wanted).cloned().collect();
    let matching = watched.len();
    let is_foreign = |w: &Watch| !venue.instruments.iter().any(|row| row.symbol == w.symbol);
    // Perpetuals, then the contracts that end first; stable: the order of listing stays.
    watched.sort_by_key(|w| (w.def.class, is_foreign(w), w.def.expiry));
    let mut options = 0;
    watched.retain(|w| {
        options += usize::from(w.def.class == Class::Option);
        w.def.class != Class::Option || options <= OPTIONS_MAX
    });
    watched.truncate(most);
    (matching, watched)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::instrument::InstrumentDef;

    fn listed(symbol: &str, underlying: &str, class: Class, status: Status) -> Watch {
        let def = InstrumentDef { underlying: underlying.into(), class, status, ..InstrumentDef::default() };
        Watch { symbol: symbol.into(), def }
    }

    #[test]
    fn only_open_contracts_of_wanted_assets_are_watched() {
        let venue: VenueSpec = toml::from_str(include_str!("../../venues/binance-usdm.toml")).unwrap();
        let all = [
            listed("AAAUSDT", "AAA", Class::Perp, Status::Trading),
            listed("OLDUSDT", "OLD", Class::Perp, Status::Closed),
            listed("BTCUSDT_260327", "BTC", Class::Future, Status::Trading),
            listed("BTCUSDT", "BTC", Class::Perp, Status::Trading),
        ];
        let names = |watch: &[Watch]| watch.iter().map(|w| w.symbol.clone()).collect::<Vec<_>>();
        let (matching, watch) = choose(&venue, &all, &["BTC".into()], &[Class::Perp], 10);
        assert_eq!((matching, names(&watch)), (1, vec!["BTCUSDT".to_string()]));
        let (matching, watch) = choose(&venue, &all, &[], &[Class::Perp], 1);
        assert_eq!(
            (matching, names(&watch)),
            (2, vec!["BTCUSDT".to_string()]),
            "the cut spares the file's own"
        );
        let (matching, _) = choose(&venue, &all, &[], &[Class::Perp, Class::Future], 10);
        assert_eq!(matching, 3);
        assert!(of_file(&venue).iter().any(|w| w.symbol == "ETHUSDT"));
    }
}
