//! Do decoders read what venues really send? Five questions:
//!
//! - goldens: own cases in `tests/captured/<venue>/<case>/`; `UPDATE=1` writes what is found;
//! - corpus: single captured messages decode to the right kind, and none brings a decoder down;
//! - sessions: books rebuilt from our events equal those of an independent program;
//! - seam: hot messages read the same with and without the general parser;
//! - hostile: truncated and mutated frames never panic.
//!
//! Captures stay outside the repository: `FAULTLINE_CORPUS` names their folder.

#[cfg(test)]
#[path = "conformance/collect.rs"]
mod collect;
#[cfg(test)]
#[path = "conformance/corpus.rs"]
mod corpus;
#[cfg(test)]
#[path = "conformance/dydx_own.rs"]
mod dydx_own;
#[cfg(test)]
#[path = "conformance/goldens.rs"]
mod goldens;
#[cfg(test)]
#[path = "conformance/hostile.rs"]
mod hostile;
#[cfg(test)]
#[path = "conformance/plans.rs"]
mod plans;
#[cfg(test)]
#[path = "conformance/seam.rs"]
mod seam;
#[cfg(test)]
#[path = "conformance/sessions.rs"]
mod sessions;
#[cfg(test)]
#[path = "conformance/sha256.rs"]
mod sha256;
