//! An explanation and evidence as lines: for the overlays, and as a block of text to copy.

use super::format;
use crate::config::theme::Role;
use crate::model::num::shortest;
use crate::snapshot::evidence::{FrameView, SourceLine, Terms, ValueLine};
use crate::snapshot::markets::MARGIN_SIZES;
use crate::snapshot::{Evidence, Explained, Quality};

/// A line: texts and what they mean.
pub type Line = Vec<(String, Role)>;

/// Longest list of frames in a copied block.
const COPIED_FRAMES_MAX: usize = 8;

fn line(text: impl Into<String>, role: Role) -> Line {
    vec![(text.into(), role)]
}

fn pair(label: &str, text: impl Into<String>) -> Line {
    vec![(format!("{label:<10}"), Role::TextDim), (text.into(), Role::Text)]
}

fn age(ms: Option<i64>) -> String {
    ms.map_or(format::MISSING.into(), format::duration_ms)
}

/// Breaks a long text at blanks; what follows the first line is set in.
fn wrapped(label: &str, text: &str, columns: usize) -> Vec<Line> {
    let room = columns.saturating_sub(12).max(20);
    let mut lines: Vec<Line> = Vec::new();
    let mut rest = String::new();
    for word in text.split_whitespace() {
        if !rest.is_empty() && format::width(&rest) + format::width(word) + 1 > room {
            lines.push(pair(if lines.is_empty() { label } else { "" }, std::mem::take(&mut rest)));
        }
        if !rest.is_empty() {
            rest.push(' ');
        }
        rest.push_str(word);
    }
    lines.push(pair(if lines.is_empty() { label } else { "" }, rest));
    lines
}

fn role(quality: Quality) -> Role {
    match quality {
        Quality::Ok | Quality::Estimated => Role::TextStrong,
        Quality::Degraded => Role::Text,
        Quality::Stale => Role::StateStale,
        Quality::Missing => Role::StateMissing,
    }
}

/// The value with the digits that can matter.
fn exact(value: f64) -> String {
    let per_unit = if value.abs() >= 1e4 { 1e2 } else { 1e6 };
    shortest((value * per_unit).round() / per_unit)
}

/// Narrowest block whose tables stand in full.
const WIDE: usize = 104;

fn value_lines(value: &ValueLine, unit: &str, columns: usize) -> Vec<Line> {
    let text = format::with_unit(value.value, unit);
    let full = value.value.map_or(String::new(), |v| format!("  = {} {unit}", exact(v)));
    let note = if value.note.is_empty() { "" } else { "  " };
    let trust = format!(
        "{:<9} coverage {:.2}  {} of {} inputs  age {}{full}{note}{}",
        value.quality.word(),
        value.coverage,
        value.used,
        value.expected,
        age(value.age_ms),
        value.note.replace('_', " ")
    );
    let mut first = vec![
        (format!("  {:<26} ", format::fit(&value.of, 26)), Role::Text),
        (format!("{text:>14}  "), role(value.quality)),
    ];
    if columns >= WIDE {
        first.push((trust, Role::TextDim));
        return vec![first];
    }
    vec![first, line(format!("    {trust}"), Role::TextDim)]
}

/// Widths of kind, venue and name of a source.
const fn widths(columns: usize) -> (usize, usize, usize) {
    if columns >= WIDE { (15, 16, 26) } else { (14, 9, 17) }
}

fn source_line(source: &SourceLine, columns: usize) -> Line {
    let seq = source.seq.map_or(format::MISSING.into(), |s| s.to_string());
    let head = if columns >= WIDE { "speaks for its venue" } else { "for its venue" };
    let why = source.left_out.or(source.is_head.then_some(head)).unwrap_or_default();
    let is_used = source.left_out.is_none();
    let (kind, venue, name) = widths(columns);
    vec![
        (
            format!(
                "  {:<kind$} {:<venue$} {:<name$} {:>6} {seq:>9}  ",
                source.input,
                format::fit(&source.venue, venue),
                format::fit(&source.name, name),
                age(source.age_ms)
            ),
            if is_used { Role::Text } else { Role::StateStale },
        ),
        (why.into(), if is_used { Role::TextDim } else { Role::StateStale }),
    ]
}

fn sources(told: &Explained, is_used: bool, columns: usize) -> Vec<Line> {
    let these: Vec<&SourceLine> = told.sources.iter().filter(|s| s.left_out.is_none() == is_used).collect();
    if these.is_empty() {
        return if is_used { vec![line("No input counts now", Role::StateStale)] } else { Vec::new() };
    }
    let title = if is_used { "Inputs" } else { "Left out" };
    let (kind, venue, name) = widths(columns);
    let kind = kind + 2;
    let head = format!("{title:<kind$} {:<venue$} {:<name$} {:>6} {:>9}", "venue", "of", "age", "seq");
    let mut lines = vec![line(head, Role::TableHead)];
    lines.extend(these.into_iter().map(|s| source_line(s, columns)));
    lines
}

