//! Venue files: `venues/<id>.toml`, built in or from the user's directory.

use rust_decimal::Decimal;

use super::{ConfigError, parse};
use crate::model::event::Channel;
use crate::model::venue::VenueSpec;

/// Most columns of a short name.
pub const SHORT_COLUMNS_MAX: usize = 9;
/// Most bytes of one message that a venue file may allow.
pub const MESSAGE_BYTES_CEILING: usize = 16 << 20;
/// Largest taker fee that is believed, in basis points; a rebate has the same bound.
pub const FEE_BPS_MAX: u32 = 100;

/// Reads and checks one venue file.
pub fn read(file: &str, text: &str) -> Result<VenueSpec, ConfigError> {
    let spec: VenueSpec = parse(file, text)?;
    let fail = |needle: &str, message: String| {
        let at = text.find(needle).unwrap_or(0);
        Err(ConfigError::at(file, text, at..at + needle.len(), message))
    };
    if spec.id.is_empty()
        || !spec.id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    {
        return fail(&spec.id, format!("venue id `{}` may hold a-z, 0-9 and - only", spec.id));
    }
    if spec.short.chars().count() > SHORT_COLUMNS_MAX {
        return fail(&spec.short, format!("`short` has more than {SHORT_COLUMNS_MAX} columns"));
    }
    if spec.limits.message_bytes_max > MESSAGE_BYTES_CEILING {
        return fail("message_bytes_max", format!("`message_bytes_max` is above {MESSAGE_BYTES_CEILING}"));
    }
    if spec.taker_fee_bps.is_some_and(|fee| fee.abs() > Decimal::from(FEE_BPS_MAX)) {
        return fail(
            "taker_fee_bps",
            format!("`taker_fee_bps` is beyond {FEE_BPS_MAX}: 5 stands for 0.05 %"),
        );
    }
    if let Some((name, _)) = spec.headers.iter().find(|(name, value)| !is_header(name, value)) {
        return fail(
            name,
            format!("`{name}` is no header: a-z, 0-9 and - in its name, plain text in its value"),
        );
    }
    for endpoint in &spec.endpoints {
        if !endpoint.url.starts_with("wss://") && !endpoint.url.starts_with("ws://") {
            return fail(&endpoint.url, format!("`{}` is no websocket URL", endpoint.url));
        }
        if let Some(channel) = endpoint.channels.iter().find(|c| Channel::from_word(c).is_none()) {
            return unknown_channel(file, text, channel);
        }
    }
    if let Some(channel) = spec.none.iter().find(|c| Channel::from_word(c).is_none()) {
        return unknown_channel(file, text, channel);
    }
    if let Some(channel) = spec.channels.keys().find(|c| Channel::from_word(c).is_none()) {
        return unknown_channel(file, text, channel);
    }
    for row in &spec.instruments {
        if let Err(message) = row.to_def() {
            return fail(&row.symbol, format!("instrument {}: {message}", row.symbol));
        }
    }
    Ok(spec)
}

fn is_header(name: &str, value: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !name.is_empty() && name.bytes().all(plain) && value.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
}

fn unknown_channel(file: &str, text: &str, channel: &str) -> Result<VenueSpec, ConfigError> {
    let at = text.find(channel).unwrap_or(0);
    let error = ConfigError::at(file, text, at..at + channel.len(), format!("unknown channel `{channel}`"));
    Err(match super::error::nearest(channel, Channel::ALL.iter().map(|c| c.word())) {
        Some(near) => error.with_help(format!("did you mean `{near}`?")),
        None => error,
    })
}
