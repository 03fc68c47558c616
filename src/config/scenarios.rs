//! What-if scenarios: `whatif/*.toml` here, `scenarios/*.toml` of the user. Text of strangers: every number has a range, every text a length.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use super::{ConfigError, builtin, parse};

/// Longest title or sentence, in characters.
const TEXT_CHARS_MAX: usize = 120;
/// Underlyings that a scenario may name.
const NAMED_MAX: usize = 64;
/// Largest move of prices in percent: estimated positions are kept to about 40 %.
const MOVE_PCT_MAX: f64 = 40.0;
/// Smallest move.
const MOVE_PCT_LEAST: f64 = 0.1;
/// Steps of a slide.
const STEPS_MAX: u32 = 100;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    title: Spanned<String>,
    about: Option<Spanned<String>>,
    underlyings: Option<Spanned<Vec<String>>>,
    price: Option<Spanned<PriceText>>,
    scan: Option<Spanned<ScanText>>,
    books: Option<BooksText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PriceText {
    change_pct: Spanned<f64>,
    steps: Option<Spanned<i64>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScanText {
    direction: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BooksText {
    change_pct: Spanned<f64>,
}

/// What happens to prices.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shock {
    /// One move.
    Price {
        /// Fraction, signed: −0.05 is a fall of 5 %.
        change: f64,
        /// In so many steps; 1 is a gap.
        steps: u32,
    },
    /// Moves of rising size.
    Scan {
        /// Downwards.
        down: bool,
        /// Upwards.
        up: bool,
    },
}

/// A scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Name: that of its file.
    pub name: String,
    /// One line.
    pub title: String,
    /// A sentence, or nothing.
    pub about: String,
    /// Canonical assets; all when empty.
    pub underlyings: Vec<String>,
    /// What happens to prices.
    pub shock: Shock,
    /// Part of every book that is left before it, on top of each set of assumptions.
    pub books_left: f64,
}

impl Scenario {
    /// The shock in words: `price -5 % at once`.
    pub fn words(&self) -> String {
        let prices = match self.shock {
            Shock::Price { change, steps: 1 } => format!("price {:+} % at once", percent(change)),
            Shock::Price { change, steps } => format!("price {:+} % in {steps} steps", percent(change)),
            Shock::Scan { down: true, up: true } => "scan of price moves, down and up".into(),
            Shock::Scan { down, .. } => format!("scan of price moves {}", if down { "down" } else { "up" }),
        };
        if self.books_left < 1.0 {
            format!("books {:+} %, {prices}", percent(self.books_left - 1.0))
        } else {
            prices
        }
    }
}

/// A fraction as percent, without the dust of the conversion.
fn percent(fraction: f64) -> f64 {
    (fraction * 1e8).round() / 1e6
}

/// Reads a scenario.
///
/// # Errors
/// A key that does not exist, no shock or two, a number out of its range: with place and remedy.
pub fn read(file: &str, text: &str) -> Result<Scenario, ConfigError> {
    let parsed: Text = parse(file, text)?;
    let source = Source { file, text };
    let shock = source.shock(parsed.price, parsed.scan)?;
    let help = "write percent: -60 takes 60 % of every book away";
    let books = parsed.books.map(|b| source.within(&b.change_pct, -99.0, 0.0, help)).transpose()?;
    let underlyings = match parsed.underlyings {
        Some(named) if named.get_ref().len() > NAMED_MAX => {
            return Err(source.wrong(
                named.span(),
                "too many underlyings",
                "name 64 at most, or none for all",
            ));
        }
        named => named.map(Spanned::into_inner).unwrap_or_default(),
    };
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    Ok(Scenario {
        name: name.strip_suffix(".toml").unwrap_or(name).into(),
        title: source.line(Some(parsed.title))?,
        about: source.line(parsed.about)?,
        underlyings,
        shock,
        books_left: 1.0 + books.unwrap_or(0.0) / 100.0,
    })
}

/// A file that is read.
struct Source<'a> {
    file: &'a str,
    text: &'a str,
}

