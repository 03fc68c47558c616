//! Lines in a file, as they were told. Critical ones are on disk before they count as told.

use super::{Desk, Parcel, Sink, Told};
use crate::model::alert::Severity;

/// `kind = "file"`.
pub struct File;

impl Sink for File {
    fn kind(&self) -> &'static str {
        "file"
    }

    fn lacks(&self, desk: &Desk) -> Option<&'static str> {
        let is_whole = desk.spec.path.as_ref().is_some_and(|p| p.starts_with('/'));
        (!is_whole).then_some("it needs `path`, a whole path")
    }

    fn parcels(&self, _desk: &Desk, told: &Told<'_>) -> Vec<Parcel> {
        vec![Parcel::Append(told.text.to_string(), told.line.severity == Severity::Critical)]
    }
}
