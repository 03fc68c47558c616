//! Contract arithmetic: METRICS.md §2.
