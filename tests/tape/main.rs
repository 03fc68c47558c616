//! Recordings from outside: what goes in comes out, and what was not written is never believed.
#![cfg(test)]

mod damage;
mod disk;
mod imports;
mod round_trip;
mod support;
