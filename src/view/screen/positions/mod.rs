//! Screen 7: what is ours at risk?

mod rows;

pub use rows::MASK;

use ratatui::layout::Rect;
use ratatui::style::Style;
use rust_decimal::prelude::ToPrimitive;

use super::Screen;
use crate::config::theme::Role;
use crate::model::Decimal;
use crate::snapshot::portfolio::{AccountRow, OrderRow, Portfolio, PositionRow};
use crate::snapshot::{Quality, Snapshot};
use crate::view::action::Action;
use crate::view::own::{self, List};
use crate::view::state::Ui;
use crate::view::widget::Pen;
use crate::view::widget::pen::Span;
use crate::view::widget::table::{self};
use crate::view::{View, format};
use rows::{
    ACCOUNTS, ORDERS, POSITIONS, SUMS, account, figure, masked, opt_price, order, position, price, ratio,
    sign, sum, usd, warn,
};

/// Own positions, orders, accounts and sums.
#[derive(Debug)]
pub struct Positions;

impl Screen for Positions {
    fn id(&self) -> &'static str {
        "positions"
    }

    fn key(&self) -> char {
        '7'
    }

    fn title(&self) -> &'static str {
        "Positions"
    }

    fn short(&self) -> &'static str {
        "Pos"
    }

    fn question(&self) -> &'static str {
        "what is ours at risk?"
    }

    fn draw(&self, view: &View<'_>, area: Rect, pen: &mut Pen<'_>) {
        let Some(portfolio) = &view.shown.portfolio else { return empty(area, pen) };
        let portfolio = &*view.ui.own_shown(portfolio);
        pen.rule(area.x, area.y, area.width);
        tabs(view, portfolio, area, pen);
        totals(view, portfolio, Rect { y: area.y + 1, height: 2, ..area }, pen);
        let below = if view.ui.is_wide() { wide_foot(portfolio, area.height) } else { 5 };
        let list = Rect { y: area.y + 3, height: area.height.saturating_sub(3 + below), ..area };
        draw_list(view, portfolio, view.ui.own_list, list, true, pen);
        let foot = Rect { y: list.bottom(), height: below, ..area };
        if view.ui.is_wide() {
            side_by_side(view, portfolio, foot, pen);
        } else {
            pen.rule(foot.x, foot.y, foot.width);
            detail(view, portfolio, Rect { y: foot.y + 1, height: 4, ..foot }, pen);
        }
    }

    fn step(&self, ui: &mut Ui, snapshot: &Snapshot, by: (isize, isize)) {
        ui.move_own(snapshot, by.0);
    }

    fn plain(&self, snapshot: &Snapshot) -> String {
        own::plain(snapshot)
    }

    fn json(&self, snapshot: &Snapshot) -> Result<String, sonic_rs::Error> {
        own::json(snapshot)
    }

    fn pages(&self) -> crate::snapshot::Pages {
        crate::snapshot::Pages { portfolio: true, ..Default::default() }
    }

    fn footer(&self) -> &'static [(Action, &'static str)] {
        &[(Action::NextPane, "list"), (Action::Enter, "its cell of the map"), (Action::Privacy, "mask")]
    }
}

fn empty(area: Rect, pen: &mut Pen<'_>) {
    let lines = [
        "no own account is configured",
        "",
        "faultline reads positions, orders and balances with read-only keys:",
        "accounts.toml in the configuration directory names them, `faultline doctor` checks them",
    ];
    for (y, line) in (area.y + 1..area.bottom()).zip(lines) {
        pen.text(area.x + 1, y, area.width.saturating_sub(2), line, pen.style(Role::TextDim));
    }
}

/// Names of the lists, the one with the keys marked.
fn tabs(view: &View<'_>, portfolio: &Portfolio, area: Rect, pen: &mut Pen<'_>) {
    let mut spans = Vec::new();
    for list in List::ALL {
        let text = format!(" {} {} ", list.word(), list.len(portfolio));
        let is_it = list == view.ui.own_list;
        let text = if is_it { format!("[{}]", text.trim()) } else { text };
        let role = if is_it { Role::TextStrong } else { Role::TextDim };
        spans.push((text, pen.style(role)));
    }
    if view.ui.is_private {
        spans.push((" masked ".into(), pen.style(Role::ModeFrozen)));
    }
    pen.spans(area.x + 1, area.y, area.width - 2, &spans);
}