impl Source<'_> {
    fn wrong(&self, span: Range<usize>, message: &str, help: &str) -> ConfigError {
        ConfigError::at(self.file, self.text, span, message).with_help(help)
    }

    fn within(&self, value: &Spanned<f64>, low: f64, high: f64, help: &str) -> Result<f64, ConfigError> {
        let is_fit = (low..=high).contains(value.get_ref()); // no NaN is
        let message = || format!("`{}` does not lie between {low} and {high}", value.get_ref());
        if is_fit { Ok(*value.get_ref()) } else { Err(self.wrong(value.span(), &message(), help)) }
    }

    fn line(&self, line: Option<Spanned<String>>) -> Result<String, ConfigError> {
        let Some(line) = line else { return Ok(String::new()) };
        let is_long = line.get_ref().chars().count() > TEXT_CHARS_MAX;
        if is_long || line.get_ref().chars().any(char::is_control) {
            let message = "this text is too long or holds control characters";
            return Err(self.wrong(line.span(), message, "write one line of 120 characters at most"));
        }
        Ok(line.into_inner())
    }

    fn shock(
        &self,
        price: Option<Spanned<PriceText>>,
        scan: Option<Spanned<ScanText>>,
    ) -> Result<Shock, ConfigError> {
        match (price, scan) {
            (Some(price), None) => self.price(&price.into_inner()),
            (None, Some(scan)) => self.scan(scan.into_inner().direction),
            (Some(_), Some(scan)) => Err(self.wrong(
                scan.span(),
                "a scenario has one shock: [price] or [scan]",
                "put the other one into a file of its own",
            )),
            (None, None) => Err(self.wrong(
                0..0,
                "this scenario has no shock",
                "add [price] with change_pct = -5, or [scan]",
            )),
        }
    }

    fn price(&self, price: &PriceText) -> Result<Shock, ConfigError> {
        let help = "write percent: -5 is a fall of 5 %; estimates reach no farther than 40 %";
        let pct = self.within(&price.change_pct, -MOVE_PCT_MAX, MOVE_PCT_MAX, help)?;
        if pct.abs() < MOVE_PCT_LEAST {
            let span = price.change_pct.span();
            return Err(self.wrong(span, "a move below 0.1 % is no shock", "write -5 for a fall of 5 %"));
        }
        let steps = match &price.steps {
            None => 1,
            Some(steps) => u32::try_from(*steps.get_ref())
                .ok()
                .filter(|n| (1..=STEPS_MAX).contains(n))
                .ok_or_else(|| {
                    self.wrong(steps.span(), "`steps` lies between 1 and 100", "1 is a gap, 20 is a slide")
                })?,
        };
        Ok(Shock::Price { change: pct / 100.0, steps })
    }

    fn scan(&self, direction: Option<Spanned<String>>) -> Result<Shock, ConfigError> {
        let word = direction.as_ref().map_or("both", |d| d.get_ref());
        let (down, up) = (word != "up", word != "down");
        if !["both", "down", "up"].contains(&word) {
            let span = direction.map_or(0..0, |d| d.span());
            return Err(self.wrong(span, "no such direction", "write \"down\", \"up\" or \"both\""));
        }
        Ok(Shock::Scan { down, up })
    }
}

/// The scenarios in the binary.
///
/// # Errors
/// Only when a shipped file is broken; a test reads them all.
pub fn builtin() -> Result<Vec<Scenario>, ConfigError> {
    builtin::SCENARIOS.iter().map(|(file, text)| read(file, text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_scenarios_read() {
        let all = builtin().unwrap();
        let words: Vec<String> = all.iter().map(|s| format!("{}: {}", s.name, s.words())).collect();
        let expected = [
            "price_down_5: price -5 % at once",
            "price_down_10: price -10 % at once",
            "price_up_5: price +5 % at once",
            "slide_down_10: price -10 % in 20 steps",
            "depth_60: books -60 %, price -5 % at once",
            "scan: scan of price moves, down and up",
        ];
        assert_eq!(words, expected);
    }

    /// Catches: a number of a stranger's file that reaches the simulation unchecked.
    #[test]
    fn mistakes_are_shown_at_their_place() {
        let long = format!("title = \"{}\"\n[scan]\n", "x".repeat(121));
        for (text, place, message) in [
            ("title = \"x\"\n", "s.toml:1:1", "no shock"),
            ("title = \"x\"\n[price]\nchange_pct = nan\n", "s.toml:3:14", "does not lie between -40 and 40"),
            ("title = \"x\"\n[price]\nchange_pct = -inf\n", "s.toml:3:14", "does not lie"),
            ("title = \"x\"\n[price]\nchange_pct = -41\n", "s.toml:3:14", "a fall of 5 %"),
            ("title = \"x\"\n[price]\nchange_pct = 0\n", "s.toml:3:14", "no shock"),
            ("title = \"x\"\n[price]\nchange = -5\n", "s.toml:3:1", "did you mean `change_pct`?"),
            (
                "title = \"x\"\n[price]\nchange_pct = -5\nsteps = 4294967297\n",
                "s.toml:4:9",
                "between 1 and 100",
            ),
            ("title = \"x\"\n[price]\nchange_pct = -5\nsteps = 0\n", "s.toml:4:9", "20 is a slide"),
            ("title = \"x\"\n[price]\nchange_pct = -5\n[scan]\n", "s.toml:4:1", "one shock"),
            ("title = \"x\"\n[scan]\ndirection = \"sideways\"\n", "s.toml:3:13", "\"both\""),
            ("title = \"x\"\n[scan]\n[books]\nchange_pct = 10\n", "s.toml:4:14", "of every book"),
            ("title = \"\\u001b[2J\"\n[scan]\n", "s.toml:1:9", "control characters"),
            (&long, "s.toml:1:9", "too long"),
            ("title = 3\n", "s.toml:1:9", "invalid type"),
        ] {
            let shown = read("s.toml", text).unwrap_err().to_string();
            assert!(shown.contains(place) && shown.contains(message), "{text}\n{shown}");
        }
    }
}
