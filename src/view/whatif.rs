//! What a scenario would do, as text. The command line and the What-if screen show the same lines.
//!
//! Columns are wide enough for any venue id of the house; names of strangers are cleaned and cut.

use super::format::{clean, date_time, fit, si};
use crate::snapshot::whatif::{Critical, CurveRow, Own, Range, Report, Run, Venue, VenueRun};

/// Rounds of the cascade that are told; the others are counted.
const STEPS_SHOWN: usize = 12;
/// Venues that a round names.
const NAMES_SHOWN: usize = 4;
/// Width of sentences.
const LINE: usize = 110;

/// A block of the report: its heading and its lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// Heading, with the names of columns.
    pub head: String,
    /// Lines.
    pub lines: Vec<String>,
}

/// All of it.
pub fn text(report: &Report) -> String {
    let mut out = head(report).join("\n") + "\n";
    for block in blocks(report) {
        out.push_str(&format!("\n{}\n", block.head));
        for line in block.lines {
            out.push_str(&format!("  {line}\n"));
        }
    }
    out
}

/// What it is, of when, and what it stands on.
pub fn head(report: &Report) -> Vec<String> {
    let title =
        format!("{} on {}: {}", clean(&report.scenario), clean(&report.underlying), clean(&report.title));
    let when = format!("shock: {}; state of {}", clean(&report.shock), date_time(report.at));
    if !report.missing.is_empty() {
        return vec![title, when, format!("not simulated: {}; another instant: --on FILE@T", report.missing)];
    }
    let modelled = report.venues.iter().filter(|v| v.is_modelled).count();
    let part = report.venues.iter().filter(|v| v.weight.is_some()).count();
    let basis = format!(
        "{} venues list it, {part} take part, {modelled} with estimated positions: {} of open interest; {}{}",
        report.venues.len(),
        report.coverage.map_or("?".into(), |c| format!("{:.0} %", 100.0 * c)),
        report.quality.word(),
        report.as_of.map_or(String::new(), |at| format!(", oldest input {}", date_time(at)))
    );
    vec![title, when, basis]
}

/// The same in two lines, for a small screen.
pub fn short_head(report: &Report) -> [String; 2] {
    let title = format!("{} on {}", clean(&report.scenario), clean(&report.underlying));
    if !report.missing.is_empty() {
        return [title, format!("not simulated: {}", report.missing)];
    }
    let count = |is: fn(&Venue) -> bool| report.venues.iter().filter(|v| is(v)).count();
    let basis = format!(
        "{} of {} venues, {} estimated, {} of OI; {}",
        count(|v| v.weight.is_some()),
        report.venues.len(),
        count(|v| v.is_modelled),
        report.coverage.map_or("?".into(), |c| format!("{:.0} %", 100.0 * c)),
        report.quality.word()
    );
    [format!("{title}: {}", clean(&report.shock)), basis]
}

/// Everything below the head, in order.
pub fn blocks(report: &Report) -> Vec<Block> {
    let mut out = Vec::new();
    for run in &report.runs {
        out.push(result(report, run));
        out.push(venues(report, run));
        out.push(steps(report, run));
        out.extend(own(run));
    }
    if !report.critical.is_empty() {
        out.push(critical(report));
    }
    out.extend(curve(report));
    out.push(lacks(report));
    if report.missing.is_empty() {
        out.push(method(report));
        out.push(Block { head: "LIMITS".into(), lines: wrapped(report.limits, LINE) });
    }
    out.retain(|block| !block.lines.is_empty());
    out
}

/// USD with three digits; nothing is `0`, not `0.00`.
fn usd(value: f64) -> String {
    if value == 0.0 { "0".into() } else { si(value) }
}

fn change(value: f64) -> String {
    if value > 0.0 { format!("+{}", usd(value)) } else { usd(value) }
}

fn percent(value: f64) -> String {
    let text = format!("{value:+.2}%");
    if text.ends_with("0.00%") && text.len() == 6 { "0.00%".into() } else { text }
}

fn price(value: f64) -> String {
    super::format::price(value)
}

