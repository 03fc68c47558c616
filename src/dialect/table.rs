//! Symbols of one venue with a state each.

use super::{Symbols, WireError};
use crate::model::event::Symbol;
use crate::model::venue::VenueSpec;

/// Symbols in order of first sight, and what a decoder knows of each.
#[derive(Debug)]
pub struct Table<S> {
    symbols: Symbols,
    states: Vec<S>,
}

impl<S: Default> Table<S> {
    /// A table that knows the instruments of the venue file.
    pub fn new(venue: &VenueSpec) -> Self {
        let mut table = Table { symbols: Symbols::default(), states: Vec::new() };
        for row in &venue.instruments {
            // A venue file that names too many symbols was refused when it was read.
            table.intern(&row.symbol).ok();
        }
        table
    }

    /// The index of a symbol; makes room for its state.
    pub fn intern(&mut self, text: &str) -> Result<u32, WireError> {
        let ix = self.symbols.intern(text)?;
        if self.states.len() <= ix as usize {
            self.states.resize_with(ix as usize + 1, S::default);
        }
        Ok(ix)
    }

    /// The index of a symbol, if it is known.
    #[inline]
    pub fn find(&self, text: &[u8]) -> Option<u32> {
        self.symbols.find(text)
    }

    /// The symbol behind an index.
    #[inline]
    pub fn symbol(&self, ix: u32) -> Symbol<'_> {
        self.symbols.get(ix)
    }

    /// The state behind an index.
    #[inline]
    pub fn state(&self, ix: u32) -> Option<&S> {
        self.states.get(ix as usize)
    }

    /// The state behind an index, to change.
    #[inline]
    pub fn state_mut(&mut self, ix: u32) -> Option<&mut S> {
        self.states.get_mut(ix as usize)
    }

    /// Symbol and state together: an event names the one while the other changes.
    #[inline]
    pub fn both(&mut self, ix: u32) -> Option<(Symbol<'_>, &mut S)> {
        Some((self.symbols.get(ix), self.states.get_mut(ix as usize)?))
    }

    /// Every symbol with its state.
    pub fn each(&mut self) -> impl Iterator<Item = (Symbol<'_>, &mut S)> {
        let Table { symbols, states } = self;
        (0u32..).zip(states).map(|(ix, state)| (symbols.get(ix), state))
    }

    /// All symbols.
    pub fn symbols(&self) -> &Symbols {
        &self.symbols
    }
}
