//! What the screens Leverage and Liquidity share: the list of underlyings above, the selected one below.

use ratatui::layout::Rect;

use crate::config::theme::Role;
use crate::snapshot::markets::{UnderlyingView, VenueView};
use crate::view::View;
use crate::view::format;
use crate::view::widget::Pen;
use crate::view::widget::pen::Span;
use crate::view::widget::table::{self, Column};

/// Rows of the list on a small screen, head included.
const LIST_ROWS_SMALL: u16 = 8;

/// What a screen draws with.
pub(super) struct Draw<'a> {
    /// Words of the list's first line, order included.
    pub head: String,
    /// Lines of facts above the venues on a small screen.
    pub facts: u16,
    /// Columns of the facts beside the venues on a screen of 120 and of 200 columns.
    pub side: [u16; 2],
    /// Columns of the list.
    pub columns: &'static [Column],
    /// Columns of the venues.
    pub venue_columns: &'static [Column],
    /// A row of the list.
    pub row: &'a dyn Fn(&UnderlyingView) -> Vec<Span>,
    /// A row of the venues.
    pub venue: &'a dyn Fn(&VenueView) -> Vec<Span>,
    /// Lines about the selected underlying, for this width.
    pub lines: &'a dyn Fn(&UnderlyingView, bool) -> Vec<Vec<Span>>,
    /// What the marks of cells mean.
    pub legend: &'static str,
    /// Metric whose largest venue stands first.
    pub rank: &'static str,
}

impl Draw<'_> {
    /// Draws all of it. `rows` are the underlyings in order and the place of the cursor.
    pub(super) fn draw(&self, view: &View<'_>, area: Rect, rows: &(Vec<usize>, usize), pen: &mut Pen<'_>) {
        let (rows, cursor) = rows;
        let market = |at: usize| rows.get(at).and_then(|i| view.shown.markets.underlyings.get(*i));
        let Some(selected) = market(*cursor) else {
            pen.text(
                area.x + 1,
                area.y + 1,
                area.width,
                "waiting for the first data",
                pen.style(Role::TextDim),
            );
            return;
        };
        let mut venues: Vec<&VenueView> = selected.venues.iter().collect();
        let rank = |v: &VenueView| v.get(self.rank, "").value.unwrap_or(-1.0);
        venues.sort_by(|a, b| rank(b).total_cmp(&rank(a)));
        let is_wide = view.ui.is_wide();
        let rows_high = u16::try_from(rows.len() + 1).unwrap_or(u16::MAX);
        let (list, below, facts) = if is_wide {
            self.panes(view, area, rows_high, (selected, venues.len()), pen)
        } else {
            self.stack(area, rows_high, (selected, venues.len()), pen)
        };
        table::draw(pen, list, self.columns, (rows.len(), *cursor, true), |at| {
            market(at).map_or_else(Vec::new, self.row)
        });
        for (y, line) in (facts.y..facts.bottom()).zip((self.lines)(selected, is_wide)) {
            pen.spans(facts.x + 1, y, facts.width.saturating_sub(1), &line);
        }
        if venues.is_empty() {
            pen.text(below.x + 1, below.y, below.width, "no venue trades it", pen.style(Role::TextDim));
            return;
        }
        table::draw(pen, below, self.venue_columns, (venues.len(), 0, false), |at| {
            venues.get(at).map_or_else(Vec::new, |v| (self.venue)(v))
        });
    }

    /// One below the other: list, facts, venues, legend.
    fn stack(
        &self,
        area: Rect,
        rows: u16,
        of: (&UnderlyingView, usize),
        pen: &mut Pen<'_>,
    ) -> (Rect, Rect, Rect) {
        pen.rule(area.x, area.y, area.width);
        let dim = pen.style(Role::TextDim);
        pen.text(area.x + 1, area.y, area.width - 2, &format!(" {} ", self.head), dim);
        // A taller screen gives the list more, the venues keep half.
        let most = LIST_ROWS_SMALL.max(area.height.saturating_sub(self.facts + 3) / 2);
        let list = Rect { y: area.y + 1, height: rows.min(most), ..area };
        let shown = list.height.saturating_sub(1);
        if shown + 1 < rows {
            let left_out = format!(" {shown} of {} in sight ", rows - 1);
            pen.right(area.right() - 22, area.y, 21, &left_out, dim);
        }
        pen.rule(area.x, list.bottom(), area.width);
        let facts = Rect { y: list.bottom() + 1, height: self.facts, ..area };
        let legend = area.bottom().saturating_sub(1);
        let below = Rect { y: facts.bottom(), height: legend.saturating_sub(facts.bottom()), ..area };
        let title = format!(" {} ", title(of, below));
        pen.text(area.x + 1, list.bottom(), area.width - 2, &title, pen.style(Role::TextStrong));
        pen.text(area.x + 1, legend, area.width - 2, self.legend, dim);
        (list, below, facts)
    }

    /// The list above, venues and facts side by side below.
    fn panes(
        &self,
        view: &View<'_>,
        area: Rect,
        rows: u16,
        of: (&UnderlyingView, usize),
        pen: &mut Pen<'_>,
    ) -> (Rect, Rect, Rect) {
        let height = rows.saturating_add(2).min(area.height / 2);
        let list = pen.pane(Rect { height, ..area }, &self.head, self.legend, true);
        let [small, large] = self.side;
        let side = if view.ui.size.0 >= 200 { large } else { small };
        let bottom = Rect { y: area.y + height, height: area.height - height, ..area };
        let left = Rect { width: bottom.width - side, ..bottom };
        let right = Rect { x: left.right(), width: side, ..bottom };
        let inner = Rect { height: left.height.saturating_sub(2), ..left };
        let below = pen.pane(left, &title(of, inner), "", false);
        let facts = pen.pane(right, &format::clean(&of.0.underlying), "", false);
        (list, below, facts)
    }
}

/// `SOL by venue`, with how many show where not all do.
fn title((market, venues): (&UnderlyingView, usize), area: Rect) -> String {
    let shown = usize::from(area.height.saturating_sub(1)).min(venues);
    let name = format::clean(&market.underlying);
    if shown < venues {
        format!("{name}: the {shown} largest of {venues} venues")
    } else {
        format!("{name} by venue")
    }
}
