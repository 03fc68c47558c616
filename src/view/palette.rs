//! The command line: what could follow, its history, and the keys that do the same.

use crossterm::event::{KeyCode, KeyEvent};
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use ratatui::layout::Rect;

use super::View;
use super::control::{Context, Effect};
use super::format;
use super::prompt::{Edit, Prompt, Purpose};
use super::screen::SCREENS;
use super::state::{Overlay, Ui};
use super::verbs::{self, Arg, Verb};
use super::widget::Pen;
use crate::config::theme::Role;
use crate::model::alert::AlertState;
use crate::snapshot::Snapshot;

/// Most lines of matches on the screen.
const SHOWN: u16 = 8;

/// Something that could be written next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The line with it.
    pub line: String,
    /// What it is.
    pub name: String,
    /// What it means.
    pub about: String,
    /// Key that does the same.
    pub key: String,
}

/// What could follow `line`, best first.
pub fn candidates(ui: &Ui, snapshot: &Snapshot, themes: &[String], line: &str) -> Vec<Candidate> {
    let line = line.trim_start().trim_start_matches(':');
    let Some((verb, rest)) = line.split_once(' ') else { return of_verbs(ui, line) };
    let Some(known) = verbs::find(verb) else { return Vec::new() };
    let done = rest.rfind(' ').map_or("", |at| rest.get(..=at).unwrap_or_default());
    let last = rest.get(done.len()..).unwrap_or_default();
    let Some(arg) = arg(known, done) else { return Vec::new() };
    let all = values(ui, snapshot, themes, arg);
    let key = known.action.map(|a| ui.keymap.key_of(a).to_string()).unwrap_or_default();
    ranked(last, all, |(name, about)| format!("{name} {about}"))
        .into_iter()
        .map(|(name, about)| Candidate {
            line: format!("{verb} {done}{name}"),
            name,
            about,
            key: key.clone(),
        })
        .collect()
}

fn of_verbs(ui: &Ui, text: &str) -> Vec<Candidate> {
    ranked(text, verbs::names().collect(), |name| (*name).to_string())
        .into_iter()
        .map(|name| {
            let screen = SCREENS.iter().find(|s| s.id() == name);
            let (about, key) = match verbs::find(name) {
                Some(v) => (
                    format!("{:<36} :{}", v.help, v.usage),
                    v.action.map(|a| ui.keymap.key_of(a).to_string()),
                ),
                None => (screen.map(|s| s.question().to_string()).unwrap_or_default(), None),
            };
            let key = key.or_else(|| screen.map(|s| s.key().to_string())).unwrap_or_default();
            let more = verbs::find(name).is_some_and(|v| !v.args.is_empty());
            let line = if more { format!("{name} ") } else { name.to_string() };
            Candidate { line, name: name.into(), about, key }
        })
        .collect()
}

/// Which argument is being written, after the words `done`.
fn arg(verb: &Verb, done: &str) -> Option<Arg> {
    let at = done.split_whitespace().count();
    // `filter save NAME` and `layout save NAME` are names of the operator.
    if at > 0 && matches!(verb.name, "filter" | "layout") {
        return None;
    }
    match verb.args.get(at) {
        Some(arg) => Some(*arg),
        None if verb.name == "pins" => verb.args.last().copied(),
        None => None,
    }
}

