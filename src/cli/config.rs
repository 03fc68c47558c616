//! Settings on the command line: where they come from, what they are, whether they are right.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::path::PathBuf;

use clap::Subcommand;

use super::args::{Command, Global, LiveArgs};
use super::print;
use crate::app::configure::{self, Given, shown};
use crate::app::failure::{Failure, code};
use crate::app::setup::{Setup, cache_dir, config_dir, data_dir, state_dir, themes};
use crate::config::error::nearest;
use crate::config::settings::{self, SETTINGS};
use crate::pipeline::Pipeline;
use crate::view::legible;

/// Options of every command that choose settings.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct SettingFlags {
    /// Configuration file over those of system and user
    #[arg(short = 'c', long, global = true, value_name = "FILE", env = "FAULTLINE_CONFIG")]
    pub config: Option<PathBuf>,
    /// Settings of this profile: desk, ssh, wall, audit, or one of the configuration
    #[arg(long, global = true, value_name = "NAME", env = "FAULTLINE_PROFILE")]
    pub profile: Option<String>,
    /// Read ./faultline.toml too
    #[arg(long, global = true)]
    pub project: bool,
    /// Characters that may be drawn: auto, unicode, compat, ascii
    #[arg(long, global = true, value_name = "SET")]
    pub glyphs: Option<String>,
    /// Most pictures a second, 1 to 10
    #[arg(long, global = true, value_name = "N")]
    pub fps: Option<String>,
}

impl SettingFlags {
    /// The files and flags in the words of the settings.
    pub fn given(&self, global: &Global) -> Given {
        let flags = [
            ("theme", &global.theme),
            ("operator", &global.operator),
            ("glyphs", &self.glyphs),
            ("fps", &self.fps),
        ];
        let flags = flags.into_iter().filter_map(|(key, value)| Some((key, value.clone()?))).collect();
        Given { file: self.config.clone(), profile: self.profile.clone(), has_project: self.project, flags }
    }
}

/// Gives commands what the settings say and the command line does not.
pub fn fill(command: &mut Option<Command>, global: &Global) -> Result<(), Failure> {
    let live = match command {
        None | Some(Command::Live(_) | Command::Watch(_) | Command::Record(_)) => {
            let settings = configure::settings(&global.settings.given(global))?;
            if command.is_none() && settings.text("start") == "live" {
                *command = Some(Command::Live(LiveArgs::default()));
            }
            let records = settings.flag("record.enabled").then(|| PathBuf::from(settings.text("record.dir")));
            let live = match command {
                Some(Command::Live(live)) => live,
                // The venues of a demo are those of the simulator, whatever is watched live.
                Some(Command::Watch(watch)) if watch.source == "live" => &mut watch.live,
                Some(Command::Record(record)) if record.source == "live" => &mut record.live,
                _ => return Ok(()),
            };
            live.record = live.record.take().or(records);
            (live, settings)
        }
        _ => return Ok(()),
    };
    let (live, settings) = live;
    for (own, key) in [(&mut live.venues, "venues"), (&mut live.underlyings, "underlyings")] {
        if own.is_empty() {
            *own = settings.list(key).to_vec();
        }
    }
    Ok(())
}

/// Settings.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Every file and folder that counts, lowest first
    Path,
    /// Values in use
    Show {
        /// One key, or a table of keys
        key: Option<String>,
        /// Where each value comes from
        #[arg(long)]
        origin: bool,
    },
    /// Check settings, themes, venues, rules and accounts; exit 3 when something is wrong
    Check {
        /// Warnings are errors
        #[arg(long)]
        deny_warnings: bool,
    },
    /// JSON Schema of the configuration file, for editors
    Schema,
    /// Write a configuration file with every default as a comment; never over a file that is there
    Init {
        /// Without tables and explanations
        #[arg(long, conflicts_with = "full")]
        minimal: bool,
        /// With every key explained (the default)
        #[arg(long)]
        full: bool,
        /// To stdout instead
        #[arg(long)]
        print: bool,
    },
    /// Open the configuration file in VISUAL or EDITOR, then check it
    Edit,
}

/// Runs one of them.
pub fn run(command: &ConfigCommand, global: &Global) -> Result<u8, Failure> {
    let given = global.settings.given(global);
    match command {
        ConfigCommand::Path => path(&given),
        ConfigCommand::Show { key, origin } => show(&given, key.as_deref(), *origin),
        ConfigCommand::Check { deny_warnings } => check(&given, *deny_warnings),
        ConfigCommand::Schema => print(&settings::schema()).map(|()| code::OK),
        ConfigCommand::Init { minimal, print: to_stdout, .. } => init(!minimal, *to_stdout),
        ConfigCommand::Edit => edit(&given),
    }
}

fn path(given: &Given) -> Result<u8, Failure> {
    let mut out = String::new();
    for place in configure::places(given)? {
        let note = if place.exists { "" } else { "  (not there)" };
        let _written = writeln!(out, "{:<10} {}{note}", place.what, shown(&place.path));
    }
    for (what, dir) in [
        ("themes", config_dir().map(|d| d.join("themes"))),
        ("data", data_dir()),
        ("state", state_dir()),
        ("cache", cache_dir()),
    ] {
        let dir = dir.map_or("none: HOME is not set".into(), |d| shown(&d));
        let _written = writeln!(out, "{what:<10} {dir}");
    }
    print(&out).map(|()| code::OK)
}

