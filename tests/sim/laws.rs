//! The laws of the market, kept by somebody else than the market: own sums of what it says.

use faultline::sim::account::{Change, Order, asset_of};
use faultline::sim::listing::Unit;
use faultline::sim::market::Venue;
use faultline::sim::{Instrument, Market, VENUES};

/// Own books about one instrument.
struct Shadow {
    next_trade: u64,
    next_liquidation: u64,
    volume: i64,
    /// Desk: lots now, lots and entry at the start.
    lots: i64,
    began: (i64, f64),
    /// Desk: money paid for what was bought, less what was got for what was sold, in the settlement
    /// currency.
    paid: f64,
    /// The same without signs.
    turned: f64,
}

/// Own books about one venue.
struct Books {
    instruments: Vec<Shadow>,
    /// Balances at the start by asset.
    coins: Vec<(&'static str, i64)>,
    next_change: u64,
    /// Orders and what of them was filled.
    filled: Vec<(u64, i64)>,
}

/// The books of a whole market.
pub(crate) struct Laws {
    venues: Vec<Books>,
    /// States of instruments that were checked.
    pub(crate) checked: u64,
    /// Fills of the desk that were booked.
    pub(crate) fills: u64,
}

/// Settlement currency that one lot is worth at this price, 10^-8: inverse contracts count the other way.
fn worth(instrument: &Instrument, price_e8: f64) -> f64 {
    let l = instrument.listing;
    let unit = l.usd_per_lot(1.0);
    match l.unit {
        Unit::BaseE8(_) => unit * price_e8 * 1e-8,
        Unit::Usd(_) => -unit / (price_e8 * 1e-8),
    }
}

fn position(venue: &Venue, ix: usize) -> (i64, f64) {
    venue.account.positions.iter().find(|p| p.ix == ix).map_or((0, 0.0), |p| (p.lots, p.entry_e8 as f64))
}

fn cash(venue: &Venue) -> &'static str {
    VENUES.iter().find(|v| v.id() == venue.id).unwrap().cash()
}

impl Laws {
    pub(crate) fn new(market: &Market) -> Laws {
        let venues = market.venues().iter().map(|venue| {
            let shadow = |(ix, i): (usize, &Instrument)| Shadow {
                next_trade: i.next_trade(),
                next_liquidation: i.next_liquidation(),
                volume: i.volume_lots,
                lots: position(venue, ix).0,
                began: position(venue, ix),
                paid: 0.0,
                turned: 0.0,
            };
            Books {
                instruments: venue.instruments.iter().enumerate().map(shadow).collect(),
                coins: venue.account.coins.iter().map(|c| (c.asset, c.total_e8)).collect(),
                next_change: venue.account.next_change(),
                filled: venue.account.orders.iter().map(|o| (o.id, o.filled)).collect(),
            }
        });
        Laws { venues: venues.collect(), checked: 0, fills: 0 }
    }

    /// Books what happened in a step; what is broken, if anything.
    pub(crate) fn check(&mut self, market: &Market) -> Result<(), String> {
        for (books, venue) in self.venues.iter_mut().zip(market.venues()) {
            for (shadow, instrument) in books.instruments.iter_mut().zip(&venue.instruments) {
                let broken = of_instrument(shadow, instrument);
                broken.map_err(|law| format!("{} {}: {law}", venue.id, instrument.listing.symbol))?;
                self.checked += 1;
            }
            let fills = of_account(books, venue).map_err(|law| format!("{}: {law}", venue.id))?;
            self.fills += fills;
            if fills > 0 {
                of_money(books, venue).map_err(|law| format!("{}: {law}", venue.id))?;
            }
        }
        Ok(())
    }
}

fn of_instrument(shadow: &mut Shadow, instrument: &Instrument) -> Result<(), String> {
    if instrument.long_lots != instrument.short_lots || instrument.long_lots < 0 {
        return Err(format!("{} lots are long, {} short", instrument.long_lots, instrument.short_lots));
    }
    let trades: Vec<_> = instrument.trades_from(shadow.next_trade).collect();
    let expected = instrument.next_trade() - shadow.next_trade;
    if trades.len() as u64 != expected {
        return Err(format!("{expected} executions were numbered, {} are there", trades.len()));
    }
    shadow.volume += trades.iter().map(|t| t.lots).sum::<i64>();
    if shadow.volume != instrument.volume_lots {
        return Err("volume is not the sum of executions".into());
    }
    for closed in instrument.liquidations_from(shadow.next_liquidation) {
        // A forced close is executed: its lots are among the executions of its moment and side.
        let done: i64 =
            trades.iter().filter(|t| t.at == closed.at && t.is_buy != closed.is_long).map(|t| t.lots).sum();
        if closed.lots <= 0 || done < closed.lots {
            return Err(format!("{} lots were liquidated and {done} executed", closed.lots));
        }
    }
    (shadow.next_trade, shadow.next_liquidation) = (instrument.next_trade(), instrument.next_liquidation());
    let (bid, ask) = (instrument.book.bid(), instrument.book.ask());
    match bid.zip(ask) {
        Some((bid, ask)) if bid.ticks < ask.ticks && bid.lots > 0 && ask.lots > 0 => Ok(()),
        touch => Err(format!("the touch is {touch:?}")),
    }
}