/// Everything about a figure. `columns` breaks long sentences.
pub fn lines(told: &Explained, columns: usize) -> Vec<Line> {
    let mut out = Vec::new();
    out.extend(told.card.iter().filter(|c| c.0 == "meaning").flat_map(|c| wrapped("meaning", &c.1, columns)));
    out.extend(told.card.iter().filter(|c| c.0 == "formula").flat_map(|c| wrapped("formula", &c.1, columns)));
    out.push(Line::new());
    out.push(line("Value", Role::TableHead));
    out.extend(told.values.iter().flat_map(|v| value_lines(v, told.unit, columns)));
    out.extend(told.notes.iter().map(|note| line(format!("  {note}"), Role::StateStale)));
    out.push(Line::new());
    out.extend(sources(told, true, columns));
    out.extend(sources(told, false, columns));
    if told.more > 0 {
        out.push(line(format!("  {} more", told.more), Role::TextDim));
    }
    out.push(Line::new());
    out.push(line("Thresholds", Role::TableHead));
    if told.rules.is_empty() {
        out.push(line("  no alert rule looks at it", Role::TextDim));
    }
    for rule in &told.rules {
        let text = format!(
            "  {:<14} {:<8} raises {} for {}, clears {} for {}",
            rule.rule,
            rule.severity.word(),
            format::with_unit(Some(rule.raise), told.unit),
            format::duration_ms(rule.hold_ms),
            format::with_unit(Some(rule.clear), told.unit),
            format::duration_ms(rule.clear_hold_ms),
        );
        out.push(line(text, Role::Text));
    }
    out.push(Line::new());
    out.push(line("Configuration that changes it", Role::TableHead));
    out.extend(told.keys.iter().map(|key| line(format!("  {key}"), Role::Text)));
    out.push(Line::new());
    let shown = ["meaning", "formula"];
    let rest = told.card.iter().filter(|c| !shown.contains(&c.0));
    out.extend(rest.flat_map(|c| wrapped(c.0, &c.1, columns)));
    out
}

/// From formula to bytes: what the value is made of, in order.
pub fn lineage(evidence: &Evidence, columns: usize) -> Vec<Line> {
    let told = &evidence.explained;
    let mut out = Vec::new();
    out.extend(told.card.iter().filter(|c| c.0 == "formula").flat_map(|c| wrapped("formula", &c.1, columns)));
    out.push(Line::new());
    out.push(line("= values", Role::TableHead));
    out.extend(told.values.iter().flat_map(|v| value_lines(v, told.unit, columns)));
    out.push(Line::new());
    out.extend(sources(told, true, columns));
    out.extend(sources(told, false, columns));
    out.push(Line::new());
    out.push(line("Frames and their hashes (BLAKE3)", Role::TableHead));
    if evidence.frames.is_empty() {
        out.push(line(format!("  {}", no_frames(evidence)), Role::TextDim));
    }
    out.extend(evidence.frames.iter().map(|f| line(frame_head(f), Role::Text)));
    out.push(Line::new());
    out.push(pair("tick", format!("seq {}  {}", evidence.seq, format::time_ms(evidence.at))));
    out
}

/// Why there are no frames.
pub fn no_frames(evidence: &Evidence) -> &'static str {
    if evidence.alert.is_empty() {
        "no message since this was opened"
    } else {
        "messages are kept in the recording, not here: see the seq of the inputs; C shows those of now"
    }
}

fn frame_head(frame: &FrameView) -> String {
    format!(
        "  seq {:<9} {} {:>6} B  {}  {}",
        frame.seq,
        format::time_ms(frame.at),
        frame.bytes,
        frame.hash,
        frame.conn
    )
}

/// Messages with what they meant, or with their bytes. The bytes are a stranger's: escapes are dropped.
pub fn frames(evidence: &Evidence, is_raw: bool, columns: usize) -> Vec<Line> {
    if evidence.frames.is_empty() {
        return vec![line(format!("  {}", no_frames(evidence)), Role::TextDim)];
    }
    let mut out = Vec::new();
    for frame in &evidence.frames {
        out.push(line(frame_head(frame), Role::TextStrong));
        if is_raw {
            let room = columns.saturating_sub(6).max(20);
            let text: Vec<char> = format::clean(&frame.text).chars().collect();
            out.extend(
                text.chunks(room)
                    .map(|part| line(format!("    {}", part.iter().collect::<String>()), Role::Text)),
            );
            if frame.text.len() < frame.bytes {
                let rest = frame.bytes - frame.text.len();
                out.push(line(format!("    and {rest} bytes more, in the recording"), Role::TextDim));
            }
        } else {
            out.extend(frame.events.iter().map(|e| line(format!("    {e}"), Role::Text)));
            if frame.events.is_empty() {
                out.push(line("    no market data in it", Role::TextDim));
            }
        }
    }
    out
}

fn times(value: Option<f64>) -> String {
    value.map_or(format::MISSING.into(), |v| format::cell(v, "x", false, 6) + "x")
}

fn share(value: Option<f64>) -> String {
    value.map_or(format::MISSING.into(), |v| format!("{}%", format::cell(v * 100.0, "pct", false, 5)))
}

