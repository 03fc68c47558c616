//! Okx (stub, being written).
use super::{Decoder, Dialect};
use crate::model::venue::*;

/// The dialect.
#[derive(Debug)]
pub struct Okx;

impl Dialect for Okx {
    fn id(&self) -> &'static str {
        "okx"
    }
    fn bootstrap(&self, _venue: &VenueSpec) -> Vec<RestRequest> {
        Vec::new()
    }
    fn connections(&self, _venue: &VenueSpec, _watch: &[Watch]) -> Vec<ConnPlan> {
        Vec::new()
    }
    fn polls(&self, _venue: &VenueSpec, _watch: &[Watch]) -> Vec<Poll> {
        Vec::new()
    }
    fn heartbeat(&self) -> Option<Heartbeat> {
        None
    }
    fn decoder(&self, _venue: &VenueSpec) -> Box<dyn Decoder> {
        std::process::abort()
    }
}
