//! Help beyond `--help`: completions, manual pages, schemas.

use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::args::Args;
use super::print;
use crate::app::failure::{Failure, code};
use crate::config::error::nearest;
use crate::config::settings::{self, Kind, SETTINGS};
use crate::view::action::BINDINGS;
use crate::view::screen::SCREENS;

/// JSON Schema of an alert line; the keys are those of `AlertLine`.
pub const ALERT_SCHEMA: &str = include_str!("alert.schema.json");
/// JSON Schema of a rule file; the keys are those of `RuleText`.
pub const RULE_SCHEMA: &str = include_str!("rule.schema.json");

/// The grammar with all its parts.
fn grammar() -> clap::Command {
    let mut command = Args::command();
    command.build();
    command
}

/// Completions for a shell.
pub fn completions(shell: Shell) -> Result<u8, Failure> {
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "faultline", &mut out);
    print(&String::from_utf8_lossy(&out)).map(|()| code::OK)
}

/// Manual pages.
pub fn man(dir: Option<&Path>) -> Result<u8, Failure> {
    let pages = pages()?;
    let Some(dir) = dir else {
        let top = pages.first().map(|p| p.1.as_str()).unwrap_or_default();
        return print(top).map(|()| code::OK);
    };
    std::fs::create_dir_all(dir)?;
    for (name, text) in &pages {
        std::fs::write(dir.join(name), text)?;
    }
    print(&format!("{} pages in {}\n", pages.len(), dir.display())).map(|()| code::OK)
}

/// Name and text of every page: the program, its commands, settings, keys.
fn pages() -> Result<Vec<(String, String)>, Failure> {
    let mut pages = Vec::new();
    let top = grammar();
    commands(&top, "faultline", &mut pages)?;
    pages.push(("faultline-config.5".into(), config_page()));
    pages.push(("faultline-keys.7".into(), keys_page()));
    Ok(pages)
}

fn commands(command: &clap::Command, name: &str, pages: &mut Vec<(String, String)>) -> Result<(), Failure> {
    let mut text = Vec::new();
    Man::new(command.clone()).render(&mut text)?;
    pages.push((format!("{name}.1"), String::from_utf8_lossy(&text).into_owned()));
    for part in command.get_subcommands().filter(|c| c.get_name() != "help") {
        commands(part, &format!("{name}-{}", part.get_name()), pages)?;
    }
    Ok(())
}

fn config_page() -> String {
    let mut page = Roff::new();
    page.control("TH", ["faultline-config", "5"]).control("SH", ["NAME"]);
    page.text([roman("faultline-config - settings of faultline")]).control("SH", ["DESCRIPTION"]);
    page.text([roman(
        "TOML files. A value is taken from the first of these that has it: flag, environment, profile, --config, \
         ./faultline.toml with --project, the user's config.toml and conf.d, the system's, the default. faultline \
         config path names the files, config show --origin says where each value comes from. An unknown key is an \
         error.",
    )]);
    page.control("SH", ["SETTINGS"]);
    for setting in SETTINGS {
        let words = match setting.kind {
            Kind::Words(words) => format!(" One of {}.", words.join(", ")),
            Kind::Count(least, most) => format!(" {least} to {most}."),
            _ => String::new(),
        };
        let when =
            if setting.is_hot { "takes effect while running" } else { "takes effect at the next start" };
        let about =
            format!("{}.{words} Default {}; {}; {when}.", setting.about, setting.default, setting.variable());
        page.control("TP", []).text([bold(setting.key)]).text([roman(about)]);
    }
    page.render()
}

fn keys_page() -> String {
    let mut page = Roff::new();
    page.control("TH", ["faultline-keys", "7"]).control("SH", ["NAME"]);
    page.text([roman("faultline-keys - keys of the screen")]).control("SH", ["SCREENS"]);
    for screen in SCREENS {
        page.control("TP", []).text([bold(screen.key().to_string())]);
        page.text([roman(format!("{}: {}", screen.title(), screen.question()))]);
    }
    page.control("SH", ["KEYS"]);
    for binding in BINDINGS {
        let place = if binding.is_replay { " (replay)" } else { "" };
        page.control("TP", [])
            .text([bold(binding.keys.join("  "))])
            .text([roman(format!("{}{place}", binding.help))]);
    }
    page.render()
}

/// A schema by name.
pub fn schema(what: &str) -> Result<u8, Failure> {
    let known = ["alert", "config", "rule"];
    let text = match what {
        "alert" => ALERT_SCHEMA.to_string(),
        "config" => settings::schema(),
        "rule" => RULE_SCHEMA.to_string(),
        other => {
            let near = nearest(other, known.into_iter()).map(|n| format!("did you mean `{n}`?"));
            let hint = near.unwrap_or_else(|| format!("there are {}", known.join(", ")));
            return Err(Failure::usage(format!("there is no schema `{other}`; {hint}")));
        }
    };
    print(&text).map(|()| code::OK)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    /// Names of the fields of a struct, read from its source.
    fn fields(source: &str, name: &str) -> BTreeSet<String> {
        let body = source.split(&format!("struct {name} {{")).nth(1).unwrap().split("\n}").next().unwrap();
        let mut renamed = None;
        let mut fields = BTreeSet::new();
        for line in body.lines().map(str::trim) {
            if let Some(to) = line.split("rename = \"").nth(1) {
                renamed = to.split('"').next().map(str::to_string);
            } else if let Some((field, _)) = line.split_once(':').filter(|_| !line.starts_with(['/', '#'])) {
                let field = field.trim_start_matches("pub ").to_string();
                fields.insert(renamed.take().unwrap_or(field));
            }
        }
        fields
    }

    /// Names of the properties of a schema: lines of the form `"name": {"type"…`.
    fn properties(schema: &str, indent: &str) -> BTreeSet<String> {
        let name = |line: &str| {
            Some(line.strip_prefix(indent)?.strip_prefix('"')?.split_once("\": ")?.0.to_string())
        };
        let body = schema.split("\"properties\": {").nth(1).unwrap();
        body.lines().filter_map(name).collect()
    }

    /// Catches: a field of alert lines or rules that the schema does not know.
    #[test]
    fn schemas_know_every_field() {
        let alert = fields(include_str!("../model/alert.rs"), "AlertLine");
        assert_eq!(properties(ALERT_SCHEMA, "    "), alert);
        let rule = crate::config::rules::KEYS.iter().map(ToString::to_string).collect();
        let of_schema = RULE_SCHEMA.split("\"items\": {").nth(1).unwrap();
        assert_eq!(properties(of_schema, "          "), rule);
        for schema in [ALERT_SCHEMA, RULE_SCHEMA, &settings::schema()] {
            assert!(sonic_rs::from_str::<BTreeMap<String, sonic_rs::Value>>(schema).is_ok(), "{schema}");
        }
    }

    #[test]
    fn every_command_setting_and_key_has_its_page() {
        let pages = pages().unwrap();
        let names: BTreeSet<&str> = pages.iter().map(|p| p.0.as_str()).collect();
        for name in ["faultline.1", "faultline-rec-info.1", "faultline-config.5", "faultline-keys.7"] {
            assert!(names.contains(name), "{names:?}");
        }
        let text = |name: &str| pages.iter().find(|p| p.0 == name).map(|p| p.1.as_str()).unwrap();
        assert!(SETTINGS.iter().all(|s| text("faultline-config.5").contains(s.key)));
        let lines = text("faultline-keys.7").matches(".TP").count();
        assert_eq!(lines, SCREENS.len() + BINDINGS.len());
    }
}
