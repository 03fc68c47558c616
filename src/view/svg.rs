//! A buffer as SVG: what the terminal shows, as a picture for pages. No script, no font file, the same
//! bytes for the same buffer.

use std::fmt::Write as _;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr;

use super::ansi::code;
use super::theme::{ANSI16, xterm};
use crate::config::theme::heatmap::Rgb;

/// Width and height of a cell, and where the foot of a letter stands in it.
const CELL: (usize, usize, usize) = (8, 16, 12);

/// What a run of cells has in common.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Look {
    ink: Rgb,
    paper: Rgb,
    mods: Modifier,
}

/// The picture. Cells without colours of their own get `ink` on `paper`.
pub fn picture(buf: &Buffer, (ink, paper): (Rgb, Rgb)) -> String {
    let (wide, high, _) = CELL;
    let (width, height) = (usize::from(buf.area.width) * wide, usize::from(buf.area.height) * high);
    let (mut fills, mut texts) = (String::new(), String::new());
    // Each ink with its weight is one short class, in the order of the picture.
    let mut classes: Vec<(Rgb, Modifier)> = Vec::new();
    for y in 0..buf.area.height {
        for run in runs(buf, y, (ink, paper)) {
            let (x, top) = (run.at * wide, usize::from(y) * high);
            if run.look.paper != paper {
                let fill = hex(run.look.paper);
                let _written = write!(
                    fills,
                    "<path fill=\"{fill}\" d=\"M{x} {top}h{}v{high}h-{}z\"/>",
                    run.columns * wide,
                    run.columns * wide
                );
            }
            text(&run, y, &mut classes, &mut texts);
        }
    }
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\">\n\
         <style>text{{font:13px ui-monospace,Menlo,Consolas,\"DejaVu Sans Mono\",monospace;white-space:pre}}"
    );
    for (at, (ink, mods)) in classes.iter().enumerate() {
        let _written = write!(out, ".c{at}{{fill:{}{}}}", hex(*ink), weight(*mods));
    }
    let _written = write!(
        out,
        "</style>\n<rect width=\"100%\" height=\"100%\" fill=\"{}\"/>\n{fills}\n{texts}</svg>\n",
        hex(paper)
    );
    out
}

struct Run {
    at: usize,
    columns: usize,
    look: Look,
    text: String,
}

/// Equal neighbours of a row.
fn runs(buf: &Buffer, y: u16, base: (Rgb, Rgb)) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut x = buf.area.left();
    while let Some(cell) = buf.cell((x, buf.area.top() + y)).filter(|_| x < buf.area.right()) {
        let look = look(cell, base);
        let columns = cell.symbol().width().max(1);
        let at = usize::from(x - buf.area.left());
        match runs.last_mut().filter(|r| r.look == look) {
            Some(run) => {
                run.columns += columns;
                run.text.push_str(cell.symbol());
            }
            None => runs.push(Run { at, columns, look, text: cell.symbol().to_string() }),
        }
        x = x.saturating_add(u16::try_from(columns).unwrap_or(1));
    }
    runs
}

/// The text of a run from its first letter to its last, stretched to the grid.
fn text(run: &Run, y: u16, classes: &mut Vec<(Rgb, Modifier)>, out: &mut String) {
    let body = run.text.trim_end();
    let lead = body.len() - body.trim_start().len();
    let body = body.trim_start();
    if body.is_empty() {
        return;
    }
    let visible = Modifier::BOLD | Modifier::DIM | Modifier::ITALIC | Modifier::UNDERLINED;
    let class = (run.look.ink, run.look.mods & visible);
    let at = classes.iter().position(|c| *c == class).unwrap_or_else(|| {
        classes.push(class);
        classes.len() - 1
    });
    let (wide, high, foot) = CELL;
    let (x, bottom) = ((run.at + lead) * wide, usize::from(y) * high + foot);
    let length = body.width() * wide;
    let _written = write!(out, "<text class=\"c{at}\" x=\"{x}\" y=\"{bottom}\" textLength=\"{length}\">");
    for c in body.chars().filter(|c| !c.is_control()) {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            c => out.push(c),
        }
    }
    out.push_str("</text>\n");
}

fn look(cell: &Cell, (ink, paper): (Rgb, Rgb)) -> Look {
    let (mut front, mut back) = (colour(cell.fg).unwrap_or(ink), colour(cell.bg).unwrap_or(paper));
    if cell.modifier.contains(Modifier::REVERSED) {
        std::mem::swap(&mut front, &mut back);
    }
    Look { ink: front, paper: back, mods: cell.modifier - Modifier::REVERSED }
}

fn colour(colour: Color) -> Option<Rgb> {
    match colour {
        Color::Reset => None,
        Color::Rgb(r, g, b) => Some((r, g, b)),
        Color::Indexed(index @ 16..) => Some(xterm(index)),
        Color::Indexed(index) => ANSI16.get(usize::from(index)).copied(),
        named => ANSI16.get(usize::from(code(named))).copied(),
    }
}

fn hex((r, g, b): Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

fn weight(mods: Modifier) -> String {
    let words = [
        (Modifier::BOLD, ";font-weight:bold"),
        (Modifier::DIM, ";opacity:.6"),
        (Modifier::ITALIC, ";font-style:italic"),
        (Modifier::UNDERLINED, ";text-decoration:underline"),
    ];
    words.into_iter().filter(|(m, _)| mods.contains(*m)).map(|(_, word)| word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    #[test]
    fn runs_become_texts_on_the_grid_and_fills() {
        let mut buf = Buffer::empty(Rect::new(0, 0, 10, 2));
        buf.set_string(1, 0, "a<b", Style::new().fg(Color::Rgb(1, 2, 3)).add_modifier(Modifier::BOLD));
        buf.set_string(5, 0, "x", Style::new().bg(Color::Indexed(17)));
        buf.set_string(0, 1, "rev", Style::new().add_modifier(Modifier::REVERSED));
        let base = ((255, 255, 255), (0, 0, 0));
        let svg = picture(&buf, base);
        for part in [
            "viewBox=\"0 0 80 32\"",
            ".c0{fill:#010203;font-weight:bold}",
            "<text class=\"c0\" x=\"8\" y=\"12\" textLength=\"24\">a&lt;b</text>",
            "<path fill=\"#00005f\" d=\"M40 0h8v16h-8z\"/>",
            "<path fill=\"#ffffff\" d=\"M0 16h24v16h-24z\"/>",
        ] {
            assert!(svg.contains(part), "{part}\n{svg}");
        }
        assert_eq!(svg, picture(&buf, base));
    }

    #[test]
    fn nothing_of_the_market_becomes_markup() {
        let mut buf = Buffer::empty(Rect::new(0, 0, 30, 1));
        buf.set_string(0, 0, "</text><script>&\"", Style::new());
        let svg = picture(&buf, ((255, 255, 255), (0, 0, 0)));
        assert!(!svg.contains("<script>") && svg.contains("&lt;/text&gt;&lt;script&gt;&amp;\""));
    }
}