/// Name and meaning of everything an argument can be.
fn values(ui: &Ui, snapshot: &Snapshot, themes: &[String], arg: Arg) -> Vec<(String, String)> {
    let plain = |name: &str| (name.to_string(), String::new());
    let grids = || snapshot.grids.iter().map(|g| (g.metric.to_string(), g.title.to_string()));
    match arg {
        Arg::Text => Vec::new(),
        Arg::Metric => grids().collect(),
        Arg::AnyMetric => {
            let more = snapshot.unmapped.iter().map(|m| (m.0.to_string(), m.1.to_string()));
            grids().chain(more).collect()
        }
        Arg::Market => {
            let venues = snapshot.venues.iter().map(|v| (v.id.clone(), format!("venue {}", v.regime)));
            let markets = snapshot.underlyings.iter().map(|u| (u.clone(), "underlying".into()));
            markets.chain(venues).collect()
        }
        Arg::Alert => {
            let open = snapshot.alerts.iter().filter(|a| a.state != AlertState::Resolved);
            open.map(|a| (a.id.clone(), format!("{} {} {}", a.severity.word(), a.rule, a.subject.label())))
                .collect()
        }
        Arg::Theme => themes.iter().map(|t| plain(t)).collect(),
        Arg::Screen => SCREENS.iter().map(|s| (s.id().to_string(), s.question().to_string())).collect(),
        Arg::Scenario => ui.scenarios.iter().map(|s| plain(&s.name)).collect(),
        Arg::Layout => {
            let saved = ui.desk.layouts.keys().map(|n| (n.clone(), "kept layout".into()));
            std::iter::once(("save".into(), "keep this one under a name".into())).chain(saved).collect()
        }
        Arg::Filter => {
            let saved = ui.desk.filters.iter().map(|(n, t)| (n.clone(), t.clone()));
            std::iter::once(("save".into(), "keep this one under a name".into())).chain(saved).collect()
        }
        Arg::Words(words) => words.iter().map(|w| plain(w)).collect(),
    }
}

/// Those that hold the letters of `text`, best first; all of them for an empty text.
fn ranked<T>(text: &str, all: Vec<T>, name: impl Fn(&T) -> String) -> Vec<T> {
    if text.is_empty() {
        return all;
    }
    let mut matcher = Matcher::new(Config::DEFAULT);
    let pattern = Pattern::parse(text, CaseMatching::Ignore, Normalization::Smart);
    let mut buffer = Vec::new();
    let mut scored: Vec<(bool, u32, T)> = all
        .into_iter()
        .filter_map(|t| {
            let name = name(&t);
            let score = pattern.score(Utf32Str::new(&name, &mut buffer), &mut matcher)?;
            Some((name.to_lowercase().starts_with(&text.to_lowercase()), score, t))
        })
        .collect();
    // A beginning is what was meant; equal scores keep their order.
    scored.sort_by_key(|s| std::cmp::Reverse((s.0, s.1)));
    scored.into_iter().map(|s| s.2).collect()
}

impl Ui {
    /// A key while a prompt is open.
    pub(super) fn prompt_key(&mut self, key: KeyEvent, context: &Context<'_>) -> Option<Effect> {
        let Some(Overlay::Prompt(prompt)) = self.overlays.last() else { return None };
        if prompt.purpose == Purpose::Command {
            let prompt = match key.code {
                KeyCode::Tab => self.completed(prompt, context, false),
                KeyCode::BackTab => self.completed(prompt, context, true),
                KeyCode::Up => self.recalled(prompt, true),
                KeyCode::Down => self.recalled(prompt, false),
                _ => None,
            };
            if let Some(next) = prompt {
                self.overlays.pop();
                self.overlays.push(Overlay::Prompt(next));
                return None;
            }
        }
        let Some(Overlay::Prompt(prompt)) = self.overlays.last_mut() else { return None };
        let edit = prompt.key(key);
        if let (Purpose::Filter(list), Edit::Open) = (&prompt.purpose, edit) {
            // The list narrows while the filter is written; what cannot be read yet changes nothing.
            let (list, text) = (*list, prompt.text.clone());
            let _unfinished = self.set_filter(list, &text);
            return None;
        }
        self.prompt_edit(edit, context)
    }

