//! The venue simulator: the market keeps its laws and its scenes, the wire keeps each venue's rules, and
//! faults really happen. The clients here know nothing of faultline's decoders.

mod faults;
mod market;
mod peer;
mod wire;
