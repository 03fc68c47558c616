//! Facts as they are shipped, and mistakes at their place.

use super::*;

fn book() -> Rulebook {
    Rulebook::built_in().unwrap_or_else(|errors| panic!("{}", errors[0]))
}

const FACT: &str = "source = \"general\", as_of = \"2026-01-02\", confidence = \"low\"";

fn refused(text: &str) -> String {
    let text = format!("id = \"v\"\n[rulebook]\n{text}");
    let given = Given { name: "rulebook/v.toml", text: &text };
    Rulebook::read(&[given]).unwrap_err().iter().map(|e| format!("{e}\n")).collect()
}

/// Catches: a shipped file that does not read, a venue without facts, a fact without source or date.
#[test]
fn the_shipped_facts_read() {
    let book = book();
    assert_eq!(book.venues.values().filter(|v| !v.is_reference).count(), 14);
    for code in "US EU GB CH JP SG HK KR AU CA AE-DU AE-AZ AE BS BM KY VG SC GI BR IN ONCHAIN".split(' ') {
        let regime = book.jurisdictions.get(code).unwrap_or_else(|| panic!("{code}"));
        assert!(regime.fact("retail_access").is_some() && regime.fact("retail_leverage_cap").is_some());
    }
    let facts = book.venues.values().flat_map(|v| v.rules.values().chain(v.haircuts.values()));
    for fact in facts.chain(book.jurisdictions.values().flat_map(|j| j.facts.iter().map(|f| &f.1))) {
        assert!(book.sources.contains_key(&fact.source));
        assert!(fact.as_of > Day::parse("2018-01-01").unwrap());
    }
    assert!(book.venues.values().all(|v| v.pool.is_some()));
}

/// Catches: a cap drawn as a breach where it is disputed.
#[test]
fn a_disputed_cap_is_contested() {
    let book = book();
    let row = book.recognition(&book.venues["okx-eea"], "okx-mt-mifid", "EU", ClientClass::Retail).unwrap();
    assert_eq!((row.finding, row.access(ClientClass::Retail)), (Finding::Contested, Some(true)));
    let cap = book.jurisdictions["EU"].fact("retail_leverage_cap").unwrap();
    assert_eq!(cap.applicability, Applicability::Contested);
}

