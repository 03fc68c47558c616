//! Connections from topics: cuts a list of subscriptions to what a venue tolerates.

use super::account::Account;
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

/// The sockets of an account: one for each endpoint that serves `account`. `hello` writes what is sent
/// after the login. Names are `<venue>/<account>@<endpoint>-1`.
pub fn private(
    venue: &VenueSpec,
    account: &Account,
    hello: impl Fn(&Endpoint) -> Vec<String>,
) -> Vec<ConnPlan> {
    let plan = |endpoint: &Endpoint| ConnPlan {
        name: format!("{}/{}@{}-1", venue.id, account.name, endpoint.name),
        url: endpoint.url.clone(),
        hello: hello(endpoint),
    };
    venue.endpoints.iter().filter(|endpoint| serves(endpoint, "account")).map(plan).collect()
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
