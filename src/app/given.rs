//! Positions given by hand, for accounts whose keys stay at home: CSV or JSON becomes one entry of the
//! tape.
//!
//! Columns: `account, venue, symbol, contracts` (signed), and where known `entry, margin_mode, margin,
//! leverage`. JSON is an array of objects with the same keys, figures as text or numbers.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use sonic_rs::LazyValue;

use super::failure::Failure;
use crate::config::error::{FILE_BYTES_MAX, nearest};
use crate::model::Decimal;
use crate::model::entry::GivenPosition;
use crate::model::num::decimal;

/// Most positions of one file.
pub const ROWS_MAX: usize = 10_000;
/// Deepest nesting of a file; an array of objects needs two.
const NESTING_MAX: usize = 16;
/// Columns that a file may have.
const COLUMNS: [&str; 8] =
    ["account", "venue", "symbol", "contracts", "entry", "margin_mode", "margin", "leverage"];
/// Columns that it must have.
const NEEDED: usize = 4;
/// Margin modes.
const MODES: [&str; 3] = ["cross", "isolated", "portfolio"];

/// Reads the positions of a file. `venues` are all known ones; rows of a venue that is not watched are
/// taken and have no effect.
///
/// Errors: the file cannot be read, or a row is wrong; then all of it is refused, with its line.
pub fn rows(path: &Path, venues: &[String]) -> Result<Vec<GivenPosition>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|e| Failure::config_file(path, &e))?;
    let wrong = |message: String| Failure::config_words(format!("{}: {message}", path.display()));
    if text.len() > FILE_BYTES_MAX {
        return Err(wrong(format!("it has more than {FILE_BYTES_MAX} bytes")));
    }
    let rows = if text.trim_start().starts_with('[') { from_json(&text) } else { from_csv(&text) };
    rows.and_then(|rows| checked(rows, venues)).map_err(wrong)
}

/// A row as written, with the line or number it stands at.
type Written = (String, BTreeMap<&'static str, String>);

fn from_csv(text: &str) -> Result<Vec<Written>, String> {
    let mut lines = (1..).zip(text.lines()).filter(|(_, l)| !l.trim().is_empty() && !l.starts_with('#'));
    let (_, head) = lines.next().ok_or("it is empty; the first line names the columns")?;
    let mut columns = Vec::new();
    for name in head.split(',').map(str::trim) {
        columns.push(column(name)?);
    }
    let mut rows = Vec::new();
    for (number, line) in lines {
        let place = format!("line {number}");
        if line.contains('"') {
            return Err(format!("{place}: quotes are not read; write plain values between commas"));
        }
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        if cells.len() != columns.len() {
            return Err(format!("{place}: {} values for {} columns", cells.len(), columns.len()));
        }
        let filled = columns.iter().copied().zip(cells).filter(|(_, cell)| !cell.is_empty());
        rows.push((place, filled.map(|(name, cell)| (name, cell.to_string())).collect()));
    }
    Ok(rows)
}

fn column(name: &str) -> Result<&'static str, String> {
    COLUMNS.into_iter().find(|c| *c == name).ok_or_else(|| match nearest(name, COLUMNS.into_iter()) {
        Some(near) => format!("there is no column `{name}`; did you mean `{near}`?"),
        None => format!("there is no column `{name}`; there are {}", COLUMNS.join(", ")),
    })
}

#[derive(Deserialize)]
struct Object<'a>(#[serde(borrow)] BTreeMap<String, LazyValue<'a>>);

fn from_json(text: &str) -> Result<Vec<Written>, String> {
    let (mut depth, mut deepest) = (0usize, 0usize);
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    if deepest > NESTING_MAX {
        return Err("it is nested too deeply".into()); // before the parser descends
    }
    let objects: Vec<Object<'_>> = sonic_rs::from_str(text).map_err(|e| {
        let words = e.to_string();
        format!("it is no JSON array of objects: {}", words.lines().next().unwrap_or_default())
    })?;
    let mut rows = Vec::new();
    for (number, Object(fields)) in (1..).zip(objects) {
        let mut row = BTreeMap::new();
        for (name, value) in fields {
            let name = column(&name)?;
            let raw = value.as_raw_str();
            let text = match raw.as_bytes() {
                b"null" => continue,
                [b'"', ..] => {
                    sonic_rs::from_str(raw).map_err(|_| format!("entry {number}: `{name}` is no text"))?
                }
                [b'0'..=b'9' | b'-', ..] => raw.to_string(),
                _ => return Err(format!("entry {number}: `{name}` is neither text nor number")),
            };
            row.insert(name, text);
        }
        rows.push((format!("entry {number}"), row));
    }
    Ok(rows)
}