fn show(given: &Given, key: Option<&str>, has_origin: bool) -> Result<u8, Failure> {
    let settings = configure::settings(given)?;
    let is_asked = |name: &str| {
        key.is_none_or(|k| name == k || name.strip_prefix(k).is_some_and(|r| r.starts_with('.')))
    };
    let mut out = String::new();
    for (name, set) in settings.rows().filter(|(name, _)| is_asked(name)) {
        let line = match (has_origin, key == Some(name)) {
            (true, _) => format!("{:<44} # {}", format!("{name} = {}", set.value), set.origin),
            (false, true) => set.value.to_string(),
            (false, false) => format!("{name} = {}", set.value),
        };
        let _written = writeln!(out, "{line}");
    }
    if let Some(key) = key.filter(|_| out.is_empty()) {
        if settings::find(key).is_some() {
            return Ok(code::OK); // an open table without entries
        }
        let hint = match nearest(key, SETTINGS.iter().map(|s| s.key)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`faultline config show` lists all".into(),
        };
        return Err(Failure::usage(format!("there is no setting `{key}`; {hint}")));
    }
    print(&out).map(|()| code::OK)
}

/// Everything the program would read, all errors at once.
fn check(given: &Given, deny_warnings: bool) -> Result<u8, Failure> {
    let (mut errors, mut warnings) = (Vec::new(), Vec::new());
    let (mut themed, mut ruled) = (0, 0);
    let chosen = configure::settings(given).map_err(|e| errors.push(e.message)).ok();
    match themes() {
        Err(error) => errors.push(error.message),
        Ok(themes) => {
            themed = themes.len();
            for theme in &themes {
                let missed = legible::measures(theme).iter().filter(|m| !m.is_kept()).count();
                if missed > 0 {
                    warnings.push(format!(
                        "theme {}: {missed} limits missed; see faultline theme check",
                        theme.name
                    ));
                }
            }
            let wanted = chosen.as_ref().and_then(|s| s.chosen("theme"));
            if let Some(name) = wanted.filter(|name| themes.iter().all(|t| t.name != **name)) {
                errors.push(format!("error: there is no theme `{name}`"));
            }
        }
    }
    let loaded = Setup::load(&[]).and_then(|mut setup| {
        setup.add_accounts(None)?;
        ruled = setup.rules.len();
        let names = chosen.as_ref().map(|s| s.list("venues").to_vec()).unwrap_or_default();
        setup.clone().choose(&names)?;
        Pipeline::new(&setup.venues, setup.rules)?;
        Ok(())
    });
    errors.extend(loaded.err().map(|e| e.message));
    let mut err = std::io::stderr().lock();
    for warning in &warnings {
        let _written = writeln!(err, "warning: {warning}");
    }
    if !errors.is_empty() {
        return Err(Failure { code: code::CONFIG, message: errors.join("\n\n") });
    }
    if deny_warnings && !warnings.is_empty() {
        return Err(Failure { code: code::CONFIG, message: format!("error: {} warnings", warnings.len()) });
    }
    print(&format!("the configuration is valid: {themed} themes, {ruled} rules\n")).map(|()| code::OK)
}

fn file() -> Result<PathBuf, Failure> {
    let dir =
        config_dir().ok_or_else(|| Failure::usage("no HOME and no XDG_CONFIG_HOME: name a file with -c"))?;
    Ok(dir.join("config.toml"))
}

fn init(is_full: bool, to_stdout: bool) -> Result<u8, Failure> {
    let text = settings::template(is_full);
    if to_stdout {
        return print(&text).map(|()| code::OK);
    }
    let path = file()?;
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir)?;
    }
    let made = std::fs::OpenOptions::new().write(true).create_new(true).open(&path);
    match made.and_then(|mut file| file.write_all(text.as_bytes())) {
        Ok(()) => print(&format!("wrote {}\n", shown(&path))).map(|()| code::OK),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(Failure::usage(format!(
            "{} is there and stays as it is; `faultline config edit` opens it, `init --print` shows a new one",
            shown(&path)
        ))),
        Err(error) => Err(Failure::runtime(format!("cannot write {}: {error}", shown(&path)))),
    }
}

fn edit(given: &Given) -> Result<u8, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage("`config edit` needs a terminal; `faultline config path` names the file"));
    }
    let path = given.file.clone().map_or_else(file, Ok)?;
    if !path.exists() && given.file.is_none() {
        init(true, false)?;
    }
    let named =
        ["VISUAL", "EDITOR"].into_iter().find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    let editor = named.unwrap_or_else(|| "vi".into());
    // An editor may come with options: `code --wait`.
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or("vi");
    let status = std::process::Command::new(program).args(words).arg(&path).status();
    let status = status.map_err(|e| Failure::runtime(format!("cannot start `{editor}`: {e}; set EDITOR")))?;
    if !status.success() {
        return Err(Failure::runtime(format!("`{editor}` ended with {status}")));
    }
    check(given, false)
}

#[cfg(test)]
mod tests {
    use crate::cli::args::Args;
    use clap::{CommandFactory, Parser};

    /// Catches: a global option that takes the file of a command for its own. `--plain` means the same in both.
    #[test]
    fn files_of_commands_are_no_settings() {
        for words in [&["faultline", "replay", "x.mcap"][..], &["faultline", "rec", "info", "x.mcap"]] {
            let args = Args::try_parse_from(words).unwrap();
            assert_eq!(args.global.settings.given(&args.global).file, None, "{words:?}");
        }
        let mut root = Args::command();
        root.build();
        let global: Vec<&str> =
            root.get_arguments().filter(|a| a.is_global_set()).map(|a| a.get_id().as_str()).collect();
        for command in root.get_subcommands().flat_map(|c| std::iter::once(c).chain(c.get_subcommands())) {
            for id in command.get_arguments().filter(|a| !a.is_global_set()).map(|a| a.get_id().as_str()) {
                assert!(
                    !global.contains(&id) || id == "help" || id == "version" || id == "plain",
                    "{}: {id}",
                    command.get_name()
                );
            }
        }
    }
}
