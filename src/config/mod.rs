//! Floor 1: what the user wrote. TOML in, checked structures out, errors with place and remedy.

pub mod accounts;
pub mod builtin;
pub mod codes;
pub mod error;
pub mod keys;
mod mask;
pub mod rulebook;
pub mod rules;
pub mod scenarios;
pub mod settings;
pub mod sinks;
pub mod theme;
pub mod venues;

pub use error::{ConfigError, parse};
