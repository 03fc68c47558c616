//! Floor 1: what the user wrote. TOML in, checked structures out, errors with place and remedy.

pub mod accounts;
pub mod builtin;
pub mod error;
mod mask;
pub mod rules;
pub mod scenarios;
pub mod sinks;
pub mod theme;
pub mod venues;

pub use error::{ConfigError, parse};
