//! Do decoders read what venues really send? Ten questions:
//!
//! - goldens: own cases in `tests/captured/<venue>/<case>/`; `UPDATE=1` writes what is found;
//! - corpus: single captured messages decode to the right kind, and none brings a decoder down;
//! - sessions: books rebuilt from our events equal those of an independent program;
//! - seam: hot messages read the same with and without the general parser;
//! - simulated: on the simulator, books and accounts are told as they are;
//! - own: what an account signs its simulated venue takes, and what that holds the decoder says;
//! - properties: books are true ones or none, whatever is lost, and no order of venues matters;
//! - rules: every sequence rule has something that breaks it;
//! - liquidations: whose position died;
//! - worked: positions come to the money computed by hand, `tests/worked/`;
//! - hostile: truncated, mutated, impossible frames never panic and make no event.
//!
//! Captures stay outside the repository: `FAULTLINE_CORPUS` names their folder.

#[cfg(test)]
#[path = "conformance/collect.rs"]
mod collect;
#[cfg(test)]
#[path = "conformance/corpus.rs"]
mod corpus;
#[cfg(test)]
#[path = "conformance/deribit_desk.rs"]
mod deribit_desk;
#[cfg(test)]
#[path = "conformance/dice.rs"]
mod dice;
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
#[path = "conformance/liquidations.rs"]
mod liquidations;
#[cfg(test)]
#[path = "conformance/own_bitmex.rs"]
mod own_bitmex;
#[cfg(test)]
#[path = "conformance/plans.rs"]
mod plans;
#[cfg(test)]
#[path = "conformance/properties.rs"]
mod properties;
#[cfg(test)]
#[path = "conformance/rules.rs"]
mod rules;
#[cfg(test)]
#[path = "conformance/seam.rs"]
mod seam;
#[cfg(test)]
#[path = "conformance/sessions.rs"]
mod sessions;
#[cfg(test)]
#[path = "conformance/sha256.rs"]
mod sha256;
#[cfg(test)]
#[path = "conformance/simulated.rs"]
mod simulated;
#[cfg(test)]
#[path = "conformance/street.rs"]
mod street;
#[cfg(test)]
#[path = "conformance/worked.rs"]
mod worked;
