//! Errors of configuration files: file, line, column, the line itself and the nearest valid name.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde::de::DeserializeOwned;

use super::codes;

/// Largest configuration file read, in bytes.
pub const FILE_BYTES_MAX: usize = 1 << 20;

/// Something is wrong in a configuration file. Exit code 3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// File name as the user knows it.
    pub file: String,
    /// Text of the file, for the picture of the place.
    source: Box<str>,
    /// Bytes the error is about.
    span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// Which of [`codes::CODES`] it is.
    pub code: u16,
    /// Another place of the same file that has to do with it, and what it is.
    other: Option<Box<(Range<usize>, String)>>,
}

impl ConfigError {
    /// An error at a byte range of `source`.
    pub fn at(file: &str, source: &str, span: Range<usize>, message: impl Into<String>) -> Self {
        let end = span.end.min(source.len());
        let start = span.start.min(end);
        ConfigError {
            file: file.into(),
            source: source.into(),
            span: start..end,
            message: message.into(),
            help: None,
            code: codes::VALUE,
            other: None,
        }
    }

    /// The same with a second place of the same text.
    pub fn with_other(mut self, span: Range<usize>, label: impl Into<String>) -> Self {
        let end = span.end.min(self.source.len());
        self.other = Some(Box::new((span.start.min(end)..end, label.into())));
        self
    }

    /// The same with a remedy.
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same with its code.
    pub fn with_code(mut self, code: u16) -> Self {
        self.code = code;
        self
    }

    /// The same over another text with the same places: one in which secrets are masked.
    pub fn over(mut self, source: &str) -> Self {
        if self.source.len() == source.len() {
            self.source = source.into();
        }
        self
    }

    /// Line of the place, from 1.
    pub fn line(&self) -> usize {
        self.source.get(..self.span.start).map_or(1, |s| s.matches('\n').count() + 1)
    }

    /// Column of the place in characters, from 1.
    pub fn column(&self) -> usize {
        self.source
            .get(..self.span.start)
            .map_or(1, |s| s.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1)
    }
}

impl fmt::Display for ConfigError {
    /// `error: …`, `--> file:line:column`, the line with a mark under the place, `help: …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut snippet = Snippet::source(self.source.as_ref())
            .path(self.file.as_str())
            .annotation(AnnotationKind::Primary.span(self.span.clone()));
        if let Some((span, label)) = self.other.as_deref() {
            snippet = snippet.annotation(AnnotationKind::Context.span(span.clone()).label(label.as_str()));
        }
        let code = format!("FL-{}", self.code);
        let title = Level::ERROR.primary_title(self.message.as_str()).id(code.as_str());
        let mut group = title.element(snippet);
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        f.write_str(&Renderer::plain().render(&[group]))
    }
}

impl std::error::Error for ConfigError {}

/// Reads a TOML text into `T`; unknown keys are errors that name the nearest known key.
pub fn parse<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, ConfigError> {
    fits(file, text)?;
    toml::from_str(text).map_err(|e| of_toml(file, text, &e, 0..0))
}

/// Refuses a text that is too large to be read.
pub fn fits(file: &str, text: &str) -> Result<(), ConfigError> {
    if text.len() <= FILE_BYTES_MAX {
        return Ok(());
    }
    let message = format!("the file has {} bytes; the limit is {FILE_BYTES_MAX}", text.len());
    Err(ConfigError::at(file, "", 0..0, message))
}

/// What the parser found wrong, at its place, else at `span`.
pub fn of_toml(file: &str, text: &str, error: &toml::de::Error, span: Range<usize>) -> ConfigError {
    let message = error.message().to_string();
    let told = ConfigError::at(file, text, error.span().unwrap_or(span), first_line(&message));
    let told = told.with_code(code_of(&message));
    match nearest_in_message(&message) {
        Some(near) => told.with_help(format!("did you mean `{near}`?")),
        None => told,
    }
}

/// The code behind the words of the parser.
fn code_of(message: &str) -> u16 {
    match message {
        m if m.starts_with("unknown field") => codes::KEY,
        m if m.starts_with("unknown variant") => codes::NAME,
        m if m.starts_with("missing field") => codes::MISSING,
        m if m.starts_with("invalid type") || m.starts_with("invalid value") => codes::KIND,
        _ => codes::SYNTAX,
    }
}

fn first_line(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    // serde says: unknown field `x`, expected one of `a`, `b`
    match line.strip_prefix("unknown field `").and_then(|r| r.split('`').next()) {
        Some(key) => {
            let known = line.split_once("expected ").map_or("", |(_, tail)| tail);
            format!("unknown key `{key}`, expected {known}")
        }
        None => line.to_string(),
    }
}

fn nearest_in_message(message: &str) -> Option<String> {
    let mut names = message.split('`').skip(1).step_by(2);
    let wrong = names.next()?;
    if !message.starts_with("unknown") {
        return None;
    }
    nearest(wrong, names).map(str::to_string)
}

/// The candidate closest to `wrong` by edits, when it is close enough to be what was meant.
pub fn nearest<'a>(wrong: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|c| (edits(wrong, c), c))
        .min()
        .filter(|(d, c)| *d <= 1 + c.len().max(wrong.len()) / 3)
        .map(|(_, c)| c)
}

/// Levenshtein distance with transpositions counted as two.
pub fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut left = i + 1;
        let mut diagonal = i;
        for (j, y) in b.iter().enumerate() {
            let up = row.get(j + 1).copied().unwrap_or(usize::MAX - 1);
            let best = (diagonal + usize::from(x != *y)).min(left + 1).min(up + 1);
            if let Some(cell) = row.get_mut(j) {
                *cell = left;
            }
            diagonal = up;
            left = best;
        }
        if let Some(cell) = row.last_mut() {
            *cell = left;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its key names matter")]
    struct Sample {
        raise: String,
        hold: Option<u32>,
    }

    #[test]
    fn an_unknown_key_shows_its_place_and_the_nearest_name() {
        let error = parse::<Sample>("rules/div.toml", "hold = 3\nrais = \"15bps\"\n").unwrap_err();
        assert_eq!((error.line(), error.column()), (2, 1));
        let shown = error.to_string();
        assert!(shown.contains("unknown key `rais`"), "{shown}");
        assert!(shown.contains("rules/div.toml:2:1"), "{shown}");
        assert!(shown.contains("did you mean `raise`?"), "{shown}");
    }

    #[test]
    fn a_syntax_error_shows_its_place() {
        let error = parse::<Sample>("x.toml", "raise = \n").unwrap_err();
        assert!(error.to_string().contains("x.toml:1:"), "{error}");
    }

    #[test]
    fn far_names_are_not_proposed() {
        assert_eq!(nearest("zzzzzz", ["raise", "hold"].into_iter()), None);
        assert_eq!(nearest("trashold", ["threshold", "hold"].into_iter()), Some("threshold"));
        assert_eq!(edits("abc", "abd"), 1);
        assert_eq!(edits("", "abc"), 3);
    }
}
