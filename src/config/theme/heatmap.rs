//! Colour maps of the heatmap: published stops, and for 256 colours fixed lists.
//!
//! The lists were chosen by search under simulated colour-vision deficiency; the nearest match of a
//! stop is not used at run time, because it merges neighbours that a red-green-deficient reader must
//! tell apart.

/// A colour as red, green, blue.
pub type Rgb = (u8, u8, u8);

/// The maps of a theme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heatmap {
    /// For values around zero.
    pub diverging: Map,
    /// For values from zero up.
    pub sequential: Map,
    /// Steps of the diverging map: 9 or 11.
    pub steps: usize,
}

impl Default for Heatmap {
    fn default() -> Self {
        Heatmap { diverging: named(&VIK), sequential: named(&CIVIDIS), steps: 11 }
    }
}

/// A colour map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    /// Its name.
    pub name: String,
    /// Colours from low to high, evenly spaced.
    pub stops: Vec<Rgb>,
    /// Lists of xterm indices, low to high; the length is the number of steps.
    pub tables: Vec<Vec<u8>>,
}

impl Map {
    /// The list for 256 colours: the one with `steps` entries, else the first.
    pub fn xterm256(&self, steps: usize) -> Option<&[u8]> {
        self.tables.iter().find(|t| t.len() == steps).or(self.tables.first()).map(Vec::as_slice)
    }

    /// `steps` colours from low to high, straight lines between the stops.
    pub fn truecolor(&self, steps: usize) -> Vec<Rgb> {
        let last = self.stops.len().saturating_sub(1);
        let at = |i: usize| self.stops.get(i.min(last)).copied().unwrap_or_default();
        let span = steps.saturating_sub(1).max(1);
        (0..steps)
            .map(|i| {
                let (whole, part) = (i * last / span, i * last % span);
                let mix = |a: u8, b: u8| {
                    let (a, b) = (usize::from(a) * (span - part), usize::from(b) * part);
                    u8::try_from((a + b + span / 2) / span).unwrap_or(u8::MAX)
                };
                let (low, high) = (at(whole), at(whole + 1));
                (mix(low.0, high.0), mix(low.1, high.1), mix(low.2, high.2))
            })
            .collect()
    }
}

/// A map in the binary.
struct Known {
    name: &'static str,
    is_diverging: bool,
    stops: &'static [u32],
    tables: &'static [&'static [u8]],
}

/// Crameri's vik (MIT).
static VIK: Known = Known {
    name: "vik",
    is_diverging: true,
    stops: &[
        0x001261, 0x013a7a, 0x186597, 0x5a97b8, 0xa6c8d9, 0xdad6d2, 0xe1b8a0, 0xcd8861, 0xb4592b, 0x862306,
        0x590007,
    ],
    tables: &[
        &[18, 24, 31, 74, 117, 187, 180, 173, 130, 124, 52],
        &[18, 24, 31, 110, 188, 180, 166, 124, 52],
    ],
};
/// `ColorBrewer` `RdBu`, blue at the low end.
static RDBU: Known = Known {
    name: "rdbu",
    is_diverging: true,
    stops: &[
        0x053061, 0x2166ac, 0x4393c3, 0x92c5de, 0xd1e5f0, 0xf7f7f7, 0xfddbc7, 0xf4a582, 0xd6604d, 0xb2182b,
        0x67001f,
    ],
    tables: &[&[18, 25, 67, 110, 153, 231, 222, 180, 167, 124, 52]],
};
/// Cividis.
static CIVIDIS: Known = Known {
    name: "cividis",
    is_diverging: false,
    stops: &[
        0x00224e, 0x123570, 0x3b496c, 0x575d6d, 0x707173, 0x8a8678, 0xa59c74, 0xc3b369, 0xe1cc55, 0xfee838,
    ],
    tables: &[&[17, 238, 59, 244, 247, 179, 220]],
};
/// Viridis.
static VIRIDIS: Known = Known {
    name: "viridis",
    is_diverging: false,
    stops: &[
        0x440154, 0x482878, 0x3e4989, 0x31688e, 0x26828e, 0x1f9e89, 0x35b779, 0x6ece58, 0xb5de2b, 0xfde725,
    ],
    tables: &[&[53, 55, 24, 30, 36, 148, 227]],
};

static KNOWN: [&Known; 4] = [&VIK, &RDBU, &CIVIDIS, &VIRIDIS];

fn named(known: &Known) -> Map {
    let rgb = |c: &u32| {
        let [_, r, g, b] = c.to_be_bytes();
        (r, g, b)
    };
    Map {
        name: known.name.into(),
        stops: known.stops.iter().map(rgb).collect(),
        tables: known.tables.iter().map(|t| t.to_vec()).collect(),
    }
}

/// The built-in map of this name and kind.
pub fn builtin(name: &str, is_diverging: bool) -> Option<Map> {
    KNOWN.iter().find(|k| k.name == name && k.is_diverging == is_diverging).map(|k| named(k))
}

/// Names of the built-in maps of one kind.
pub fn names(is_diverging: bool) -> impl Iterator<Item = &'static str> {
    KNOWN.iter().filter(move |k| k.is_diverging == is_diverging).map(|k| k.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_lists_are_the_ones_that_were_searched() {
        let maps = Heatmap::default();
        assert_eq!(
            maps.diverging.xterm256(11),
            Some(&[18u8, 24, 31, 74, 117, 187, 180, 173, 130, 124, 52][..])
        );
        assert_eq!(maps.diverging.xterm256(9), Some(&[18u8, 24, 31, 110, 188, 180, 166, 124, 52][..]));
        assert_eq!(maps.sequential.xterm256(9), Some(&[17u8, 238, 59, 244, 247, 179, 220][..]));
    }

    #[test]
    fn truecolor_steps_hit_the_published_stops() {
        let vik = Heatmap::default().diverging;
        assert_eq!(vik.truecolor(11), vik.stops);
        let nine = vik.truecolor(9);
        assert_eq!((nine.len(), nine[0], nine[4], nine[8]), (9, vik.stops[0], vik.stops[5], vik.stops[10]));
    }
}
