//! Where a venue's name may stand, and words that may stand nowhere.

use std::fmt::Write as _;

use faultline::config::{builtin, venues};
use faultline::dialect::DIALECTS;

use crate::source::{File, rust_files};

/// A venue is one dialect folder, one simulator file, its files, and registry lines. Comments and tests
/// may name venues as examples; other code may not, in strings neither.
fn may_name(file: &File, line: &str, name: &str) -> bool {
    let path = file.path.as_str();
    let own = [format!("src/dialect/{name}/"), format!("src/dialect/{name}.rs"), format!("src/sim/{name}")];
    if own.iter().any(|start| path.starts_with(start.as_str())) {
        return true;
    }
    match path {
        "src/dialect/mod.rs" | "src/sim/mod.rs" => {
            line.contains(&format!("mod {name}")) || line.contains(&format!("&{name}::"))
        }
        "src/config/builtin.rs" => line.contains(&format!("(\"venues/{name}")),
        "src/cli/args.rs" => line.contains("faultline live --venues"), // an example of the help
        _ => false,
    }
}

/// True where the name begins a word: `aggregate` names no venue.
fn is_named(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| !line[..at].ends_with(|c: char| c.is_ascii_alphabetic()))
}

#[test]
fn a_venues_name_stands_in_its_own_files_and_registry_lines_only() {
    let mut wrong = String::new();
    for file in rust_files("src") {
        let code = file.code.to_lowercase();
        for dialect in DIALECTS {
            for (place, line) in file.lines_with(&code, dialect.id()) {
                if is_named(line, dialect.id()) && !may_name(&file, line, dialect.id()) {
                    writeln!(wrong, "{place}: {}", line.trim()).unwrap();
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// The names that are looked for are those of all built-in venues: each is called after its dialect.
#[test]
fn every_venue_is_called_after_its_dialect() {
    for (file, text) in builtin::VENUES {
        let spec = venues::read(file, text).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(spec.brand, spec.dialect, "{file}: code that names this brand would pass unseen");
        assert!(spec.id.starts_with(&spec.brand), "{file}");
    }
}

/// Where a secret may be opened: to sign, to fill in a ticket, to put a header on a request.
const OPENERS: &[&str] =
    &["src/dialect/", "src/feed/own.rs", "src/feed/http.rs", "src/sink/desk.rs", "src/app/metrics.rs"];

#[test]
fn secrets_are_opened_where_something_is_signed_only() {
    let mut wrong = String::new();
    for file in rust_files("src").iter().filter(|f| !OPENERS.iter().any(|open| f.path.starts_with(open))) {
        for (place, _) in file.lines_with(&file.bare, ".expose()") {
            writeln!(wrong, "{place}: a secret is opened").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn nothing_is_left_to_do_and_nothing_is_silenced() {
    let forms = ["todo!(", "unimplemented!(", "dbg!(", "#[allow(", "#![allow(", "unsafe {"];
    let mut wrong = String::new();
    for file in ["src", "tests", "benches", "fuzz"].iter().flat_map(|folder| rust_files(folder)) {
        for form in forms {
            for (place, _) in file.lines_with(&file.bare, form) {
                writeln!(wrong, "{place}: {form}").unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
