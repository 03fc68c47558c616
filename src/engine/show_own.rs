//! Own accounts as a snapshot for faces. Reads only.

use super::Engine;
use super::ledger::figures::{AccountWorth, Distance, Figures, Sum};
use super::ledger::value::Worth;
use super::ledger::{Account, Ordered};
use crate::model::time::MS;
use crate::snapshot::portfolio::{self, AccountRow, OrderRow, Portfolio, PositionRow, SumRow};

impl Engine {
    /// Own accounts; `None` when the tape names none.
    pub(super) fn portfolio(&self) -> Option<Portfolio> {
        let ledger = &self.market.ledger;
        if ledger.accounts.is_empty() {
            return None;
        }
        let figures = &ledger.figures;
        let accounts = ledger.accounts.iter().zip(&figures.accounts);
        let named = |key: &u16| self.market.underlyings.get(usize::from(*key)).cloned().unwrap_or_default();
        Some(Portfolio {
            accounts: accounts.map(|(account, worth)| self.account_row(account, worth)).collect(),
            positions: figures.positions.iter().map(|w| self.position_row(w)).collect(),
            orders: self.order_rows(),
            by_underlying: figures.by_underlying.iter().map(|(u, sum)| sum_row(named(u), sum)).collect(),
            by_venue: figures.by_venue.iter().map(|(v, sum)| sum_row(self.id(*v), sum)).collect(),
            by_regime: figures.by_regime.iter().map(|(r, sum)| sum_row(r.clone(), sum)).collect(),
            total: total(figures),
        })
    }

    fn id(&self, venue: u16) -> String {
        self.market.venues.get(usize::from(venue)).map_or_else(String::new, |v| v.spec.id.clone())
    }

    fn account_row(&self, account: &Account, worth: &AccountWorth) -> AccountRow {
        let own = |c: &&super::health::ConnHealth| {
            c.account
                .and_then(|a| self.market.ledger.accounts.get(usize::from(a)))
                .is_some_and(|a| a.venue == account.venue && a.name == account.name)
        };
        let conns = || self.market.conns.values().filter(own);
        let refused = conns().find_map(|c| c.refused.as_ref()).map(|refusal| refusal.words.as_str());
        let is_cut = conns().any(|c| !c.is_rest && !c.is_up);
        let trouble = match (account.is_given, refused, is_cut, account.is_known) {
            (true, ..) => "given by hand",
            (false, Some(words), ..) => words,
            (false, None, true, _) => "not connected",
            (false, None, false, false) => "nothing stated yet",
            (false, None, false, true) => "",
        };
        AccountRow {
            venue: self.id(account.venue),
            name: account.name.clone(),
            regime: self.market.regime(account.venue),
            sum: sum_row(account.name.clone(), &worth.sum),
            equity_stated_usd: worth.equity_stated_usd,
            margin_ratio: worth.margin_ratio,
            margin_ratio_stated: worth.margin_ratio_stated,
            is_mismatch: worth.is_mismatch,
            distance: match worth.distance {
                None => portfolio::Distance::Unknown,
                Some(Distance::Never) => portfolio::Distance::Never,
                Some(Distance::At(x)) => portfolio::Distance::At(x),
            },
            coin_share: worth.coin_share,
            order_exposure_usd: worth.order_exposure_usd,
            collateral: account
                .balances
                .iter()
                .filter(|(_, money)| !money.total.is_zero())
                .map(|(asset, money)| (asset.clone(), money.total))
                .collect(),
            age_ms: account.heard.map(|at| self.now.at.since(at).max(0) / MS),
            trouble: trouble.into(),
        }
    }

    fn position_row(&self, w: &Worth) -> PositionRow {
        let account = self.market.ledger.accounts.get(usize::from(w.account));
        PositionRow {
            venue: self.id(w.venue),
            account: account.map_or_else(String::new, |a| a.name.clone()),
            symbol: w.symbol.clone(),
            instrument: w.instrument.clone(),
            underlying: w
                .underlying
                .and_then(|u| self.market.underlyings.get(usize::from(u)).cloned())
                .unwrap_or_default(),
            regime: self.market.regime(w.venue),
            leg: w.leg.word(),
            margin_mode: w.margin_mode.word(),
            size: w.size,
            notional_usd: w.notional_usd,
            delta_usd: w.delta_usd,
            entry: w.entry,
            mark: w.mark,
            upnl_usd: w.upnl_usd,
            leverage: w.leverage,
            maintenance_usd: w.maintenance_usd,
            liquidation: w.liquidation,
            liquidation_stated: w.liquidation_stated,
            distance_pct: w.distance_pct,
            adl_rank: w.adl_rank,
            funding_usd_day: w.funding_usd_day,
            quality: w.quality,
        }
    }

    /// Orders that rest by account and id, then final ones, newest first.
    fn order_rows(&self) -> Vec<OrderRow> {
        let mut rows: Vec<OrderRow> = Vec::new();
        for account in &self.market.ledger.accounts {
            rows.extend(account.orders.iter().map(|(id, order)| self.order_row(account, id, order)));
        }
        rows.sort_by(|a, b| {
            let key = |r: &OrderRow| {
                (
                    r.is_final,
                    if r.is_final {
                        std::cmp::Reverse(r.at)
                    } else {
                        std::cmp::Reverse(crate::model::Nanos(0))
                    },
                )
            };
            key(a)
                .cmp(&key(b))
                .then_with(|| (&a.venue, &a.account, &a.id).cmp(&(&b.venue, &b.account, &b.id)))
        });
        rows
    }

    fn order_row(&self, account: &Account, id: &str, order: &Ordered) -> OrderRow {
        OrderRow {
            venue: self.id(account.venue),
            account: account.name.clone(),
            id: id.to_string(),
            symbol: order.symbol.clone(),
            side: order.side.word(),
            kind: order.kind.word(),
            tif: order.tif.word(),
            state: order.state.word(),
            price: order.price.or(order.trigger),
            size: order.size,
            filled: order.filled,
            reduce_only: order.reduce_only,
            is_final: order.state.is_final(),
            at: order.at,
        }
    }
}

fn total(figures: &Figures) -> SumRow {
    sum_row("all".into(), &figures.total)
}

fn sum_row(name: String, sum: &Sum) -> SumRow {
    SumRow {
        name,
        gross_usd: sum.gross_usd,
        net_delta_usd: sum.net_delta_usd,
        upnl_usd: sum.upnl_usd,
        funding_usd_day: sum.funding_usd_day,
        equity_usd: sum.equity_usd,
        leverage: sum.leverage(),
        positions: sum.positions,
        unvalued: sum.unvalued,
        quality: sum.quality,
    }
}
