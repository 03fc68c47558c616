//! A file that is read, and what every value of it must be.

use std::collections::BTreeSet;
use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;

use super::fact::{Day, Layer};
use super::{ROWS_MAX, TEXT_CHARS_MAX};
use crate::config::error::nearest;
use crate::config::{ConfigError, parse};

/// One file.
pub(super) struct Page<'a> {
    /// Its name.
    pub(super) file: &'a str,
    /// Its text.
    pub(super) text: &'a str,
    /// Its layer.
    pub(super) layer: Layer,
    /// Ids of sources that may be named.
    pub(super) sources: &'a BTreeSet<String>,
}

impl Page<'_> {
    /// The file as `T`. A key that is missing says what every value needs.
    pub(super) fn parse<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        parse(self.file, self.text).map_err(|error| {
            if error.message.starts_with("missing field") && error.help.is_none() {
                return error.with_help(
                    "every fact names `source`, `as_of = \"YYYY-MM-DD\"` and `confidence = \"high|medium|low\"`",
                );
            }
            error
        })
    }

    /// An error with its remedy.
    pub(super) fn wrong(
        &self,
        at: &Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> ConfigError {
        ConfigError::at(self.file, self.text, at.clone(), message).with_help(help)
    }

    /// An error about a word that is none of `known`.
    pub(super) fn unknown<'k>(
        &self,
        at: &Range<usize>,
        what: &str,
        word: &str,
        known: impl Iterator<Item = &'k str>,
    ) -> ConfigError {
        let error = ConfigError::at(self.file, self.text, at.clone(), format!("unknown {what} `{word}`"));
        match nearest(word, known) {
            Some(near) => error.with_help(format!("did you mean `{near}`?")),
            None => error,
        }
    }

    /// One line of text, short and without control characters.
    pub(super) fn line(&self, text: &str, at: &Range<usize>) -> Result<(), ConfigError> {
        if text.chars().count() > TEXT_CHARS_MAX || text.chars().any(char::is_control) {
            let help = format!("write one line of {TEXT_CHARS_MAX} characters at most");
            return Err(self.wrong(at, "this text is too long or holds control characters", help));
        }
        Ok(())
    }

    /// A text.
    pub(super) fn string(&self, text: &Spanned<String>) -> Result<String, ConfigError> {
        self.line(text.get_ref(), &text.span())?;
        Ok(text.get_ref().clone())
    }

    /// A text, or nothing.
    pub(super) fn optional(&self, text: Option<&Spanned<String>>) -> Result<String, ConfigError> {
        text.map_or(Ok(String::new()), |text| self.string(text))
    }

    /// A list that is not endless.
    pub(super) fn few(&self, count: usize, at: &Range<usize>) -> Result<(), ConfigError> {
        if count > ROWS_MAX {
            let message = format!("{count} rows; the limit is {ROWS_MAX}");
            return Err(self.wrong(at, message, "leave out what is not needed"));
        }
        Ok(())
    }

    /// A date.
    pub(super) fn day(&self, text: &Spanned<String>) -> Result<Day, ConfigError> {
        Day::parse(text.get_ref()).ok_or_else(|| {
            let message = format!("`{}` is no date", text.get_ref());
            self.wrong(&text.span(), message, "write YYYY-MM-DD")
        })
    }

    /// The id of a source that is registered.
    pub(super) fn source(&self, id: &Spanned<String>) -> Result<String, ConfigError> {
        if self.sources.contains(id.get_ref()) {
            return Ok(id.get_ref().clone());
        }
        let known = self.sources.iter().map(String::as_str);
        let error = self.unknown(&id.span(), "source", id.get_ref(), known);
        Err(match &error.help {
            Some(_) => error,
            None => error.with_help("register it in rulebook/sources.toml as [src.ID]"),
        })
    }
}