    /// The prompt with the next completion of what was typed.
    fn completed(&self, prompt: &Prompt, context: &Context<'_>, is_back: bool) -> Option<Prompt> {
        let (stem, at) = match &prompt.stem {
            Some((stem, at)) => (stem.clone(), Some(*at)),
            None => (prompt.text.clone(), None),
        };
        let all = candidates(self, context.snapshot, context.themes, &stem);
        let last = all.len().checked_sub(1)?;
        let at = match (at, is_back) {
            (None, _) => 0,
            (Some(at), false) => {
                if at >= last {
                    0
                } else {
                    at + 1
                }
            }
            (Some(at), true) => at.checked_sub(1).unwrap_or(last),
        };
        let line = all.get(at)?.line.clone();
        // The only one is taken: what follows is completed next.
        let stem = (last > 0).then_some((stem, at));
        Some(Prompt { text: line, stem, error: None, ..prompt.clone() })
    }

    /// The prompt with an older or newer command of the history.
    fn recalled(&self, prompt: &Prompt, is_older: bool) -> Option<Prompt> {
        let history = &self.desk.history;
        let back =
            if is_older { (prompt.back + 1).min(history.len()) } else { prompt.back.saturating_sub(1) };
        let at = history.len().checked_sub(back)?;
        let text = history.get(at).cloned().unwrap_or_default();
        Some(Prompt { text, back, stem: None, error: None, ..prompt.clone() })
    }
}

/// Draws the matches above the command line, at the bottom of the body.
pub fn draw(view: &View<'_>, prompt: &Prompt, body: Rect, pen: &mut Pen<'_>) {
    if prompt.purpose != Purpose::Command {
        return;
    }
    let (typed, at) =
        prompt.stem.as_ref().map_or((prompt.text.as_str(), None), |s| (s.0.as_str(), Some(s.1)));
    let all = candidates(view.ui, view.shown, &view.ui.themes, typed);
    if all.is_empty() {
        return;
    }
    let rows = u16::try_from(all.len()).unwrap_or(SHOWN).min(SHOWN).min(body.height.saturating_sub(2));
    let area = Rect { y: body.bottom() - rows - 1, height: rows + 1, ..body };
    pen.blank(area);
    pen.rule(area.x, area.y, area.width);
    let count = format!(" {} of {} ", rows.min(u16::try_from(all.len()).unwrap_or(rows)), all.len());
    pen.right(area.x, area.y, area.width.saturating_sub(2), &count, pen.style(Role::TextDim));
    let cursor = at.unwrap_or(0);
    let first = super::order::first_visible(cursor, all.len(), usize::from(rows));
    for (y, (i, candidate)) in (area.y + 1..area.bottom()).zip(all.iter().enumerate().skip(first)) {
        let is_here = Some(i) == at;
        let style = if is_here { pen.style(Role::Selection) } else { pen.style(Role::Text) };
        let x = pen.text(area.x + 1, y, 26, &format!("{:<25}", format::fit(&candidate.name, 24)), style);
        let room = area.width.saturating_sub(x + 12);
        pen.text(x, y, room, &candidate.about, pen.style(Role::TextDim));
        pen.right(area.right().saturating_sub(12), y, 11, &candidate.key, pen.style(Role::Key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        let ui = Ui::default();
        candidates(&ui, &Snapshot::default(), &["mono".into()], text).into_iter().map(|c| c.line).collect()
    }

    #[test]
    fn verbs_and_arguments_are_found_by_their_letters() {
        assert_eq!(lines("qui")[0], "quit");
        assert_eq!(lines("the")[0], "theme ");
        assert_eq!(lines("theme m"), ["theme mono"]);
        assert_eq!(lines("mouse "), ["mouse on", "mouse off"]);
        assert_eq!(lines("resolve A-1 --as k"), ["resolve A-1 --as known"]);
        assert_eq!(lines("nothing x"), Vec::<String>::new());
        assert_eq!(lines("").len(), verbs::names().count());
    }

    #[test]
    fn each_verb_teaches_the_key_that_does_the_same() {
        let ui = Ui::default();
        let all = candidates(&ui, &Snapshot::default(), &[], "");
        let key = |name: &str| all.iter().find(|c| c.name == name).map(|c| c.key.clone());
        assert_eq!(key("undo").as_deref(), Some("u"));
        assert_eq!(key("feeds").as_deref(), Some("6"));
    }
}
