//! The market as the clients of one place see it: depth, open interest and costs on the books they reach.
//! REGULATION 6.7, METRICS.md C9. It is a picture, made when it is asked for.

use super::access::{Accessible, Reach, reach};
use crate::config::rulebook::{ClientClass, Finding, Rulebook};
use crate::engine::Engine;
use crate::engine::book::BookSide;
use crate::engine::cost::SIDES;
use crate::engine::listing::Listing;
use crate::engine::market::Market;
use crate::engine::metric::consensus;
use crate::engine::walk::{Fill, Merge, Of, Step, Terms, collect, take};
use crate::model::num::POW10;
use crate::snapshot::BookState;
use crate::snapshot::rules::{Door, Lens, Seen};

/// Size whose cost is compared, in USD.
const SIZE_USD: f64 = 1e6;
/// Half of the band around the consensus, as a fraction.
const BAND: f64 = 10e-4;

/// Regime and class of `EU:retail`.
///
/// # Errors
/// What is wrong with it, with the nearest regime.
pub fn parse<'a>(book: &Rulebook, text: &'a str) -> Result<(&'a str, ClientClass), String> {
    let (regime, class) = text.split_once(':').unwrap_or((text, ""));
    let Some(class) = ClientClass::ALL.into_iter().find(|c| c.word() == class) else {
        return Err(format!(
            "`{text}` names no class: write REGIME:retail, REGIME:professional or REGIME:institutional"
        ));
    };
    if book.jurisdictions.contains_key(regime) {
        return Ok((regime, class));
    }
    let near = crate::config::error::nearest(regime, book.jurisdictions.keys().map(String::as_str));
    let hint = near.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
    Err(format!("there is no regime `{regime}`{hint}"))
}

impl Engine {
    /// What the clients of `REGIME:CLASS` see.
    pub fn seen_from(&self, text: &str) -> Lens {
        let book = &self.market.rules.book;
        let (regime, class) = match parse(book, text) {
            Ok(asked) => asked,
            Err(missing) => return Lens { missing, ..Lens::default() },
        };
        let doors: Vec<Option<Reach<'_>>> = self
            .market
            .venues
            .iter()
            .map(|v| Some(reach(book, book.venues.get(&v.spec.id)?, regime, class)))
            .collect();
        let access: Vec<Option<bool>> = doors.iter().map(|d| d.as_ref().and_then(|d| d.access)).collect();
        let door = |venue: &u16| {
            let at = usize::from(*venue);
            let found = doors.get(at)?.as_ref();
            let row = found.and_then(|d| d.row);
            Some(Door {
                venue: self.market.venues.get(at)?.spec.id.clone(),
                access: found.and_then(|d| d.access),
                law: row.map_or("unknown", |r| r.law.word()),
                policy: row.map_or("unknown", |r| r.venue_policy.word()),
                is_contested: row.is_some_and(|r| r.finding == Finding::Contested),
                condition: row.map(|r| r.condition.clone()).unwrap_or_default(),
            })
        };
        let rows = self.columns().into_iter().filter_map(|u| self.seen(u, &access)).collect();
        let venues = self.order.iter().filter_map(door).collect();
        let class = class.word().to_string();
        Lens { regime: regime.into(), class, venues, rows, missing: String::new() }
    }

    fn seen(&self, underlying: u16, access: &[Option<bool>]) -> Option<Seen> {
        let market = &self.market;
        let (reference, _) = consensus(market, underlying, self.now.at)?;
        let (mut depth, mut interest) = (Vec::new(), Vec::new());
        let mut steps: [Vec<(bool, Vec<Step>)>; 2] = Default::default();
        for venue in 0..market.venues.len() as u16 {
            let open = access.get(usize::from(venue)).copied().flatten();
            let members = market.members.get(usize::from(underlying))?.iter().filter(|m| m.0 == venue);
            let (mut near, mut held) = (0.0, 0.0);
            for listing in members.filter_map(|m| market.listing(m.0, m.1)) {
                let Some(terms) = usable(market, listing) else { continue };
                near += SIDES.iter().map(|side| within(listing, *side, &terms, reference)).sum::<f64>();
                let usd = listing.open_interest().zip(market.usd(listing.money_currency));
                held += usd.map_or(0.0, |(open, rate)| open.0 * rate.0);
            }
            depth.push((near, open));
            interest.push((held, open));
            let head = market.head(venue, underlying).map(|(_, head)| head);
            let Some((head, terms)) = head.and_then(|head| Some((head, usable(market, head)?))) else {
                continue;
            };
            for (side, list) in SIDES.into_iter().zip(&mut steps) {
                let mut levels = Vec::new();
                collect(&head.book, side, &terms, SIZE_USD, &mut levels);
                list.push((open == Some(true), levels));
            }
        }
        let mut costs = [(None, false); 2];
        for ((side, list), cost) in SIDES.into_iter().zip(&steps).zip(&mut costs) {
            *cost = access_cost(side, list, reference);
        }
        let (depth, interest) = (Accessible::of(&depth), Accessible::of(&interest));
        Some(Seen {
            underlying: market.underlyings.get(usize::from(underlying))?.clone(),
            reference,
            depth: (depth.sure, depth.possible, depth.total),
            interest: (interest.sure, interest.possible, interest.total),
            effective_pools: depth.effective_pools,
            market_pools: depth.market_pools,
            access_cost_bps: costs.map(|c| c.0),
            is_unbounded: costs.map(|c| c.1),
        })
    }
}

/// C9: cost on the books that are reached less that on all; unbounded where only all together fill it.
fn access_cost(side: BookSide, books: &[(bool, Vec<Step>)], reference: f64) -> (Option<f64>, bool) {
    let cost = |is_all: bool| -> Option<f64> {
        let books = books.iter().filter(|b| is_all || b.0).map(|b| b.1.as_slice());
        let [fill]: [Fill; 1] = take(Merge::new(side, books), Of::Usd, [SIZE_USD]);
        fill.cost(side, reference)
    };
    let is_any = books.iter().any(|b| b.0);
    match (cost(false), cost(true)) {
        (Some(reached), Some(all)) => (Some(reached - all), false),
        (None, Some(_)) => (None, is_any), // with no door at all there is no figure
        _ => (None, false),
    }
}

/// How levels of a listing become USD; `None` where its book is not to be trusted.
fn usable(market: &Market, listing: &Listing) -> Option<Terms> {
    let figures = &listing.figures;
    if figures.state != BookState::Synced || figures.is_mid_old || !listing.is_open() {
        return None;
    }
    let rates = (market.usd(listing.quote_currency)?, market.usd(listing.money_currency)?);
    Some(listing.factors?.terms(rates.0.0, rates.1.0))
}

/// USD of one side within the band around the reference.
fn within(listing: &Listing, side: BookSide, terms: &Terms, reference: f64) -> f64 {
    let unit = |scale: u8| POW10.get(usize::from(scale)).map_or(1.0, |u| *u as f64);
    let (price_scale, size_scale) = listing.book.scales();
    let (price_unit, size_unit) = (unit(price_scale), unit(size_scale));
    let mut sum = 0.0;
    listing.book.walk(side, |price, size| {
        let step = terms.step(price.mantissa as f64 / price_unit, size.mantissa as f64 / size_unit);
        // What lies on the near side of the reference is within reach as well.
        let away = match side {
            BookSide::Ask => step.price / reference - 1.0,
            BookSide::Bid => 1.0 - step.price / reference,
        };
        if away.abs() <= BAND {
            sum += step.usd;
        }
        away <= BAND
    });
    sum
}