/// Two lines over everything: sums, and what makes them less than sure.
fn totals(view: &View<'_>, portfolio: &Portfolio, area: Rect, pen: &mut Pen<'_>) {
    let t = &portfolio.total;
    let (dim, text) = (pen.style(Role::TextDim), pen.style(Role::Text));
    let money = |v: Option<Decimal>| usd(view, v);
    let mut spans: Vec<Span> = Vec::new();
    let mut put = |label: &str, value: String, style: Style| {
        spans.push((format!("{label} "), dim));
        spans.push((format!("{value}  "), style));
    };
    put("gross", money(Some(t.gross_usd)), text);
    put("net", money(Some(t.net_delta_usd)), text);
    put("equity", money(t.equity_usd), text);
    put("leverage", ratio(t.leverage, "x"), text);
    put("uPnL", money(Some(t.upnl_usd)), sign(view, Some(t.upnl_usd)));
    put("funding/d", money(Some(t.funding_usd_day)), sign(view, Some(t.funding_usd_day)));
    pen.spans(area.x + 1, area.y, area.width - 2, &spans);
    let mut words: Vec<Span> = Vec::new();
    if t.unvalued > 0 {
        words.push((format!("without a price: {}, sums are too low  ", t.unvalued), warn(pen)));
    }
    for account in
        portfolio.accounts.iter().filter(|a| !a.trouble.is_empty() || a.sum.quality >= Quality::Degraded)
    {
        let trouble = rows::trouble(view, account);
        let why = if trouble.is_empty() { account.sum.quality.word() } else { &trouble };
        words.push((format!("{}: {why}  ", super::short(view.shown, &account.venue)), warn(pen)));
    }
    if words.is_empty() && t.quality == Quality::Estimated {
        words.push(("estimated: a currency stands at an assumed par".into(), dim));
    }
    pen.spans(area.x + 1, area.y + 1, area.width - 2, &words);
}

fn draw_list(
    view: &View<'_>,
    portfolio: &Portfolio,
    list: List,
    area: Rect,
    is_focus: bool,
    pen: &mut Pen<'_>,
) {
    let rows = list.len(portfolio);
    if rows == 0 {
        pen.text(area.x + 1, area.y, area.width, &format!("no {}", list.word()), pen.style(Role::TextDim));
        return;
    }
    let cursor = if list == view.ui.own_list { view.ui.own_cursor(portfolio) } else { 0 };
    let at = (rows, cursor, is_focus);
    match list {
        List::Positions => table::draw(pen, area, POSITIONS, at, |i| {
            portfolio.positions.get(i).map_or_else(Vec::new, |p| position(view, p))
        }),
        List::Orders => table::draw(pen, area, ORDERS, at, |i| {
            portfolio.orders.get(i).map_or_else(Vec::new, |o| order(view, o))
        }),
        List::Accounts => table::draw(pen, area, ACCOUNTS, at, |i| {
            portfolio.accounts.get(i).map_or_else(Vec::new, |a| account(view, a))
        }),
        List::Sums => table::draw(pen, area, SUMS, at, |i| {
            own::sums(portfolio).nth(i).map_or_else(Vec::new, |(kind, s)| sum(view, kind, s))
        }),
    }
}

/// Rows below the list on wide screens: all accounts where there is room, never more than half.
fn wide_foot(portfolio: &Portfolio, height: u16) -> u16 {
    let rows = portfolio.accounts.len().max(List::Sums.len(portfolio) + 5) + 3;
    u16::try_from(rows).unwrap_or(u16::MAX).clamp(10, (height / 2).max(10))
}

/// Accounts and sums below the list on wide screens.
fn side_by_side(view: &View<'_>, portfolio: &Portfolio, area: Rect, pen: &mut Pen<'_>) {
    let half = area.width / 2;
    let (a, b) = (Rect { width: half, ..area }, Rect { x: area.x + half, width: area.width - half, ..area });
    let left = pen.pane(a, "Accounts", "", false);
    draw_list(view, portfolio, List::Accounts, left, false, pen);
    let right = pen.pane(b, "Selected", "", false);
    detail(view, portfolio, Rect { height: right.height.min(4), ..right }, pen);
    let below = Rect { y: right.y + 5, height: right.height.saturating_sub(5), ..right };
    draw_list(view, portfolio, List::Sums, below, false, pen);
}