fn checked(rows: Vec<Written>, venues: &[String]) -> Result<Vec<GivenPosition>, String> {
    if rows.len() > ROWS_MAX {
        return Err(format!("it has more than {ROWS_MAX} positions"));
    }
    rows.into_iter().map(|(place, row)| position(&row, venues).map_err(|e| format!("{place}: {e}"))).collect()
}

fn position(row: &BTreeMap<&'static str, String>, venues: &[String]) -> Result<GivenPosition, String> {
    if let Some(missing) = COLUMNS.iter().take(NEEDED).find(|name| !row.contains_key(*name)) {
        return Err(format!("`{missing}` is missing"));
    }
    let text = |name: &str| row.get(name).cloned().unwrap_or_default();
    let figure = |name: &'static str| -> Result<Option<Decimal>, String> {
        let Some(text) = row.get(name) else { return Ok(None) };
        decimal(text.as_bytes()).map(Some).ok_or_else(|| format!("`{name}` is `{text}`, which is no number"))
    };
    let positive = |name: &'static str| match figure(name)? {
        Some(value) if value <= Decimal::ZERO => Err(format!("`{name}` is {value}; it must be above zero")),
        value => Ok(value),
    };
    let (account, venue, symbol) = (text("account"), text("venue"), text("symbol"));
    if account.contains(['/', '@']) {
        return Err("`account` may not hold / or @".into());
    }
    if !venues.contains(&venue) {
        return Err(match nearest(&venue, venues.iter().map(String::as_str)) {
            Some(near) => format!("there is no venue `{venue}`; did you mean `{near}`?"),
            None => format!("there is no venue `{venue}`; there are {}", venues.join(", ")),
        });
    }
    let mode = row.get("margin_mode").map_or("cross", String::as_str);
    if !MODES.contains(&mode) {
        return Err(format!("`margin_mode` is `{mode}`; it may be {}", MODES.join(", ")));
    }
    Ok(GivenPosition {
        account,
        venue,
        symbol,
        contracts: figure("contracts")?.unwrap_or_default(),
        entry: positive("entry")?,
        margin_mode: mode.into(),
        margin: figure("margin")?,
        leverage: positive("leverage")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const VENUES: [&str; 2] = ["bybit", "okx"];

    fn of_text(text: &str) -> Result<Vec<GivenPosition>, String> {
        let rows = if text.starts_with('[') { from_json(text) } else { from_csv(text) };
        rows.and_then(|rows| checked(rows, &VENUES.map(String::from)))
    }

    #[test]
    fn both_forms_give_the_same_rows() {
        let csv = "# desk, Monday\naccount, venue, symbol, contracts, entry, margin_mode\n\
                   desk, bybit, BTCUSDT, -1.250, 90000.10, isolated\ndesk,okx,BTC-USDT-SWAP,10,,\n";
        let json = r#"[{"account":"desk","venue":"bybit","symbol":"BTCUSDT","contracts":-1.250,"entry":"90000.10","margin_mode":"isolated"},
            {"account":"desk","venue":"okx","symbol":"BTC-USDT-SWAP","contracts":"10","entry":null}]"#;
        let read = of_text(csv).unwrap();
        assert_eq!(read, of_text(json).unwrap());
        assert_eq!((read[0].contracts.to_string(), read[1].entry), ("-1.250".to_string(), None));
        assert_eq!(read[1].margin_mode, "cross");
    }

    #[test]
    fn a_wrong_row_is_named_and_nothing_is_taken() {
        for (text, words) in [
            ("", "it is empty"),
            ("account,venue,symbol,contract\n", "did you mean `contracts`?"),
            (
                "account,venue,symbol,contracts\na,bybt,X,1\n",
                "line 2: there is no venue `bybt`; did you mean `bybit`?",
            ),
            ("account,venue,symbol,contracts\na,okx,X\n", "line 2: 3 values for 4 columns"),
            (
                "account,venue,symbol,contracts\na,okx,X,many\n",
                "line 2: `contracts` is `many`, which is no number",
            ),
            ("account,venue,symbol,contracts\n\na,okx,,1\n", "line 3: `symbol` is missing"),
            ("account,venue,symbol,contracts,entry\na,okx,X,1,0\n", "`entry` is 0; it must be above zero"),
            (
                "account,venue,symbol,contracts,margin_mode\na,okx,X,1,hedge\n",
                "it may be cross, isolated, portfolio",
            ),
            ("account,venue,symbol,contracts\na/b,okx,X,1\n", "may not hold / or @"),
            ("account,venue,symbol,contracts\n\"a\",okx,X,1\n", "quotes are not read"),
            ("[{\"account\":[1]}]", "entry 1: `account` is neither text nor number"),
            ("[1]", "it is no JSON array of objects"),
        ] {
            let error = of_text(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
        assert!(of_text(&"[".repeat(100_000)).unwrap_err().contains("nested too deeply"));
    }
}
