//! Which instruments belong to an underlying, and which of them speaks for a venue.

use super::listing::Listing;
use super::market::{Market, UNDERLYINGS_MAX};
use crate::model::Nanos;
use crate::model::instrument::{Class, InstrumentDef, Payoff};

impl Market {
    /// Takes contract terms.
    pub fn define(&mut self, venue: u16, ix: u32, symbol: &str, def: &InstrumentDef) {
        let quote_currency = self.currency(&def.quote);
        let money = if def.payoff == Payoff::Quanto { &def.settle } else { &def.quote };
        let money_currency = self.currency(money);
        let underlying = match def.class {
            // Figures compare and add up within one class; the map shows perpetuals.
            Class::Perp => self.underlying(&def.underlying),
            Class::Spot | Class::Future | Class::Option => None,
        };
        let Some(slot) = self.venues.get_mut(usize::from(venue)) else { return };
        slot.grow(ix, symbol);
        let Some(listing) = slot.listings.get_mut(ix as usize) else { return };
        if !listing.set_def(def) {
            return;
        }
        listing.quote_currency = quote_currency;
        listing.money_currency = money_currency;
        let before = std::mem::replace(&mut listing.underlying, underlying);
        if before != underlying {
            if let Some(members) = before.and_then(|u| self.members.get_mut(usize::from(u))) {
                members.retain(|m| *m != (venue, ix));
            }
            if let Some(members) = underlying.and_then(|u| self.members.get_mut(usize::from(u))) {
                let at = members.partition_point(|m| *m < (venue, ix));
                members.insert(at, (venue, ix));
            }
        }
        if let Some(underlying) = underlying {
            self.elect(venue, underlying);
        }
    }

    fn underlying(&mut self, name: &str) -> Option<u16> {
        let known = self.underlyings.iter().position(|u| u == name);
        let at = known.unwrap_or(self.underlyings.len());
        if at >= UNDERLYINGS_MAX {
            return None;
        }
        if known.is_none() {
            self.underlyings.push(name.to_string());
            self.members.push(Vec::new());
        }
        u16::try_from(at).ok()
    }

    /// Chooses the listing that speaks for a venue: largest open interest, then volume, then quote
    /// USDT, USDC, USD, then symbol. DECISIONS 31.
    pub(super) fn elect(&mut self, venue: u16, underlying: u16) {
        let Some(members) = self.members.get(usize::from(underlying)) else { return };
        let at = self.started.unwrap_or(Nanos(0));
        let best = members
            .iter()
            .filter(|m| m.0 == venue)
            .filter_map(|m| Some((m.1, self.listing(venue, m.1)?)))
            .filter(|(_, listing)| listing.is_perp())
            .max_by(|(_, a), (_, b)| {
                let interest = |l: &Listing| l.open_interest().map_or(0.0, |o| o.0);
                let quote = |l: &Listing| match l.def.as_ref().map(|d| d.quote.as_str()) {
                    Some("USDT") => 3,
                    Some("USDC") => 2,
                    Some("USD") => 1,
                    _ => 0,
                };
                a.is_open()
                    .cmp(&b.is_open()) // a halted one speaks only where nothing trades
                    .then(interest(a).total_cmp(&interest(b)))
                    .then(a.volume.value(at).total_cmp(&b.volume.value(at)))
                    .then(quote(a).cmp(&quote(b)))
                    .then(b.symbol.cmp(&a.symbol))
            })
            .map(|(symbol, _)| symbol);
        if let Some(slot) = self.venues.get_mut(usize::from(venue)) {
            match best {
                Some(symbol) => slot.heads.insert(underlying, symbol),
                None => slot.heads.remove(&underlying),
            };
        }
    }

    pub(super) fn elect_all(&mut self) {
        for venue in 0..self.venues.len() as u16 {
            for underlying in 0..self.underlyings.len() as u16 {
                self.elect(venue, underlying);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::entry::ConnIx;
    use crate::model::event::{Body, Event, Symbol, VenueState};
    use crate::model::instrument::Status;

    /// Catches: a halted venue that votes on the price, or that falls off the map instead of saying so.
    #[test]
    fn a_halted_venue_stays_on_the_map_and_does_not_vote() {
        let spec = "id = \"v\"\nbrand = \"v\"\nshort = \"v\"\nname = \"V\"\ndialect = \"x\"\n\
            [[endpoint]]\nname = \"e\"\nurl = \"wss://v.invalid\"\nchannels = [\"book\"]\n\
            [rest]\nurl = \"https://v.invalid\"\n";
        let mut market = Market::new(vec![toml::from_str(spec).unwrap()]);
        let def =
            InstrumentDef { underlying: "BTC".into(), quote: "USDT".into(), ..InstrumentDef::default() };
        market.define(0, 0, "A", &def);
        market.define(0, 1, "B", &InstrumentDef { status: Status::Halted, ..def.clone() });
        assert_eq!(market.head(0, 0).map(|h| h.0), Some(0), "what trades speaks first");
        let halt = |state| Event { symbol: Symbol::NONE, ts_venue: None, body: Body::Status(state) };
        market.apply(0, ConnIx(0), Nanos(1), &halt(VenueState::Maintenance));
        market.elect_all();
        let (_, head) = market.head(0, 0).unwrap();
        assert!(!head.is_open());
        market.apply(0, ConnIx(0), Nanos(2), &halt(VenueState::Open));
        assert!(market.head(0, 0).unwrap().1.is_open());
        market.define(0, 0, "A", &InstrumentDef { status: Status::Closed, ..def });
        assert_eq!(market.head(0, 0).map(|h| h.0), Some(1), "what is over leaves");
    }
}
