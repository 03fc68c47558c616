//! Scanner for hot messages.
