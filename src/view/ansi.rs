//! A buffer as text with escape sequences: pictures for `cat` and `less -R`.

use std::fmt::Write as _;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier, Style};
use unicode_width::UnicodeWidthStr;

/// One line per row. Equal runs share one sequence; a row without style has none at all.
pub fn lines(buf: &Buffer) -> String {
    let mut out = String::new();
    for y in buf.area.top()..buf.area.bottom() {
        let (mut line, mut last) = (String::new(), Cell::EMPTY.style());
        let mut x = buf.area.left();
        while x < buf.area.right() {
            let Some(cell) = buf.cell((x, y)) else { break };
            let style = cell.style();
            if style != last {
                line.push_str(&sequence(style));
                last = style;
            }
            line.push_str(cell.symbol());
            x += u16::try_from(cell.symbol().width()).unwrap_or(1).max(1);
        }
        if last == Cell::EMPTY.style() {
            line.truncate(line.trim_end().len());
        } else {
            line.push_str("\x1b[0m");
        }
        out.push_str(&line);
        out.push('\n');
    }
    out
}

/// The sequence that sets a style whatever was set before.
fn sequence(style: Style) -> String {
    let mut out = String::from("\x1b[0");
    let codes = [
        (Modifier::BOLD, 1),
        (Modifier::DIM, 2),
        (Modifier::ITALIC, 3),
        (Modifier::UNDERLINED, 4),
        (Modifier::REVERSED, 7),
    ];
    for (_, code) in codes.iter().filter(|(m, _)| style.add_modifier.contains(*m)) {
        let _written = write!(out, ";{code}");
    }
    for (colour, base) in [(style.fg, 30), (style.bg, 40)] {
        match colour.unwrap_or_default() {
            Color::Reset => {}
            Color::Rgb(r, g, b) => {
                let _written = write!(out, ";{};2;{r};{g};{b}", base + 8);
            }
            Color::Indexed(index) => {
                let _written = write!(out, ";{};5;{index}", base + 8);
            }
            named => {
                let code = code(named);
                let _written = write!(out, ";{}", if code < 8 { base + code } else { base + 52 + code });
            }
        }
    }
    out.push('m');
    out
}

/// Place of a named colour among the 16.
pub(super) fn code(colour: Color) -> u8 {
    match colour {
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 8,
        Color::LightRed => 9,
        Color::LightGreen => 10,
        Color::LightYellow => 11,
        Color::LightBlue => 12,
        Color::LightMagenta => 13,
        Color::LightCyan => 14,
        Color::White => 15,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::layout::Rect;

    #[test]
    fn runs_share_a_sequence_and_plain_rows_have_none() {
        let mut buf = Buffer::empty(Rect::new(0, 0, 4, 2));
        buf.set_string(0, 0, "ab", Style::new().fg(Color::Red).bg(Color::Indexed(17)));
        buf.set_string(2, 0, "c", Style::new().fg(Color::LightCyan).add_modifier(Modifier::BOLD));
        buf.set_string(0, 1, "x", Style::new());
        assert_eq!(lines(&buf), "\x1b[0;31;48;5;17mab\x1b[0;1;96mc\x1b[0m\nx\n");
    }
}
