//! `faultline keys`: the keys in force, their conflicts, the cheat sheet.

use super::print;
use crate::app::Failure;
use crate::app::setup;
use crate::config::keys::{self, FILE};
use crate::view::keymap::{Keymap, PRESETS};

/// Which keys to print.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct KeysArgs {
    /// Check keys.toml of the configuration: exit code 3 with every conflict
    #[arg(long)]
    pub check: bool,
    /// The cheat sheet as a Markdown table
    #[arg(long)]
    pub markdown: bool,
    /// A preset instead of what is configured: default, vim, arrows, emacs
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
}

/// Prints the keys.
pub fn keys(args: &KeysArgs) -> Result<u8, Failure> {
    let map = match &args.preset {
        Some(name) => Keymap::preset(name).ok_or_else(|| {
            let names: Vec<&str> = PRESETS.iter().map(|p| p.0).collect();
            Failure::usage(format!("there is no preset `{name}`; there are {}", names.join(", ")))
        })?,
        None => configured()?,
    };
    if args.check {
        print(&format!("no conflicts: {} actions, preset {}\n", map.list().count(), map.preset))?;
    } else if args.markdown {
        print(&map.markdown())?;
    } else {
        print(&map.text())?;
    }
    Ok(0)
}

/// The keys that the configuration asks for; the default ones without a file.
pub fn configured() -> Result<Keymap, Failure> {
    let Some((name, text)) = setup::config_file(FILE)? else { return Ok(Keymap::default()) };
    let spec = keys::read(&name, &text).map_err(|e| Failure::config(&[e]))?;
    Keymap::read(&spec).map_err(|errors| Failure::config(&errors))
}