/// A line of the result: its name, then base, shock, delta, least and most.
pub type Line = (&'static str, [String; 5]);

/// Names of the columns of [`result_lines`].
pub const COLUMNS: [&str; 5] = ["base", "shock", "delta", "least", "most"];

fn row(name: &str, columns: &[String; 5]) -> String {
    let [base, shock, delta, least, most] = columns;
    format!("{name:<26} {base:>12} {shock:>12} {delta:>10} {least:>12} {most:>12}")
}

/// Heading of a run.
pub fn result_head(run: &Run) -> String {
    format!("RESULT of {:+} %", tidy(run.pct))
}

/// Figures of a run over all venues.
pub fn result_lines(report: &Report, run: &Run) -> Vec<Line> {
    let base = report.index.unwrap_or(f64::NAN);
    let move_of = |index: f64| percent(100.0 * (index / base - 1.0));
    // Of a rise the least is the lowest price, of a fall the highest.
    let (mild, hard) =
        if run.pct < 0.0 { (run.index.high, run.index.low) } else { (run.index.low, run.index.high) };
    let flow =
        |name, r: &Range| -> Line { (name, [usd(0.0), usd(r.mid), change(r.mid), usd(r.low), usd(r.high)]) };
    let times = |x: f64| format!("{x:.3}x");
    let a = &run.amplification;
    let share = |x: f64| if x == 0.0 { "0%".into() } else { format!("{:.2}%", 100.0 * x) };
    vec![
        ("index USD", [price(base), price(run.index.mid), move_of(run.index.mid), price(mild), price(hard)]),
        ("final move over shock", ["-".into(), times(a.mid), "-".into(), times(a.low), times(a.high)]),
        flow("closed by force USD", &run.closed),
        flow("closed against winners USD", &run.adl),
        flow(if run.beyond.mid > 0.0 { "owed, at least, USD" } else { "owed beyond margin USD" }, &run.owed),
        match &run.insurance {
            Some(r) => (
                "known insurance used",
                [share(0.0), share(r.mid), format!("+{}", share(r.mid)), share(r.low), share(r.high)],
            ),
            None => ("known insurance used", ["?", "?", "?", "?", "?"].map(String::from)),
        },
    ]
}

/// What the figures of a run do not say.
pub fn result_notes(report: &Report, run: &Run) -> Vec<String> {
    let worst = (report.venues.iter().zip(&run.venues)).filter_map(|(v, shown)| Some((v, (*shown)?.adl.mid)));
    let worst = worst.filter(|(_, adl)| *adl > 0.0).max_by(|a, b| a.1.total_cmp(&b.1));
    let mut notes = vec![match worst {
        Some((venue, adl)) => {
            format!("most is closed against winners at {}: {} USD", clean(&venue.id), usd(adl))
        }
        None => "nothing is closed against winners in the middle run".into(),
    }];
    if run.beyond.high > 0.0 {
        notes.push(format!(
            "beyond the book: forced orders of {} USD find no level left (at most {})",
            usd(run.beyond.mid),
            usd(run.beyond.high)
        ));
    }
    notes
}

fn result(report: &Report, run: &Run) -> Block {
    let mut lines: Vec<String> =
        result_lines(report, run).iter().map(|(name, columns)| row(name, columns)).collect();
    lines.extend(result_notes(report, run));
    Block { head: row(&result_head(run), &COLUMNS.map(String::from)), lines }
}

/// Percent without the dust of fractions.
fn tidy(pct: f64) -> f64 {
    (pct * 1e6).round() / 1e6
}

fn venue_row(name: &str, columns: [&str; 11]) -> String {
    let [oi, oi_after, oi_change, fund, fund_after, fund_change, worst, worst_move, adl, adl_most, weight] =
        columns;
    format!(
        "{name:<15} {weight:>5} {oi:>7} {oi_after:>7} {oi_change:>8} {fund:>7} {fund_after:>7} {fund_change:>8} \
         {worst:>10} {worst_move:>8} {adl:>7} {adl_most:>7}"
    )
}

/// Venues before and after.
pub fn venues(report: &Report, run: &Run) -> Block {
    let over = format!(
        "{:<23} {:^24} {:^24} {:^19} {:>15}",
        "VENUES", "open interest USD", "insurance fund USD", "worst price", "against winners"
    );
    let names = ["base", "shock", "delta", "base", "shock", "delta", "USD", "move", "USD", "most", "share"];
    let mut lines = vec![venue_row("", names)];
    let mut marks = [false; 2];
    for (venue, shown) in report.venues.iter().zip(&run.venues) {
        let known = |value: Option<f64>| value.map_or("?".into(), usd);
        let (interest, fund) = (known(venue.interest), known(venue.fund));
        let Some(shown) = shown else {
            let none = ["-"; 6];
            let [a, b, c, d, e, f] = none;
            lines.push(venue_row(&fit(&venue.id, 15), [&interest, a, b, &fund, c, d, e, f, "-", "-", "-"]));
            continue;
        };
        let share = venue.weight.map_or("-".into(), |w| format!("{:.1}%", 100.0 * w));
        let worst_move = report.index.map_or("-".into(), |i| percent(100.0 * (shown.worst.mid / i - 1.0)));
        let cells = venue_cells(venue.is_modelled, venue.interest, venue.fund, shown);
        let worst = if shown.is_beyond { "beyond".to_string() } else { price(shown.worst.mid) };
        marks[0] |= shown.is_beyond;
        marks[1] |= venue.is_modelled && venue.fund.is_none();
        let [oi_after, oi_change, fund_after, fund_change, adl, most] = &cells;
        lines.push(venue_row(
            &fit(&venue.id, 15),
            [
                &interest,
                oi_after,
                oi_change,
                &fund,
                fund_after,
                fund_change,
                &worst,
                &worst_move,
                adl,
                most,
                &share,
            ],
        ));
    }
    let [is_beyond, is_unknown] = marks;
    if is_beyond {
        lines.push(
            "beyond: the book, as deep as its feed shows it, ends before the forced orders do; the move is to its last level".into(),
        );
    }
    if is_unknown {
        lines.push("?: the fund is not known; delta is what it would pay, most is without it".into());
    }
    if report.venues.iter().zip(&run.venues).any(|(v, s)| s.is_some() && !v.is_modelled) {
        lines.push("-: a book only; nothing is closed there because nobody's positions are estimated".into());
    }
    Block { head: over, lines }
}

fn venue_cells(is_modelled: bool, interest: Option<f64>, fund: Option<f64>, shown: &VenueRun) -> [String; 6] {
    if !is_modelled {
        return std::array::from_fn(|_| "-".into());
    }
    [
        interest.map_or("?".into(), |i| usd((i + shown.interest.mid).max(0.0))),
        change(shown.interest.mid),
        fund.map_or("?".into(), |f| usd((f + shown.fund.mid).max(0.0))),
        change(shown.fund.mid),
        usd(shown.adl.mid),
        usd(shown.adl.high),
    ]
}

/// Rounds of the middle run.
pub fn steps(report: &Report, run: &Run) -> Block {
    let mut lines = Vec::new();
    for (n, step) in run.steps.iter().enumerate().take(STEPS_SHOWN) {
        let mut by_size: Vec<_> = step.venues.iter().collect();
        by_size.sort_by(|a, b| {
            (b.triggered + b.adl).total_cmp(&(a.triggered + a.adl)).then(a.venue.cmp(&b.venue))
        });
        let name = |at: usize| report.venues.get(at).map_or("?".into(), |v| clean(&v.id).into_owned());
        let told =
            by_size.iter().take(NAMES_SHOWN).map(|s| format!("{} {}", name(s.venue), usd(s.triggered)));
        let mut told: Vec<String> = told.collect();
        if by_size.len() > NAMES_SHOWN {
            told.push(format!("{} more", by_size.len() - NAMES_SHOWN));
        }
        let told = if told.is_empty() { "nothing is triggered".into() } else { told.join(", ") };
        lines.push(format!("{:>3}  index {} to {}:  {told}", n + 1, price(step.from), price(step.to)));
    }
    lines.push(match run.steps.len() {
        n if n > STEPS_SHOWN => format!("     and {} more rounds; --json has all", n - STEPS_SHOWN),
        1 => "     it ends with the first round".into(),
        n => format!("     it ends with round {n}"),
    });
    Block { head: "CASCADE  newly triggered, USD, middle run".into(), lines }
}

/// Own positions; `None` where there are none.
pub fn own(run: &Run) -> Option<Block> {
    if run.own.is_empty() {
        return None;
    }
    let columns = |name: &str, c: [&str; 6]| {
        let [base, delta, least, most, distance, reached] = c;
        format!("{name:<44} {base:>9} {delta:>9} {least:>9} {most:>9} {distance:>9}  {reached}")
    };
    let head = columns("OWN POSITIONS", ["delta USD", "P&L USD", "least", "most", "to liq.", "liquidated"]);
    let line = |own: &Own| {
        let name = format!("{} {} {}", clean(&own.venue), clean(&own.account), clean(&own.instrument));
        let of = |pick: fn(&Range) -> f64| own.change.as_ref().map_or("?".into(), |r| change(pick(r)));
        let reached = match (own.is_reached, own.is_ever_reached) {
            (Some(true), _) => "YES",
            (_, Some(true)) => "in the worst run",
            (Some(false), _) => "no",
            (None, _) => "not known",
        };
        let base = own.delta.map_or("?".into(), change);
        let unknown = if own.is_reached.is_some() { "none" } else { "?" };
        let distance = own.distance_pct.map_or(unknown.into(), percent);
        columns(&fit(&name, 44), [&base, &of(|r| r.mid), &of(|r| r.low), &of(|r| r.high), &distance, reached])
    };
    Some(Block { head, lines: run.own.iter().map(line).collect() })
}

/// The critical shock of a direction in a few words: `4.5 %, 3.5 to 6 %`.
pub fn critical_words(report: &Report, critical: &Critical) -> String {
    let middle = critical.sets.get(critical.sets.len() / 2).copied().flatten();
    let all = [middle, critical.low, critical.high];
    let [middle, low, high] = all.map(|pct| pct.map_or(beyond(report), |x| format!("{} %", tidy(x))));
    if critical.low.is_none() { middle } else { format!("{middle}, least {low}, most {high}") }
}

fn beyond(report: &Report) -> String {
    format!("none to {} %", tidy(report.method.scan_to_pct))
}

/// The smallest shocks that break something.
pub fn critical(report: &Report) -> Block {
    let word = |pct: Option<f64>| pct.map_or(beyond(report), |x| format!("{} %", tidy(x)));
    let columns = |name: &str, cells: Vec<String>| {
        let cells: Vec<String> = cells.iter().map(|c| format!("{c:>12}")).collect();
        format!("{name:<26} {}", cells.join(" "))
    };
    let names = report.method.sets.iter().map(|s| s.name.to_string()).chain(["least".into(), "most".into()]);
    let head = columns("CRITICAL SHOCK", names.collect());
    let line = |c: &Critical| {
        let cells = c.sets.iter().copied().chain([c.low, c.high]).map(word).collect();
        columns(if c.is_down { "prices fall by" } else { "prices rise by" }, cells)
    };
    let mut lines: Vec<String> = report.critical.iter().map(line).collect();
    let rule = "the smallest move that ends 1.1 times as far, closes winners, or costs more than a fund has";
    lines.push(rule.into());
    if !report.curve.is_empty() && report.runs.iter().any(|run| run.beyond.mid > 0.0) {
        lines.push(
            "a book decides it, as deep as its feed shows it: with more depth it would lie farther".into(),
        );
    }
    Block { head, lines }
}

/// Shocks of rising size; `None` where no scan was asked for.
pub fn curve(report: &Report) -> Option<Block> {
    if report.curve.is_empty() {
        return None;
    }
    let columns = |c: [&str; 8]| {
        let [size, amp, amp_most, adl, adl_most, owed, owed_most, note] = c;
        format!("{size:>8} {amp:>8} {amp_most:>8} {adl:>9} {adl_most:>9} {owed:>9} {owed_most:>9}  {note}")
    };
    let head = columns(["SCAN", "amplif.", "most", "winners", "most", "owed", "most", "USD"]);
    let line = |row: &CurveRow| {
        let size = format!("{:+}%", if row.is_down { -row.pct } else { row.pct });
        let times = |x: f64| format!("{x:.3}x");
        columns([
            &size,
            &times(row.amplification.mid),
            &times(row.amplification.high),
            &usd(row.adl.mid),
            &usd(row.adl.high),
            &usd(row.owed.mid),
            &usd(row.owed.high),
            if row.is_at_least { "beyond the book: owed is at least that" } else { "" },
        ])
        .trim_end()
        .to_string()
    };
    Some(Block { head, lines: report.curve.iter().map(line).collect() })
}

/// What each venue lacks.
pub fn lacks(report: &Report) -> Block {
    let line = |v: &Venue| {
        let part = match (v.weight.is_some(), v.is_modelled) {
            (true, true) => "",
            (true, false) => "a book only, not modelled: ",
            (false, _) => "takes no part: ",
        };
        format!("{:<15} {part}{}", fit(&v.id, 15), v.lacks.join("; "))
    };
    let lines = report.venues.iter().filter(|v| !v.lacks.is_empty()).map(line).collect();
    Block { head: "WHAT IS MISSING".into(), lines }
}

/// How it was made.
pub fn method(report: &Report) -> Block {
    let m = &report.method;
    let sets = m.sets.iter().map(|s| format!("{} h {} eta {}", s.name, s.depth, s.lasting));
    let books = if m.books_left < 1.0 {
        format!(", books times {} before", tidy(m.books_left))
    } else {
        String::new()
    };
    let lines = vec![
        "METRICS.md section 9: rounds of triggers, fills, losses and a new index; nothing is drawn in it".into(),
        "positions: fifths of 96 draws around P10, P50, P90 of F5 at 10 %; seed: minute, asset, venue, side".into(),
        format!("sets: {}", sets.collect::<Vec<_>>().join("; ")),
        "h: part of each book that is left; eta: part of a dislocation that stays in the index".into(),
        format!(
            "all: index share of a mark {}, refill {}, fund keeps {}, steps {}, at most {} rounds{books}",
            m.index_share, m.refill, m.kept, m.steps, m.rounds_max
        ),
        "closed by force: at the mark of the trigger; against winners: at bankruptcy prices".into(),
        "column shock: central set, median positions, unknown funds endless".into(),
        "least, most: all sets, low and high positions at all venues together, unknown funds empty and endless".into(),
    ];
    Block { head: "METHOD".into(), lines }
}

/// Words in lines of so many columns.
pub fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut().filter(|l| l.len() + 1 + word.len() <= columns) {
            Some(line) => line.extend([" ", word]),
            None => lines.push(word.into()),
        }
    }
    lines
}
