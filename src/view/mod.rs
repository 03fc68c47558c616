//! Floor 2: snapshot and screen state become cells.