/// Positions are the sum of fills. Returns how many fills were booked.
fn of_account(books: &mut Books, venue: &Venue) -> Result<u64, String> {
    let changes: Vec<_> = venue.account.changes_from(books.next_change).collect();
    if changes.len() as u64 != venue.account.next_change() - books.next_change {
        return Err("changes of the account are missing".into());
    }
    books.next_change = venue.account.next_change();
    let mut fills = 0;
    for (_, _, change) in changes {
        if let Change::Order(order) = change {
            fills += u64::from(fill(books, venue, order)?);
        }
    }
    for (ix, shadow) in books.instruments.iter().enumerate() {
        let held = position(venue, ix).0;
        if held != shadow.lots {
            return Err(format!("position {ix} is {held}, the sum of its fills {}", shadow.lots));
        }
    }
    Ok(fills)
}

fn fill(books: &mut Books, venue: &Venue, order: Order) -> Result<bool, String> {
    let known = books.filled.iter().position(|(id, _)| *id == order.id);
    let at = known.unwrap_or_else(|| {
        books.filled.push((order.id, 0));
        books.filled.len() - 1
    });
    let lots = order.filled - books.filled[at].1;
    books.filled[at].1 = order.filled;
    if lots < 0 || order.filled > order.lots {
        return Err(format!("order {} is filled {} of {}", order.id, order.filled, order.lots));
    }
    let signed = if order.is_buy { lots } else { -lots };
    let instrument = &venue.instruments[order.ix];
    let shadow = &mut books.instruments[order.ix];
    shadow.lots += signed;
    let price_e8 = instrument.listing.price_e8(order.ticks) as f64;
    shadow.paid += signed as f64 * worth(instrument, price_e8);
    shadow.turned += (signed as f64 * worth(instrument, price_e8)).abs();
    Ok(lots > 0)
}

/// What a balance gained is what its positions realised: what is held at its entry, less what was held
/// at its entry, less what was paid. The books round each fill to `10^-8`; a part in `10^8` of what was
/// turned over is allowed.
fn of_money(books: &Books, venue: &Venue) -> Result<(), String> {
    for coin in &venue.account.coins {
        let began = books.coins.iter().find(|(asset, _)| *asset == coin.asset).map_or(0, |(_, e8)| *e8);
        let (mut gained, mut turned) = (0.0, 0.0);
        for (ix, (shadow, instrument)) in books.instruments.iter().zip(&venue.instruments).enumerate() {
            if asset_of(instrument.listing, cash(venue)) != coin.asset {
                continue;
            }
            let value = |(lots, entry): (i64, f64)| {
                if lots == 0 { 0.0 } else { lots as f64 * worth(instrument, entry) }
            };
            let (now, then) = (value(position(venue, ix)), value(shadow.began));
            gained += now - then - shadow.paid;
            turned += now.abs() + then.abs() + shadow.turned;
        }
        let told = (coin.total_e8 - began) as f64 * 1e-8;
        if (told - gained).abs() > 1e-8 * turned + 1e-6 {
            return Err(format!("{} gained {told}, its fills {gained}", coin.asset));
        }
    }
    Ok(())
}

/// Catches: a check that passes whatever happens. Each law is broken once by hand.
#[test]
fn a_broken_law_is_reported() {
    use faultline::model::Nanos;
    use faultline::sim::{Scene, SimConfig};
    let market = Market::new(&SimConfig::new(7, Scene::Calm, Nanos(1_790_000_000_000_000_000))).unwrap();
    let fresh = || Laws::new(&market);
    assert_eq!(fresh().check(&market), Ok(()));

    let mut unbalanced = market.venues()[0].instruments[0].clone();
    unbalanced.long_lots += 1;
    assert_eq!(unbalanced.broken_law(), Some("long open interest differs from short open interest"));
    assert!(of_instrument(&mut fresh().venues[0].instruments[0], &unbalanced).is_err());

    let mut crossed = market.venues()[0].instruments[0].clone();
    let mut book = (*crossed.book).clone();
    std::mem::swap(&mut book.bids, &mut book.asks);
    crossed.book = std::sync::Arc::new(book);
    assert_eq!(crossed.broken_law(), Some("the book is crossed"));
    assert!(of_instrument(&mut fresh().venues[0].instruments[0], &crossed).is_err());

    let mut venue = market.venues()[0].clone();
    venue.account.positions[0].lots += 1;
    assert_eq!(venue.account.broken_law(), Some("a position is not the sum of its fills"));
    assert!(of_account(&mut fresh().venues[0], &venue).is_err());

    let mut rich = market.venues()[0].clone();
    rich.account.coins[0].total_e8 += 100_000_000;
    let said = of_money(&fresh().venues[0], &rich).unwrap_err();
    assert!(said.contains("gained 1"), "{said}");
}
