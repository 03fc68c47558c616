//! House rules as a test: the build says when the house decays.
//!
//! - floors: who may import whom, which library belongs where, doors to time and chance;
//! - names: a venue's name stands in its own files, nothing is left to do;
//! - registry: lists and files belong together, facts have sources;
//! - limits: every limit says what happens when it is reached;
//! - vectors: examples and laws of the specification have tests;
//! - pages: tables of README and ARCHITECTURE are made from the program, files keep their size.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a broken helper is a failed test")]

#[path = "house/floors.rs"]
mod floors;
#[path = "house/limits.rs"]
mod limits;
#[path = "house/names.rs"]
mod names;
#[path = "house/pages.rs"]
mod pages;
#[path = "house/registry.rs"]
mod registry;
#[path = "house/source.rs"]
mod source;
#[path = "house/vectors.rs"]
mod vectors;
