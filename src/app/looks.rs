//! How the screen looks on this terminal: depth, characters, theme, whole pictures; and why.
//!
//! Order everywhere: flag, environment, configuration, what the terminal says, what its name promises.

use super::probe::Answers;
use crate::config::settings::Settings;
use crate::config::theme::{GlyphSet, ThemeSpec};
use crate::view::Depth;
use crate::view::depth::{self, Decided, Wishes};

/// Everything that was decided.
#[derive(Clone, Debug)]
pub struct Looks {
    /// Colour depth.
    pub depth: Decided,
    /// Characters, where the theme does not decide; and why.
    pub glyphs: (Option<GlyphSet>, String),
    /// Name of the theme; and why.
    pub theme: (String, String),
    /// Pictures are sent as one; and why.
    pub sync: (bool, String),
}

impl Looks {
    /// Decides. `color` is the flag of the command line.
    pub fn decide(
        color: Option<&str>,
        settings: &Settings,
        themes: &[ThemeSpec],
        answers: &Answers,
        env: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let wishes = Wishes { flag: color, config: settings.chosen("color"), is_true: answers.is_true };
        let depth = depth::decide(wishes, &env);
        Looks {
            glyphs: glyphs(settings, answers, &env),
            theme: theme(settings, themes, answers, depth.depth),
            sync: sync(settings, answers, &env),
            depth,
        }
    }

    /// Sets the characters of all themes to what this terminal can show.
    pub fn apply(&self, themes: &mut [ThemeSpec]) {
        if let Some(set) = self.glyphs.0 {
            themes.iter_mut().for_each(|t| t.glyphs.set = set);
        }
    }
}

fn glyphs(
    settings: &Settings,
    answers: &Answers,
    env: &impl Fn(&str) -> Option<String>,
) -> (Option<GlyphSet>, String) {
    let from = settings.get("glyphs").map(|s| s.origin.clone()).unwrap_or_default();
    let program = env("TERM_PROGRAM").unwrap_or_default();
    match settings.chosen("glyphs") {
        Some("unicode") => return (Some(GlyphSet::Unicode), from),
        Some("compat") => return (Some(GlyphSet::Compat), from),
        Some(_) => return (Some(GlyphSet::Ascii), from),
        None => {}
    }
    if !depth::is_unicode(env) {
        return (Some(GlyphSet::Ascii), "the locale is not UTF-8".into());
    }
    if answers.ambiguous == Some(2) {
        return (Some(GlyphSet::Ascii), "the terminal draws ambiguous characters two columns wide".into());
    }
    if env("TERM").is_some_and(|t| t == "linux") || program == "Apple_Terminal" {
        return (Some(GlyphSet::Compat), "fonts of this terminal lack braille".into());
    }
    (None, "the locale is UTF-8".into())
}

fn theme(settings: &Settings, themes: &[ThemeSpec], answers: &Answers, depth: Depth) -> (String, String) {
    if depth == Depth::Mono {
        return ("mono".into(), "no colours".into());
    }
    if let Some(name) = settings.chosen("theme") {
        let from = settings.get("theme").map(|s| s.origin.clone()).unwrap_or_default();
        return (name.into(), from);
    }
    match answers.is_light() {
        Some(true) => ("faultline-light".into(), "the terminal has a light background".into()),
        Some(false) => ("faultline-dark".into(), "the terminal has a dark background".into()),
        None => (themes.first().map(|t| t.name.clone()).unwrap_or_default(), "default".into()),
    }
}

fn sync(settings: &Settings, answers: &Answers, env: &impl Fn(&str) -> Option<String>) -> (bool, String) {
    let from = settings.get("sync").map(|s| s.origin.clone()).unwrap_or_default();
    match settings.text("sync") {
        "on" => (true, from),
        "off" => (false, from),
        // Some versions of tmux answer from their own state and then send whole panes again.
        _ if env("TMUX").is_some_and(|t| !t.is_empty()) => {
            (false, "inside tmux it costs more than it gives".into())
        }
        _ if answers.can_sync == Some(true) => (true, "the terminal knows mode 2026".into()),
        _ => (false, "the terminal does not say it knows mode 2026".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::{Above, Layer};
    use crate::config::theme::builtin;

    fn looks(config: &str, answers: Answers, vars: &[(&str, &str)]) -> Looks {
        let layer = Layer { name: "config.toml".into(), text: config.into() };
        let settings = Settings::read(&[layer], &Above::default()).unwrap();
        let env = |name: &str| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| v.to_string());
        Looks::decide(None, &settings, &builtin().unwrap(), &answers, env)
    }

    #[test]
    fn a_light_background_gets_the_light_theme_unless_one_is_named() {
        let light = Answers { background: Some((250, 250, 245)), ..Answers::default() };
        let term = [("TERM", "xterm-256color"), ("LANG", "C.UTF-8")];
        assert_eq!(looks("", light, &term).theme.0, "faultline-light");
        assert_eq!(looks("", Answers::default(), &term).theme.0, "faultline-dark");
        let named = looks("theme = \"tritan\"\n", light, &term).theme;
        assert_eq!(named, ("tritan".to_string(), "config.toml:1".to_string()));
        assert_eq!(looks("theme = \"tritan\"\n", light, &[("NO_COLOR", "1")]).theme.0, "mono");
    }

    #[test]
    fn characters_follow_wish_then_locale_then_width() {
        let wide = Answers { ambiguous: Some(2), ..Answers::default() };
        let utf8 = [("LANG", "C.UTF-8")];
        assert_eq!(looks("", wide, &utf8).glyphs.0, Some(GlyphSet::Ascii));
        assert_eq!(looks("glyphs = \"unicode\"\n", wide, &utf8).glyphs.0, Some(GlyphSet::Unicode));
        assert_eq!(looks("", Answers::default(), &utf8).glyphs.0, None);
        assert_eq!(looks("", Answers::default(), &[("LANG", "C")]).glyphs.0, Some(GlyphSet::Ascii));
        assert_eq!(looks("", Answers::default(), &[("TERM", "linux")]).glyphs.0, Some(GlyphSet::Compat));
    }

    #[test]
    fn whole_pictures_need_a_yes_and_no_multiplexer() {
        let yes = Answers { can_sync: Some(true), ..Answers::default() };
        assert!(looks("", yes, &[]).sync.0 && !looks("", Answers::default(), &[]).sync.0);
        assert!(!looks("", yes, &[("TMUX", "/tmp/t")]).sync.0);
        assert!(looks("sync = \"on\"\n", Answers::default(), &[("TMUX", "/tmp/t")]).sync.0);
    }
}
