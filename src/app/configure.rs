//! Where settings are read from: system, user, project and named files, environment, flags.

use std::path::{Path, PathBuf};

use super::failure::Failure;
use super::setup::{config_dir, read_file, read_folder};
use crate::config::settings::{Above, Layer, SETTINGS, Settings};

/// What the command line says about settings. Kept, so that a reload reads the same files again.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// `--config`.
    pub file: Option<PathBuf>,
    /// `--profile`.
    pub profile: Option<String>,
    /// `--project`: `./faultline.toml` counts.
    pub has_project: bool,
    /// Flags that set something: key and value.
    pub flags: Vec<(&'static str, String)>,
}

/// A file that is looked for.
#[derive(Clone, Debug)]
pub struct Place {
    /// What it is: `system`, `user`, `project`, `--config`.
    pub what: &'static str,
    /// Where.
    pub path: PathBuf,
    /// It is there.
    pub exists: bool,
}

/// Every file that is looked for, lowest first.
///
/// # Errors
/// A folder with too many files.
pub fn places(given: &Given) -> Result<Vec<Place>, Failure> {
    let mut all = Vec::new();
    let system = PathBuf::from("/etc/xdg/faultline");
    for (what, dir) in [("system", Some(system)), ("user", config_dir())] {
        let Some(dir) = dir else { continue };
        all.push((what, dir.join("config.toml")));
        for (name, _) in read_folder(&dir.join("conf.d"), "conf.d")? {
            all.push((what, dir.join(name)));
        }
    }
    if given.has_project {
        all.push(("project", PathBuf::from("faultline.toml")));
    }
    if let Some(file) = &given.file {
        all.push(("--config", file.clone()));
    }
    Ok(all.into_iter().map(|(what, path)| Place { what, exists: path.is_file(), path }).collect())
}

/// The files as layers. One that was named must be there.
///
/// # Errors
/// A file that cannot be read.
pub fn layers(given: &Given) -> Result<Vec<Layer>, Failure> {
    let is_named = |p: &Place| p.what == "--config" || p.what == "project";
    let found = places(given)?.into_iter().filter(|p| p.exists || is_named(p));
    found.map(|p| Ok(Layer { name: shown(&p.path), text: read_file(&p.path)? })).collect()
}

/// The settings of a run.
///
/// # Errors
/// Everything that is wrong in any file, variable or flag.
pub fn settings(given: &Given) -> Result<Settings, Failure> {
    Settings::read(&layers(given)?, &above(given)).map_err(|e| Failure::config(&e))
}

/// Profile, environment and flags.
pub fn above(given: &Given) -> Above {
    let variable = |name: String| Some((name.clone(), std::env::var(name).ok()?));
    let mut variables: Vec<(String, String)> =
        SETTINGS.iter().filter_map(|s| variable(s.variable())).collect();
    // `auto` and its like mean nothing beyond the flag of the same name, which reads the variable itself.
    variables.retain(|(name, _)| name != "FAULTLINE_COLOR");
    Above { profile: given.profile.clone(), variables, flags: given.flags.clone() }
}

/// A path as people write it: the home folder is `~`.
pub fn shown(path: &Path) -> String {
    let home = std::env::var_os("HOME").filter(|h| !h.is_empty()).map(PathBuf::from);
    match home.and_then(|home| path.strip_prefix(home).ok().map(Path::to_path_buf)) {
        Some(rest) => format!("~/{}", rest.display()),
        None => path.display().to_string(),
    }
}
