//! Sources: who said it, and where.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use toml::Spanned;

use super::page::Page;
use crate::config::ConfigError;

/// What kind of source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Text of a regulator or venue.
    Primary,
    /// Law firm, press, register.
    Secondary,
    /// A recorded answer of a venue, kept by others.
    Capture,
    /// Chosen by this project.
    Proposal,
    /// General knowledge, not verified.
    #[default]
    General,
}

impl Kind {
    /// Lower-case word.
    pub const fn word(self) -> &'static str {
        match self {
            Kind::Primary => "primary",
            Kind::Secondary => "secondary",
            Kind::Capture => "capture",
            Kind::Proposal => "proposal",
            Kind::General => "general",
        }
    }
}

/// One source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// Its kind.
    pub kind: Kind,
    /// Title.
    pub title: String,
    /// Where it stands.
    pub place: String,
    /// When it was published, as far as known.
    pub published: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema_version: Option<Spanned<i64>>,
    #[serde(default)]
    src: BTreeMap<String, SourceText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceText {
    kind: Kind,
    title: Spanned<String>,
    #[serde(rename = "where")]
    place: Spanned<String>,
    published: Spanned<String>,
}

/// Reads a file of sources.
pub(super) fn read(file: &str, text: &str) -> Result<BTreeMap<String, Source>, ConfigError> {
    let none = BTreeSet::new();
    let page = Page { file, text, layer: super::Layer::BuiltIn, sources: &none };
    let parsed: File = page.parse()?;
    check_version(&page, parsed.schema_version.as_ref())?;
    page.few(parsed.src.len(), &(0..0))?;
    let one = |(id, text): (String, SourceText)| {
        let source = Source {
            kind: text.kind,
            title: page.string(&text.title)?,
            place: page.string(&text.place)?,
            published: page.string(&text.published)?,
        };
        Ok((id, source))
    };
    parsed.src.into_iter().map(one).collect()
}

/// The one version of these files that there is.
pub(super) fn check_version(page: &Page<'_>, version: Option<&Spanned<i64>>) -> Result<(), ConfigError> {
    match version {
        Some(version) if *version.get_ref() != 1 => {
            let message = format!("schema_version {} is not known here", version.get_ref());
            Err(page.wrong(&version.span(), message, "this program reads schema_version = 1"))
        }
        _ => Ok(()),
    }
}
