//! Connections from topics: cuts a list of subscriptions to what a venue tolerates.

use super::wire::quoted;
use crate::model::venue::{ConnPlan, Endpoint, VenueSpec};

/// Plans for one endpoint. `topics` are subscriptions ready for the wire, `request` writes one text
/// that asks for several of them. Names are `<venue>/<endpoint>-<n>` with n from 1.
pub fn connections(
    venue: &VenueSpec,
    endpoint: &Endpoint,
    topics: &[String],
    request: impl Fn(&[String]) -> String,
) -> Vec<ConnPlan> {
    let per_connection = venue.limits.streams_per_connection.max(1);
    let batch = venue.limits.subscribe_batch.max(1);
    topics
        .chunks(per_connection)
        .zip(1..)
        .map(|(share, n): (_, u32)| ConnPlan {
            name: format!("{}/{}-{n}", venue.id, endpoint.name),
            url: endpoint.url.clone(),
            hello: share.chunks(batch).map(&request).collect(),
        })
        .collect()
}

/// True when this endpoint serves a channel of this name.
pub fn serves(endpoint: &Endpoint, channel: &str) -> bool {
    endpoint.channels.iter().any(|c| c == channel)
}

/// A JSON array of strings.
pub fn strings(items: &[String]) -> String {
    let quoted: Vec<String> = items.iter().map(|item| quoted(item)).collect();
    format!("[{}]", quoted.join(","))
}
