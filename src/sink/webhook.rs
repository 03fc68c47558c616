//! Lines as JSON over HTTP. The receiver knows a repetition by `Idempotency-Key`, and us by the signature.
//!
//! `X-Faultline-Signature: v1=HEX` is HMAC-SHA256 over `TIMESTAMP.BODY`, `TIMESTAMP` being the seconds of
//! `X-Faultline-Timestamp`: a receiver that refuses old timestamps cannot be sent an old alert again.

use super::{Desk, Parcel, Post, Sink, Told};
use crate::model::time::SECOND;

/// `kind = "webhook"`.
pub struct Webhook;

impl Sink for Webhook {
    fn kind(&self) -> &'static str {
        "webhook"
    }

    fn lacks(&self, desk: &Desk) -> Option<&'static str> {
        desk.url().is_empty().then_some("it needs `url` or `url_from`")
    }

    fn parcels(&self, desk: &Desk, told: &Told<'_>) -> Vec<Parcel> {
        let mut post = Post::json(desk.url().to_string(), told.text.to_string());
        let event = told.line.event.strip_prefix("alert.").unwrap_or(&told.line.event);
        post.headers.push(("idempotency-key", format!("{}+{}+{event}", told.line.id, told.line.seq)));
        let seconds = told.now.0 / SECOND;
        if let Some(hex) = desk.sign(&format!("{seconds}.{}", told.text)) {
            post.headers.push(("x-faultline-timestamp", seconds.to_string()));
            post.headers.push(("x-faultline-signature", format!("v1={hex}")));
        }
        vec![Parcel::Post(post)]
    }
}