/// Rules of the venues beside each other; `*` marks what differs from the first one's.
pub fn terms(terms: &[Terms], columns: usize) -> Vec<Line> {
    let Some(first) = terms.first() else { return vec![line("  no venue trades it", Role::TextDim)] };
    let is_wide = columns >= WIDE;
    let sizes: String = MARGIN_SIZES.iter().map(|(_, name)| format!("{name:>8} ")).collect();
    let head = format!("  {:<6} {:<15} {:<8}{:>9}{:>9}", "regime", "venue", "settles", "fee", "funding");
    let by = "position in USD";
    let mut out = vec![if is_wide {
        line(format!("{head}   {sizes}{by}"), Role::TableHead)
    } else {
        line(format!("{head}  by position in USD"), Role::TableHead)
    }];
    if !is_wide {
        out.push(line(format!("{:<22}{sizes}", ""), Role::TableHead));
    }
    for (at, row) in terms.iter().enumerate() {
        let differs = |is: bool| if is && at > 0 { "*" } else { " " };
        let fee = row.fee_bps.map_or(format::MISSING.into(), |f| format!("{f:.1}bp"));
        let every = row.funding_h.map_or(format::MISSING.into(), |h| format!("{h:.0} h"));
        let caps = row.leverage.iter().zip(&first.leverage);
        let keeps = row.maintenance.iter().zip(&first.maintenance);
        let caps: String =
            caps.map(|(v, f)| format!("{:>8}{}", times(*v), differs(f.is_some() && v != f))).collect();
        let keeps: String =
            keeps.map(|(v, f)| format!("{:>8}{}", share(*v), differs(f.is_some() && v != f))).collect();
        let style = if at == 0 { Role::TextStrong } else { Role::Text };
        let head = format!(
            "  {:<6} {:<15} {:<7}{}{:>8}{}{:>8}{}",
            format::fit(&row.regime, 6),
            format::fit(&row.venue, 15),
            format::fit(&row.settle, 7),
            differs(row.settle != first.settle),
            fee,
            differs(first.fee_bps.is_some() && row.fee_bps != first.fee_bps),
            every,
            differs(row.funding_h != first.funding_h),
        );
        let symbol = format::fit(&row.symbol, 14);
        if is_wide {
            out.push(line(format!("{head}   {caps}highest leverage"), style));
            out.push(line(
                format!("{:<53}{keeps}margin to keep", format!("         {symbol}")),
                Role::TextDim,
            ));
        } else {
            out.push(line(format!("{head}  {symbol}"), style));
            out.push(line(format!("     {:<17}{caps}", "highest leverage"), Role::Text));
            out.push(line(format!("     {:<17}{keeps}", "margin to keep"), Role::TextDim));
        }
    }
    out.push(line("  * differs from the first venue; -- not stated or not permitted", Role::TextDim));
    out
}

fn text_of(lines: &[Line]) -> String {
    let mut out = String::new();
    for line in lines {
        let text: String = line.iter().map(|part| format::clean(&part.0).into_owned()).collect();
        out.push_str(text.trim_end());
        out.push('\n');
    }
    out
}

/// An explanation as a block of text that stands by itself.
pub fn block(told: &Explained) -> String {
    let head = format!("{}  {}  at {}  seq {}\n", told.about.label(), told.title, told.at, told.seq);
    head + &text_of(&lines(told, 110))
}

/// Evidence as a block of text that stands by itself: value, inputs, times, places on the tape, books.
pub fn evidence_block(evidence: &Evidence) -> String {
    let kind = if evidence.alert.is_empty() {
        "as of this instant".to_string()
    } else {
        format!("as kept when {} was raised", evidence.alert)
    };
    let mut out = format!("faultline evidence, {kind}\n{}", block(&evidence.explained));
    if let Some(focus) = &evidence.focus {
        let consensus = focus.consensus.map_or(format::MISSING.into(), format::price);
        out.push_str(&format!("\nBooks of {}, consensus {consensus}\n", format::clean(&focus.underlying)));
        for book in &focus.books {
            let best = |side: &[(crate::model::num::Num, crate::model::num::Num)]| {
                side.first().map_or(format::MISSING.into(), |(p, s)| format!("{p} x {s}"))
            };
            out.push_str(&format!(
                "  {:<16} {:<20} {:<9} bid {}  ask {}  spread {}  gap {}  age {}  seq {}\n",
                format::clean(&book.venue),
                format::clean(&book.symbol),
                book.state.word(),
                best(&book.bids),
                best(&book.asks),
                format::with_unit(book.spread_bps, "bps"),
                format::with_unit(book.mid_gap_bps, "bps"),
                format::duration_ms(book.age_ms),
                book.seq.map_or(format::MISSING.into(), |s| s.to_string()),
            ));
        }
    }
    out.push_str("\nFrames\n");
    if evidence.frames.is_empty() {
        out.push_str(&format!("  {}\n", no_frames(evidence)));
    }
    for frame in evidence.frames.iter().take(COPIED_FRAMES_MAX) {
        out.push_str(&text_of(&[line(frame_head(frame), Role::Text)]));
        out.push_str(&text_of(
            &frame.events.iter().map(|e| line(format!("    {e}"), Role::Text)).collect::<Vec<_>>(),
        ));
    }
    out
}
