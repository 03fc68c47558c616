//! Files embedded in the binary: one registry line each.

/// Built-in venue files: name and text.
pub static VENUES: &[(&str, &str)] = &[
    ("venues/binance-usdm.toml", include_str!("../../venues/binance-usdm.toml")),
    ("venues/binance-coinm.toml", include_str!("../../venues/binance-coinm.toml")),
    ("venues/bybit.toml", include_str!("../../venues/bybit.toml")),
    ("venues/okx.toml", include_str!("../../venues/okx.toml")),
    ("venues/hyperliquid.toml", include_str!("../../venues/hyperliquid.toml")),
];