/// What is wrong, the file, what is said, the remedy.
type Case = (&'static str, String, &'static str, &'static str);

fn all_refused(cases: Vec<Case>) {
    for (what, text, message, help) in cases {
        let shown = refused(&text);
        assert!(shown.contains(message) && shown.contains(help), "{what}:\n{shown}");
        assert!(shown.contains("rulebook/v.toml:"), "{what} has no place:\n{shown}");
    }
}

/// Catches: a fact without source, date or confidence that is taken; a mistake without its place.
#[test]
fn mistakes_in_facts_are_shown_at_their_place_with_a_remedy() {
    let rule = |fact: &str| format!("[rulebook.rules]\nmax_leverage = {{ value = \"5\", {fact} }}\n");
    all_refused(vec![
        (
            "no source",
            rule("as_of = \"2026-01-02\", confidence = \"low\""),
            "missing field `source`",
            "every fact names",
        ),
        (
            "no date",
            rule("source = \"general\", confidence = \"low\""),
            "missing field `as_of`",
            "YYYY-MM-DD",
        ),
        (
            "unknown source",
            rule(&FACT.replace("general", "genral")),
            "unknown source `genral`",
            "did you mean `general`?",
        ),
        (
            "far source",
            rule(&FACT.replace("general", "qqqqqqqqqqqqqqqq")),
            "unknown source",
            "rulebook/sources.toml",
        ),
        (
            "bad date",
            rule(&FACT.replace("2026-01-02", "2026-02-30")),
            "`2026-02-30` is no date",
            "YYYY-MM-DD",
        ),
        ("date with time", rule(&FACT.replace("2026-01-02", "20260102T0")), "is no date", "YYYY-MM-DD"),
        ("ends before", rule(&format!("{FACT}, expires = \"2025-01-01\"")), "before its date", "exchange"),
        ("unknown word", rule(&FACT.replace("low", "lwo")), "unknown variant `lwo`", "did you mean `low`?"),
        (
            "unknown key",
            format!("[rulebook.rules]\nmax_leverge = {{ value = 5, {FACT} }}\n"),
            "unknown key `max_leverge`",
            "did you mean `max_leverage`?",
        ),
        (
            "unknown field",
            rule(&format!("{FACT}, sorce = \"x\"")),
            "unknown key `sorce`",
            "did you mean `source`?",
        ),
        ("unknown section", "[rulebook.rulse]\n".into(), "unknown key `rulse`", "did you mean `rules`?"),
        (
            "haircut",
            format!("[rulebook.collateral]\nBTC = {{ value = \"5\", {FACT} }}\n"),
            "`5` is no haircut",
            "1 is not accepted",
        ),
        ("escape", rule(&format!("{FACT}, note = \"\\u001b[2J\"")), "control characters", "one line"),
        (
            "entity",
            "[rulebook.pool]\noperator_entity = \"okx-cs\"\n".into(),
            "unknown entity `okx-cs`",
            "did you mean `okx-",
        ),
    ]);
    let far = "[[rulebook.entity]]\nid = \"x\"\nlegal_name = \"X\"\njurisdiction = \"EV\"\nregulator = \"r\"\nlicence = \"l\"\nsource = \"general\"\nas_of = \"2026-01-02\"\nconfidence = \"low\"\n";
    assert!(refused(far).contains("unknown regime `EV`"));
    let long = rule(&format!("{FACT}, note = \"{}\"", "x".repeat(301)));
    assert!(refused(&long).contains("300 characters"));
}

/// Catches: tiers that overlap or leave a gap, numbers that are no rates, what is not known as known.
#[test]
fn mistakes_in_schedules_are_shown_at_their_place_with_a_remedy() {
    let tiers = |rows: &str, complete: bool| {
        format!(
            "[[rulebook.margin_schedule]]\ninstrument = \"BTC-USDT-PERP\"\nkind = \"tiered\"\ncomplete = {complete}\ntiers = [\n{rows}\n]\nsource = \"general\"\nas_of = \"2026-01-02\"\nconfidence = \"low\"\n"
        )
    };
    let row = |lower: &str, upper: &str| {
        format!("{{ lower = \"{lower}\", upper = \"{upper}\", initial = \"0.1\", maintenance = \"0.05\" }},")
    };
    let two = |a: &str, b: &str, c: &str| tiers(&(row("0", a) + "\n" + &row(b, c)), true);
    all_refused(vec![
        ("overlap", two("100", "90", "200"), "overlaps the tier before", "lower = \"100\""),
        ("gap", two("100", "110", "200"), "leaves a gap", "complete = false"),
        ("not from zero", tiers(&row("5", "10"), true), "leaves a gap", "lower = \"0\""),
        ("upside down", two("100", "100", "50"), "ends at 50 and begins at 100", "larger number"),
        ("after the open one", two("inf", "100", "200"), "after one without an upper end", "upper end"),
        ("open and incomplete", tiers(&row("0", "inf"), false), "not complete", "nothing is known above"),
        (
            "no rate",
            two("100", "100", "200").replace("\"0.1\"", "\"10\""),
            "`10` is no margin rate",
            "5 % is",
        ),
        (
            "maintenance above",
            two("100", "100", "200").replace("\"0.05\"", "\"0.5\""),
            "above initial",
            "exchange",
        ),
        (
            "leverage",
            two("9", "9", "inf").replace("\"0.05\"", "\"0.05\", max_leverage = \"20\""),
            "not one over initial",
            "correct one",
        ),
        ("negative", two("9", "9", "inf").replace("\"9\"", "\"-9\""), "below zero", "without a sign"),
        (
            "no number",
            two("9", "9", "inf").replace("\"0.1\"", "\"NaN\""),
            "`NaN` is no decimal",
            "decimals as text",
        ),
        (
            "unknown kind",
            tiers(&row("0", "9"), true).replace("\"tiered\"", "\"tierd\""),
            "unknown kind `tierd`",
            "did you mean `tiered`?",
        ),
        (
            "kind without its rows",
            tiers(&row("0", "9"), true).replace("\"tiered\"", "\"session\""),
            "needs `sessions`",
            "another kind",
        ),
    ]);
    let many = tiers(&(0..201).map(|n| row(&n.to_string(), &(n + 1).to_string())).collect::<String>(), true);
    assert!(refused(&many).contains("201 tiers"), "{}", refused(&many));
}

/// Catches: an override that hides what it stands over, or one without source.
#[test]
fn the_user_stands_over_what_is_shipped_key_by_key() {
    let text = "id = \"okx\"\n[rulebook.rules]\nmax_leverage = { value = \"20\", source = \"proposal\", as_of = \"2026-11-20\", confidence = \"high\" }\n";
    let book = Rulebook::read(&[Given { name: "rulebook/okx.toml", text }]).unwrap();
    let fact = &book.venues["okx"].rules["max_leverage"];
    assert_eq!((fact.layer, fact.value.to_string().as_str()), (Layer::User, "20"));
    let under = fact.over.as_ref().unwrap();
    assert_eq!((under.layer, under.value.to_string().as_str()), (Layer::BuiltIn, "100"));
    assert_eq!(book.venues["okx"].rules["price_band"].layer, Layer::BuiltIn);
    assert_eq!(book.venues["okx"].name, Rulebook::built_in().unwrap().venues["okx"].name);
}

/// Catches: a recording that is judged by the facts of today where it carries its own.
#[test]
fn a_venue_file_with_facts_stands_for_the_built_in_one() {
    let own = "id = \"binance-usdm\"\nregime = \"EU\"\n[rulebook.rules]\n";
    let errors = Rulebook::read(&[Given { name: "venues/binance-usdm.toml", text: own }]).unwrap_err();
    assert!(errors[0].message.contains("unknown entity"), "its entities are gone with it: {}", errors[0]);
    let without = "id = \"okx\"\nregime = \"EU\"\n";
    let book = Rulebook::read(&[Given { name: "venues/okx.toml", text: without }]).unwrap();
    assert_eq!(book, super::Rulebook::built_in().unwrap());
}

#[test]
fn a_schedule_is_that_of_its_day() {
    let book = book();
    let venue = &book.venues["binance-usdm"];
    let on = |day: &str| venue.schedule("BTC-USDT-PERP", Day::parse(day).unwrap());
    assert!(on("2024-10-23").is_none());
    assert!(on("2026-09-01").unwrap().is_complete);
    assert!(!on("2026-09-02").unwrap().is_complete);
}

#[test]
fn days_count_and_read() {
    let day = |text| Day::parse(text).unwrap();
    assert_eq!(day("2026-01-01").days_to(day("2026-03-01")), 59);
    assert_eq!(day("2026-03-01").days_to(day("2026-01-01")), -59);
    assert_eq!(Day::of(crate::model::Nanos(1_732_320_000_000_000_000)), day("2024-11-23"));
    assert!(["2026-1-1", "", "unknown", "2026-13-01", "2026-01-01Z"].iter().all(|t| Day::parse(t).is_none()));
}