/// Four lines about what the cursor stands on.
fn detail(view: &View<'_>, portfolio: &Portfolio, area: Rect, pen: &mut Pen<'_>) {
    let at = view.ui.own_cursor(portfolio);
    let lines = match view.ui.own_list {
        List::Positions => portfolio.positions.get(at).map(|p| position_lines(view, portfolio, p)),
        List::Orders => portfolio.orders.get(at).map(|o| order_lines(view, o)),
        List::Accounts => portfolio.accounts.get(at).map(|a| account_lines(view, a)),
        List::Sums => None,
    };
    let style = pen.style(Role::Text);
    for (y, line) in (area.y..area.bottom()).zip(lines.unwrap_or_default()) {
        pen.text(area.x + 1, y, area.width.saturating_sub(2), &line, style);
    }
}

fn position_lines(view: &View<'_>, portfolio: &Portfolio, p: &PositionRow) -> Vec<String> {
    let account = portfolio.accounts.iter().find(|a| a.venue == p.venue && a.name == p.account);
    let liquidation = match (p.liquidation, p.liquidation_stated) {
        (Some(ours), Some(theirs)) => format!("{} by our tiers, {} by the venue", price(ours), price(theirs)),
        (Some(ours), None) => format!("{} by our tiers", price(ours)),
        (None, Some(theirs)) => format!("{} by the venue", price(theirs)),
        (None, None) => "no price of its own".into(),
    };
    let collateral = account.map_or_else(String::new, |a| {
        let parts: Vec<String> = a
            .collateral
            .iter()
            .take(4)
            .map(|(asset, amount)| format!("{} {asset}", masked(view, figure(Some(*amount), 12))))
            .collect();
        format!("collateral {}", if parts.is_empty() { format::MISSING.into() } else { parts.join(", ") })
    });
    vec![
        format!(
            "{} {}  {}  entry {}  mark {}",
            p.venue,
            p.symbol,
            p.margin_mode,
            opt_price(p.entry),
            opt_price(p.mark)
        ),
        format!(
            "liquidation {liquidation}  maintenance {}  ADL {}",
            usd(view, p.maintenance_usd),
            p.adl_rank.map_or(format::MISSING.into(), |r| format!("{r} of 5"))
        ),
        format!(
            "delta {}  funding a day {}  regime {}",
            usd(view, p.delta_usd),
            usd(view, p.funding_usd_day),
            p.regime
        ),
        format!("{collateral}  quality {}", p.quality.word()),
    ]
}

fn order_lines(view: &View<'_>, o: &OrderRow) -> Vec<String> {
    vec![
        format!("{} {} {} {}", o.venue, o.symbol, o.side, o.kind),
        format!(
            "state {}  {}{}",
            o.state.replace('_', " "),
            o.tif.replace('_', " "),
            if o.reduce_only { "  reduce only" } else { "" }
        ),
        format!(
            "size {}  filled {}  at {}",
            masked(view, figure(Some(o.size), 14)),
            masked(view, figure(Some(o.filled), 14)),
            opt_price(o.price)
        ),
        format!("id {}", o.id),
    ]
}

fn account_lines(view: &View<'_>, a: &AccountRow) -> Vec<String> {
    let ratio =
        |r: Option<Decimal>| r.and_then(|r| r.to_f64()).map_or(format::MISSING.into(), |r| format!("{r:.4}"));
    let parts: Vec<String> = a
        .collateral
        .iter()
        .take(6)
        .map(|(asset, amount)| format!("{} {asset}", masked(view, figure(Some(*amount), 12))))
        .collect();
    vec![
        format!("{} {}  regime {}", a.venue, masked(view, a.name.clone()), a.regime),
        format!(
            "margin ratio {} by our sums, {} by the venue; 1 is liquidation",
            ratio(a.margin_ratio),
            ratio(a.margin_ratio_stated)
        ),
        format!(
            "equity {} by our sums, {} by the venue",
            usd(view, a.sum.equity_usd),
            usd(view, a.equity_stated_usd)
        ),
        format!("collateral {}", if parts.is_empty() { format::MISSING.into() } else { parts.join(", ") }),
    ]
}
