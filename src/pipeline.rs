//! Floor 3: decoders and engine behind one door.
