//! How the screen looks: by settings and terminal at the start, and again when their files change.

use std::collections::BTreeMap;

use super::Loop;
use crate::app::looks::Looks;
use crate::app::reload::{Reload, in_one_line};
use crate::config::settings::find;
use crate::config::theme::ThemeSpec;
use crate::model::entry::OperatorAction;
use crate::view::{Depth, Theme};

impl Loop<'_> {
    /// Looks as settings and terminal say; `theme` stands over both.
    pub(super) fn look(&mut self, theme: Option<String>) {
        let env = |name: &str| std::env::var(name).ok();
        let looks = Looks::decide(self.color.as_deref(), &self.settings, &self.specs, &self.answers, env);
        self.themes = self.specs.clone();
        looks.apply(&mut self.themes);
        self.names = self.themes.iter().map(|t| t.name.clone()).collect();
        self.depth = looks.depth.depth;
        let wanted = theme.filter(|_| self.depth != Depth::Mono).unwrap_or(looks.theme.0);
        self.theme_at = self.names.iter().position(|n| *n == wanted).unwrap_or(0);
        self.theme = theme_of(&self.themes, self.theme_at, self.depth);
        self.last = None;
    }

    /// Takes what was read after a change; what is wrong changes nothing.
    pub(super) fn reload(&mut self, read: Reload) {
        let mut told: Vec<String> = Vec::new();
        let at = self.theme.name.clone();
        match read.themes {
            Ok(specs) if specs != self.specs => {
                self.specs = specs;
                told.push("themes read again".into());
            }
            Ok(_) => {}
            Err(failure) => told.push(in_one_line(&failure)),
        }
        let mut theme = Some(at);
        match read.settings {
            Ok(settings) => {
                let changed = self.settings.changed(&settings);
                if changed.iter().any(|(key, ..)| ["theme", "color"].contains(key)) {
                    theme = None;
                }
                let lines: Vec<String> = changed
                    .iter()
                    .map(|(key, before, after)| {
                        let is_hot = find(key).is_some_and(|s| s.is_hot);
                        let when = if is_hot { "" } else { " at the next start" };
                        format!("{key} {before} -> {after}{when}")
                    })
                    .collect();
                if !lines.is_empty() {
                    let texts: BTreeMap<String, String> =
                        settings.rows().map(|(key, set)| (key.to_string(), set.value.to_string())).collect();
                    let (who, changed) = (self.who.clone(), lines.clone());
                    self.session.act(OperatorAction::Reload { who, changed, texts });
                    self.pace.set_most(settings.count("fps"));
                    if let Some(who) = settings.chosen("operator") {
                        self.who = who.into();
                    }
                    self.settings = settings;
                    told.push(lines.join(", "));
                }
            }
            Err(failure) => told.push(in_one_line(&failure)),
        }
        if !told.is_empty() {
            self.look(theme);
            self.ui.notice = Some(told.join("; "));
            self.drawn = None;
        }
    }
}

pub(super) fn theme_of(themes: &[ThemeSpec], at: usize, depth: Depth) -> Theme {
    let fallback = ThemeSpec::default();
    Theme::new(themes.get(at).unwrap_or(&fallback), depth)
}
