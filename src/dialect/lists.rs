//! Own holdings that a venue tells in several lists, such as one per category or settlement currency.
//!
//! [`Body::Whole`](crate::model::event::Body::Whole) speaks of an account, a list speaks of its part.
//! Here stands what every list last told, so that all of it can be said once each was heard.
//!
//! # Why
//! A list may have been made before what the stream told meanwhile, and no venue numbers both alike. So
//! what the stream told outlives the next list: a new row that the list lacks stays, a row that ended
//! does not come back, and a row that disagrees keeps its newer value. The list after that counts again.

use std::collections::BTreeMap;

/// Rows kept of one account and kind.
pub const ROWS_MAX: usize = 4_096;

#[derive(Debug)]
struct Row<V> {
    list: u8,
    value: V,
    /// The stream told it since its list was last heard.
    is_told: bool,
}

/// Rows by key, each of one list.
#[derive(Debug)]
pub struct Lists<K, V> {
    rows: BTreeMap<K, Row<V>>,
    /// Rows that ended since their list was last heard.
    gone: BTreeMap<K, u8>,
    /// One bit per list that was not heard yet.
    unheard: u8,
    /// A row did not fit: these are not all.
    is_partial: bool,
}

impl<K: Ord, V> Lists<K, V> {
    /// Nothing heard yet of so many lists, eight at most.
    pub fn of(count: u8) -> Self {
        let unheard = u8::MAX.checked_shr(8 - u32::from(count.min(8))).unwrap_or(0);
        Lists { rows: BTreeMap::new(), gone: BTreeMap::new(), unheard, is_partial: false }
    }

    /// A list is told anew: what it told before is forgotten.
    pub fn begin(&mut self, list: u8) {
        self.rows.retain(|_, row| row.list != list || row.is_told);
    }

    /// A row of a list. `is_older` says of a known value and this one that this one is the older.
    pub fn list(&mut self, list: u8, key: K, value: V, is_older: impl Fn(&V, &V) -> bool) {
        let is_late = self.rows.get(&key).is_some_and(|row| row.is_told && is_older(&row.value, &value));
        if !is_late && !self.gone.contains_key(&key) {
            self.put(key, Row { list, value, is_told: false });
        }
    }

    /// A list was told to its end. True when all of them were, and none was too long.
    pub fn end(&mut self, list: u8) -> bool {
        self.rows.values_mut().filter(|row| row.list == list).for_each(|row| row.is_told = false);
        self.gone.retain(|_, of| *of != list);
        self.unheard &= !1u8.checked_shl(u32::from(list)).unwrap_or(0);
        self.unheard == 0 && !self.is_partial
    }

    /// A row of the stream.
    pub fn tell(&mut self, list: u8, key: K, value: V) {
        self.gone.remove(&key);
        self.put(key, Row { list, value, is_told: true });
    }

    /// The stream told the end of a row.
    pub fn remove(&mut self, list: u8, key: K) {
        self.rows.remove(&key);
        if self.gone.len() >= ROWS_MAX {
            self.gone.clear(); // a list that is never heard whole
        }
        self.gone.insert(key, list);
    }

    /// A row.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.rows.get(key).map(|row| &row.value)
    }

    /// All rows in order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.rows.iter().map(|(key, row)| (key, &row.value))
    }

    /// A full table takes no new rows.
    fn put(&mut self, key: K, row: Row<V>) {
        if self.rows.len() < ROWS_MAX || self.rows.contains_key(&key) {
            self.rows.insert(key, row);
        } else {
            self.is_partial = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(
        lists: &mut Lists<&'static str, u8>,
        list: u8,
        rows: &[(&'static str, u8)],
    ) -> Vec<(&'static str, u8)> {
        lists.begin(list);
        rows.iter().for_each(|(key, value)| lists.list(list, key, *value, |known, new| known > new));
        lists.end(list);
        lists.iter().map(|(key, value)| (*key, *value)).collect()
    }

    #[test]
    fn all_is_said_only_once_every_list_was_heard() {
        let mut lists: Lists<&str, u8> = Lists::of(2);
        lists.list(0, "a", 1, |_, _| false);
        assert!(!lists.end(0), "the other list may hold more");
        lists.list(1, "b", 2, |_, _| false);
        assert!(lists.end(1));
        assert_eq!(hear(&mut lists, 0, &[]), [("b", 2)], "the other list stands");
        assert!(Lists::<u8, u8>::of(8).unheard == u8::MAX && Lists::<u8, u8>::of(1).end(0));
    }

    #[test]
    fn what_the_stream_told_outlives_one_list() {
        let mut lists = Lists::of(1);
        assert_eq!(hear(&mut lists, 0, &[("a", 1), ("b", 1)]), [("a", 1), ("b", 1)]);
        lists.tell(0, "a", 2);
        lists.remove(0, "b");
        lists.tell(0, "c", 1);
        let stale = [("a", 1), ("b", 1)];
        assert_eq!(hear(&mut lists, 0, &stale), [("a", 2), ("c", 1)]);
        assert_eq!(hear(&mut lists, 0, &stale), stale, "the next one counts");
        lists.remove(0, "a");
        lists.tell(0, "a", 5);
        assert_eq!(hear(&mut lists, 0, &[("a", 6)]), [("a", 6)], "ended and begun again");
    }

    #[test]
    fn what_does_not_fit_is_never_called_all() {
        let mut lists: Lists<usize, ()> = Lists::of(1);
        (0..ROWS_MAX).for_each(|key| lists.tell(0, key, ()));
        assert!(lists.end(0));
        lists.tell(0, ROWS_MAX, ());
        assert!(!lists.end(0) && lists.get(&ROWS_MAX).is_none());
    }
}
