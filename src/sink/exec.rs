//! A program of the operator: the line on its standard input, exit code 0 when it took it.

use super::{Desk, Parcel, Sink, Told};

/// `kind = "exec"`.
pub struct Exec;

impl Sink for Exec {
    fn kind(&self) -> &'static str {
        "exec"
    }

    fn lacks(&self, desk: &Desk) -> Option<&'static str> {
        let is_whole = desk.spec.argv.first().is_some_and(|program| program.starts_with('/'));
        (!is_whole).then_some("it needs `argv`, beginning with the whole path of a program")
    }

    fn parcels(&self, _desk: &Desk, told: &Told<'_>) -> Vec<Parcel> {
        vec![Parcel::Feed(format!("{}\n", told.text))]
    }
}
