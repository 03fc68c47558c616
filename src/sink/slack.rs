//! Incoming webhooks of Slack and of what understands them: Mattermost, Discord with `/slack`, Rocket.Chat.

use serde::Serialize;

use super::{Desk, Parcel, Post, Sink, Told, json, sentence};

/// `kind = "slack"`.
pub struct Slack;

#[derive(Serialize)]
struct Message {
    text: String,
}

impl Sink for Slack {
    fn kind(&self) -> &'static str {
        "slack"
    }

    fn lacks(&self, desk: &Desk) -> Option<&'static str> {
        let is_open = desk.spec.url.is_some() && desk.spec.allow.is_empty();
        if is_open {
            return Some("whoever knows the address of a hook can write to it: name it with `url_from`");
        }
        desk.url().is_empty().then_some("it needs `url_from`")
    }

    fn parcels(&self, desk: &Desk, told: &Told<'_>) -> Vec<Parcel> {
        // The three characters that Slack gives a meaning; with them no text can mention a channel or a link.
        let mut text = sentence(told.line).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        if let Some(comment) = &told.line.comment {
            text.push_str(&format!(
                "\n{}",
                comment.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
            ));
        }
        vec![Parcel::Post(Post::json(desk.url().to_string(), json(&Message { text })))]
    }
}
