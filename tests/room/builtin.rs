//! The configuration that ships with the program, whatever this machine's user has configured.

use std::collections::BTreeMap;

use faultline::app::setup::Setup;
use faultline::config::builtin;
use faultline::tape::Meta;

pub(crate) fn setup() -> Setup {
    let files = builtin::VENUES.iter().chain(builtin::RULES);
    let config: BTreeMap<String, String> = files.map(|(n, t)| ((*n).into(), (*t).into())).collect();
    Setup::of_recording(&Meta { config, ..Meta::default() }, &[]).unwrap()
}
