//! Margin tiers and liquidation prices: METRICS.md §2.
