//! Files embedded in the binary: one registry line each.

/// Built-in venue files: name and text.
pub static VENUES: &[(&str, &str)] = &[
    ("venues/binance-usdm.toml", include_str!("../../venues/binance-usdm.toml")),
    ("venues/binance-coinm.toml", include_str!("../../venues/binance-coinm.toml")),
    ("venues/bybit.toml", include_str!("../../venues/bybit.toml")),
    ("venues/okx.toml", include_str!("../../venues/okx.toml")),
    ("venues/okx-eea.toml", include_str!("../../venues/okx-eea.toml")),
    ("venues/okx-us.toml", include_str!("../../venues/okx-us.toml")),
    ("venues/deribit.toml", include_str!("../../venues/deribit.toml")),
    ("venues/bitmex.toml", include_str!("../../venues/bitmex.toml")),
    ("venues/kraken-futures.toml", include_str!("../../venues/kraken-futures.toml")),
    ("venues/hyperliquid.toml", include_str!("../../venues/hyperliquid.toml")),
    ("venues/dydx.toml", include_str!("../../venues/dydx.toml")),
    ("venues/gate.toml", include_str!("../../venues/gate.toml")),
    ("venues/bitget.toml", include_str!("../../venues/bitget.toml")),
    ("venues/coinbase-us.toml", include_str!("../../venues/coinbase-us.toml")),
];

/// Built-in facts of law, sources and yardsticks: name and text. Those of venues stand in their files.
pub static RULEBOOK: &[(&str, &str)] = &[
    ("venues/rulebook/sources.toml", include_str!("../../venues/rulebook/sources.toml")),
    ("venues/rulebook/jurisdictions.toml", include_str!("../../venues/rulebook/jurisdictions.toml")),
    ("venues/rulebook/baseline.toml", include_str!("../../venues/rulebook/baseline.toml")),
    ("venues/rulebook/intx.toml", include_str!("../../venues/rulebook/intx.toml")),
    ("venues/rulebook/cme.toml", include_str!("../../venues/rulebook/cme.toml")),
    ("venues/rulebook/bitnomial.toml", include_str!("../../venues/rulebook/bitnomial.toml")),
];

/// Built-in themes: name and text. A theme stands after the one it inherits from.
pub static THEMES: &[(&str, &str)] = &[
    ("themes/faultline-dark.toml", include_str!("../../themes/faultline-dark.toml")),
    ("themes/faultline-light.toml", include_str!("../../themes/faultline-light.toml")),
    ("themes/terminal.toml", include_str!("../../themes/terminal.toml")),
    ("themes/high-contrast-dark.toml", include_str!("../../themes/high-contrast-dark.toml")),
    ("themes/high-contrast-light.toml", include_str!("../../themes/high-contrast-light.toml")),
    ("themes/deutan.toml", include_str!("../../themes/deutan.toml")),
    ("themes/tritan.toml", include_str!("../../themes/tritan.toml")),
    ("themes/mono.toml", include_str!("../../themes/mono.toml")),
];

/// Built-in alert rules: name and text.
pub static RULES: &[(&str, &str)] = &[("rules/default.toml", include_str!("rules.toml"))];

/// Built-in what-if scenarios: name and text.
pub static SCENARIOS: &[(&str, &str)] = &[
    ("scenarios/price_down_5.toml", include_str!("whatif/price_down_5.toml")),
    ("scenarios/price_down_10.toml", include_str!("whatif/price_down_10.toml")),
    ("scenarios/price_up_5.toml", include_str!("whatif/price_up_5.toml")),
    ("scenarios/slide_down_10.toml", include_str!("whatif/slide_down_10.toml")),
    ("scenarios/depth_60.toml", include_str!("whatif/depth_60.toml")),
    ("scenarios/scan.toml", include_str!("whatif/scan.toml")),
];
