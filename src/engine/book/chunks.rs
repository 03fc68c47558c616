//! Far levels: sorted runs of bounded length. An emptied run is kept for the next split, so that a
//! book that lives allocates nothing.

/// Levels in one run before it is split: what a cache line search and a short move stay cheap for.
const RUN_MAX: usize = 128;

/// Levels by ascending key.
#[derive(Clone, Debug, Default)]
pub(super) struct Chunks {
    starts: Vec<i64>, // first key of each run
    runs: Vec<Vec<(i64, i64)>>,
    spare: Vec<Vec<(i64, i64)>>,
    len: usize,
}

impl Chunks {
    /// Sets the size at a key; zero deletes.
    pub(super) fn set(&mut self, key: i64, size: i64) {
        let at = self.starts.partition_point(|s| *s <= key).saturating_sub(1);
        let Some(run) = self.runs.get_mut(at) else {
            if size != 0 {
                let mut run = self.spare.pop().unwrap_or_else(|| Vec::with_capacity(RUN_MAX));
                run.push((key, size));
                self.starts.push(key);
                self.runs.push(run);
                self.len = 1;
            }
            return;
        };
        match run.binary_search_by_key(&key, |l| l.0) {
            Ok(place) if size == 0 => {
                run.remove(place);
                self.len -= 1;
                match run.first() {
                    Some(first) => self.starts[at] = first.0,
                    None => {
                        self.starts.remove(at);
                        self.spare.push(self.runs.remove(at));
                    }
                }
            }
            Ok(place) => run[place].1 = size,
            Err(_) if size == 0 => {}
            Err(place) => {
                run.insert(place, (key, size));
                self.starts[at] = run[0].0;
                self.len += 1;
                if self.runs[at].len() >= RUN_MAX {
                    self.split(at);
                }
            }
        }
    }

    fn split(&mut self, at: usize) {
        let mut right = self.spare.pop().unwrap_or_else(|| Vec::with_capacity(RUN_MAX));
        right.extend(self.runs[at].drain(RUN_MAX / 2..));
        self.starts.insert(at + 1, right[0].0);
        self.runs.insert(at + 1, right);
    }

    pub(super) fn clear(&mut self) {
        self.starts.clear();
        for mut run in self.runs.drain(..) {
            run.clear();
            self.spare.push(run);
        }
        self.len = 0;
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn first(&self) -> Option<(i64, i64)> {
        self.runs.first().and_then(|r| r.first()).copied()
    }

    pub(super) fn last(&self) -> Option<(i64, i64)> {
        self.runs.last().and_then(|r| r.last()).copied()
    }

    /// Levels by ascending key.
    pub(super) fn iter(&self) -> impl Iterator<Item = (i64, i64)> + '_ {
        self.runs.iter().flatten().copied()
    }
}
