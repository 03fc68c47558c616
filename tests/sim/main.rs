//! The venue simulator: the market keeps its laws and its scenes, the wire keeps each venue's rules, and
//! faults really happen. The clients here know nothing of faultline's decoders.

#[cfg(test)]
mod binance_account;
#[cfg(test)]
mod bitget;
#[cfg(test)]
mod bitmex;
#[cfg(test)]
#[path = "../room/builtin.rs"]
mod builtin;
#[cfg(test)]
mod bybit_account;
#[cfg(test)]
mod coinbase;
mod crowd;
#[cfg(test)]
mod deribit;
#[cfg(test)]
mod determinism;
#[cfg(test)]
mod dydx;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod fidelity;
#[cfg(test)]
mod gate;
#[cfg(test)]
mod hyperliquid_account;
#[cfg(test)]
mod kraken;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod market;
#[cfg(test)]
mod okx_account;
#[cfg(test)]
mod peer;
#[cfg(test)]
mod scenes;
#[cfg(test)]
mod wire;
