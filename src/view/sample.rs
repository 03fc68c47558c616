//! A theme in one picture: its roles and its heat steps, at one depth.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::ansi;
use super::depth::Depth;
use super::theme::Theme;
use super::widget::Pen;
use crate::config::theme::{Role, ThemeSpec};

/// Columns of the picture.
const WIDTH: u16 = 80;
/// Columns of one role.
const ROLE: u16 = 20;
/// Columns of one heat step: sign, three digits, a decimal.
const STEP: u16 = 7;

/// The picture as lines; `is_styled` keeps colours and attributes, else only the text is left.
pub fn picture(spec: &ThemeSpec, depth: Depth, is_styled: bool) -> String {
    let theme = Theme::new(spec, depth);
    let per_row = usize::from(WIDTH / ROLE);
    let rows = u16::try_from(Role::ALL.len().div_ceil(per_row)).unwrap_or(0);
    let mut buf = Buffer::empty(Rect::new(0, 0, WIDTH, rows + 8));
    let area = buf.area;
    let mut pen = Pen::new(&mut buf, &theme);
    pen.paint(area, theme.base());
    let title = format!("theme {}, depth {}", theme.name, theme.depth.word());
    pen.text(0, 0, WIDTH, &title, theme.style(Role::Title));
    for (at, role) in Role::ALL.iter().enumerate() {
        let column = u16::try_from(at % per_row).unwrap_or(0) * ROLE;
        let row = 1 + u16::try_from(at / per_row).unwrap_or(0);
        pen.text(column, row, ROLE - 1, role.name(), theme.style(*role));
    }
    for (at, (ramp, cap)) in [(&theme.diverging, 25.0), (&theme.sequential, 100.0)].into_iter().enumerate() {
        let y = rows + 2 + u16::try_from(at).unwrap_or(0) * 3;
        let unit = if at == 0 { "around zero" } else { "from zero up" };
        pen.text(0, y, WIDTH, &format!("{} {unit}", ramp.name), theme.style(Role::TextDim));
        let mut x = 0;
        for (level, edge) in ramp.legend(cap) {
            let text = format!("{edge:.0}{}", ramp.glyph(level, theme.depth));
            let style = ramp.style(level);
            pen.paint(Rect::new(x, y + 1, STEP, 1), style);
            pen.right(x, y + 1, STEP - 1, &text, style);
            x += STEP;
        }
    }
    if is_styled {
        return ansi::lines(&buf);
    }
    let rows = area.top()..area.bottom();
    let line = |y| -> String {
        (area.left()..area.right())
            .filter_map(|x| buf.cell((x, y)))
            .map(ratatui::buffer::Cell::symbol)
            .collect()
    };
    rows.map(|y| line(y).trim_end().to_string() + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::theme::builtin;

    #[test]
    fn every_theme_has_a_picture_at_every_depth() {
        for spec in builtin().unwrap() {
            for depth in [Depth::True, Depth::Ansi256, Depth::Ansi16, Depth::Mono] {
                let text = picture(&spec, depth, true);
                assert!(text.contains("sev.crit"), "{} {}", spec.name, depth.word());
                let has_colour = ["38;", "48;", ";3", ";4", ";9", ";10"].iter().any(|c| text.contains(c));
                assert!(has_colour || depth == Depth::Mono || spec.name == "mono");
                assert!(!picture(&spec, depth, false).contains('\x1b'));
            }
        }
    }

    #[test]
    fn without_colours_only_attributes_are_sent() {
        for spec in builtin().unwrap() {
            let text = picture(&spec, Depth::Mono, true);
            let codes = text.split("\x1b[").skip(1).filter_map(|t| t.split_once('m'));
            for (code, _) in codes {
                assert!(code.split(';').all(|c| ["0", "1", "2", "3", "4", "7"].contains(&c)), "{code}");
            }
        }
    }
}
