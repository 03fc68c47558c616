//! The last look at a picture: no character leaves that the glyph set does not have.
//!
//! Screens choose good stand-ins themselves where they can; this catches the rest, names from venues included.
//! `compat` leaves out braille and quadrants, which fonts of older terminals lack; `ascii` is also the answer
//! to terminals that draw ambiguous characters two columns wide.

use ratatui::buffer::Buffer;

use crate::config::theme::GlyphSet;

/// Replaces what the set lacks. A wide character becomes one stand-in and blanks.
pub fn fit(buf: &mut Buffer, set: GlyphSet) {
    if set == GlyphSet::Unicode {
        return;
    }
    for cell in &mut buf.content {
        let Some(first) = cell.symbol().chars().next() else { continue };
        let is_fit = match set {
            GlyphSet::Unicode => true,
            GlyphSet::Compat => cell.symbol().chars().all(|c| compat(c) == c),
            GlyphSet::Ascii => cell.symbol().is_ascii(),
        };
        if !is_fit {
            cell.set_char(if set == GlyphSet::Ascii { ascii(first) } else { compat(first) });
        }
    }
}

/// The stand-in that older fonts have.
pub fn compat(c: char) -> char {
    match c {
        '\u{2800}' => ' ',
        // Braille: the fuller the cell, the darker the shade.
        '\u{2801}'..='\u{28ff}' => match (u32::from(c) & 0xff).count_ones() {
            1..=2 => '░',
            3..=5 => '▒',
            _ => '▓',
        },
        '▖' | '▗' | '▄' => '▄',
        '▘' | '▝' => '▀',
        '▙' | '▛' | '▜' | '▟' | '▚' | '▞' => '█',
        c => c,
    }
}

/// The stand-in in ASCII.
pub fn ascii(c: char) -> char {
    match compat(c) {
        c if c.is_ascii() => c,
        '─' | '━' | '╌' | '┄' | '┈' | '–' | '—' | '−' => '-',
        '│' | '┃' | '╎' | '┆' | '┊' => '|',
        '\u{2500}'..='\u{257f}' | '±' => '+',
        '▁' | '▂' => '_',
        '▃' | '▄' | '░' | '·' | '…' => '.',
        '▅' | '▆' | '▒' => '=',
        '▀' | '\u{2580}'..='\u{259f}' => '#',
        '▲' | '△' | '↑' => '^',
        '▼' | '▽' | '↓' => 'v',
        '▶' | '▸' | '›' | '→' | '»' | '≥' => '>',
        '◀' | '◂' | '‹' | '←' | '«' | '≤' => '<',
        '•' | '●' | '■' | '◆' | '×' => '*',
        '○' | '◇' | '°' => 'o',
        'µ' => 'u',
        '€' => 'E',
        _ => '?',
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    fn drawn(text: &str, set: GlyphSet) -> String {
        let mut buf = Buffer::empty(Rect::new(0, 0, 20, 1));
        buf.set_string(0, 0, text, Style::new());
        fit(&mut buf, set);
        buf.content.iter().map(ratatui::buffer::Cell::symbol).collect::<String>().trim_end().to_string()
    }

    #[test]
    fn ascii_has_a_stand_in_for_everything() {
        assert_eq!(drawn("┌─▲ ±4…│▒▓█▁⣿", GlyphSet::Ascii), "+-^ +4.|=##_#");
        for c in '\u{80}'..='\u{ffff}' {
            assert!(ascii(c).is_ascii_graphic() || ascii(c) == ' ', "{c}");
        }
        assert_eq!(drawn("币BTC", GlyphSet::Ascii), "? BTC");
    }

    #[test]
    fn compat_leaves_out_braille_and_quadrants_only() {
        assert_eq!(drawn("┌─▲⣿⠁▚▟▒é", GlyphSet::Compat), "┌─▲▓░██▒é");
        assert_eq!(drawn("⣿▚", GlyphSet::Unicode), "⣿▚");
    }
}
