//! Themes on the command line: what there is, what it looks like, whether it can be read.

use std::fmt::Write as _;
use std::io::IsTerminal;
use std::path::PathBuf;

use clap::Subcommand;

use super::args::Global;
use super::print;
use crate::app::failure::{Failure, code};
use crate::app::setup::{self, config_folder};
use crate::config::builtin;
use crate::config::error::nearest;
use crate::config::theme::{self, Background, Role, ThemeSpec};
use crate::view::{Depth, depth, legible, sample};

/// Themes.
#[derive(Debug, Subcommand)]
pub enum ThemeCommand {
    /// Themes to choose from
    Ls,
    /// Text of a theme file
    Show {
        /// Name
        name: String,
    },
    /// Roles, severities and heat steps in their colours
    Preview {
        /// Name; the default theme when absent
        #[arg(default_value = "faultline-dark")]
        name: String,
        /// true, 256, 16, mono; as the terminal shows them when absent
        #[arg(long, value_name = "D")]
        depth: Option<String>,
    },
    /// Measure contrast and what is told apart with each kind of colour vision: exit 1 when a limit is missed
    Check {
        /// Theme files; without files all themes
        files: Vec<PathBuf>,
        /// Every measure, not only those that miss
        #[arg(long)]
        all: bool,
    },
    /// Roles that a theme may style
    Roles,
}

/// Runs one of them.
pub fn run(command: &ThemeCommand, global: &Global) -> Result<u8, Failure> {
    match command {
        ThemeCommand::Ls => ls(),
        ThemeCommand::Show { name } => show(name),
        ThemeCommand::Preview { name, depth } => preview(name, depth.as_deref(), global),
        ThemeCommand::Check { files, all } => check(files, *all),
        ThemeCommand::Roles => {
            let lines: Vec<String> =
                Role::ALL.iter().map(|role| format!("{:<20} {}\n", role.name(), role.about())).collect();
            print(&lines.concat()).map(|()| code::OK)
        }
    }
}

/// Built-in files, then those of the user.
fn files() -> Result<Vec<(String, String, &'static str)>, Failure> {
    let built = builtin::THEMES.iter().map(|(file, text)| ((*file).into(), (*text).into(), "built in"));
    let own = config_folder("themes")?.into_iter().map(|(file, text)| (file, text, "yours"));
    Ok(built.chain(own).collect())
}

fn ls() -> Result<u8, Failure> {
    let own = config_folder("themes")?;
    let mut out = String::new();
    for spec in setup::themes()? {
        let background = match spec.background {
            Background::Dark => "dark",
            Background::Light => "light",
            Background::Any => "any background",
        };
        let missed = legible::measures(&spec).iter().filter(|m| !m.is_kept()).count();
        let note = if missed > 0 { format!("{missed} limits missed: theme check") } else { String::new() };
        let is_own = own.iter().any(|(_, text)| is_named(text, &spec.name));
        let from = if is_own { "yours" } else { "built in" };
        let _written =
            writeln!(out, "{}", format!("{:<20} {background:<15} {from:<9} {note}", spec.name).trim_end());
    }
    print(&out).map(|()| code::OK)
}

/// True when this text is the theme of this name. It was read before, so the name stands in it once.
fn is_named(text: &str, name: &str) -> bool {
    let value = |line: &str| {
        Some(line.trim().strip_prefix("name")?.trim_start().strip_prefix('=')?.trim().to_string())
    };
    text.lines()
        .find_map(value)
        .is_some_and(|v| v.trim_matches('"') == name || v.starts_with(&format!("\"{name}\"")))
}

fn find(themes: Vec<ThemeSpec>, name: &str) -> Result<ThemeSpec, Failure> {
    let names: Vec<String> = themes.iter().map(|t| t.name.clone()).collect();
    themes.into_iter().find(|t| t.name == name).ok_or_else(|| {
        let hint = match nearest(name, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", names.join(", ")),
        };
        Failure::usage(format!("there is no theme `{name}`; {hint}"))
    })
}

fn show(name: &str) -> Result<u8, Failure> {
    let spec = find(setup::themes()?, name)?;
    let found = files()?.into_iter().rev().find(|(_, text, _)| is_named(text, &spec.name));
    let (_, text, _) = found.ok_or_else(|| Failure::runtime(format!("the file of `{name}` is gone")))?;
    print(&text).map(|()| code::OK)
}

fn preview(name: &str, wanted: Option<&str>, global: &Global) -> Result<u8, Failure> {
    let spec = find(setup::themes()?, name)?;
    let depth = match wanted {
        Some(word) => Depth::from_word(word).ok_or_else(|| {
            Failure::usage(format!("there is no depth `{word}`; there are true, 256, 16, mono"))
        })?,
        // Into a pipe goes text, unless colours are asked for.
        None if !std::io::stdout().is_terminal() && global.color.is_none() => Depth::Mono,
        None => depth::detect(global.color.as_deref(), |name| std::env::var(name).ok()),
    };
    print(&sample::picture(&spec, depth, wanted.is_some() || std::io::stdout().is_terminal()))
        .map(|()| code::OK)
}

fn check(files: &[PathBuf], all: bool) -> Result<u8, Failure> {
    let mut themes = setup::themes()?;
    if !files.is_empty() {
        let mut texts = Vec::new();
        for path in files {
            let text = std::fs::read_to_string(path).map_err(|e| Failure::config_file(path, &e))?;
            texts.push((path.display().to_string(), text));
        }
        theme::add(&mut themes, &texts).map_err(|e| Failure::config(&e))?;
        themes.retain(|t| texts.iter().any(|(_, text)| is_named(text, &t.name)));
    }
    let (mut out, mut missed) = (String::new(), 0);
    for spec in &themes {
        let measures = legible::measures(spec);
        let bad = measures.iter().filter(|m| !m.is_kept()).count();
        missed += bad;
        for m in measures.iter().filter(|m| all || !m.is_kept()) {
            let word = if m.is_kept() { "ok" } else { "FAIL" };
            let depth = m.depth.word();
            let _written =
                writeln!(out, "{word:<5}{} {depth}: {} {:.2}, least {}", spec.name, m.what, m.found, m.least);
        }
        let word = if bad == 0 { "ok" } else { "FAIL" };
        let _written =
            writeln!(out, "{word:<5}{}: {} measures, {bad} below their limit", spec.name, measures.len());
    }
    print(&out)?;
    Ok(if missed == 0 { code::OK } else { code::RUNTIME })
}
