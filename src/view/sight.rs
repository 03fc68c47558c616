//! How colours look to different eyes: contrast, and distance with each kind of colour vision.
//!
//! Contrast is that of WCAG 2.2 (relative luminance, W3C). Distance is Euclidean in `OKLab` (B. Ottosson,
//! "A perceptual color space for image processing", 2020), times 100. Deficient vision is simulated in
//! linear light by the matrices of severity 1.0 of G. Machado, M. Oliveira and L. Fernandes, "A
//! Physiologically-based Model for Simulation of Color Vision Deficiency", IEEE TVCG 15(6), 2009.

use crate::config::theme::heatmap::Rgb;

/// Who looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vision {
    /// Three kinds of cones.
    Full,
    /// Without those for long waves: red and green fall together.
    Protan,
    /// Without those for middle waves: red and green fall together.
    Deutan,
    /// Without those for short waves: blue and yellow fall together.
    Tritan,
}

impl Vision {
    /// All of them.
    pub const ALL: [Vision; 4] = [Vision::Full, Vision::Protan, Vision::Deutan, Vision::Tritan];

    /// Lower-case word.
    pub const fn word(self) -> &'static str {
        match self {
            Vision::Full => "full colour vision",
            Vision::Protan => "protanopia",
            Vision::Deutan => "deuteranopia",
            Vision::Tritan => "tritanopia",
        }
    }

    /// Rows of the matrix from linear light to linear light.
    const fn matrix(self) -> [[f64; 3]; 3] {
        match self {
            Vision::Full => [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
            Vision::Protan => [
                [0.152_286, 1.052_583, -0.204_868],
                [0.114_503, 0.786_281, 0.099_216],
                [-0.003_882, -0.048_116, 1.051_998],
            ],
            Vision::Deutan => [
                [0.367_322, 0.860_646, -0.227_968],
                [0.280_085, 0.672_501, 0.047_413],
                [-0.011_820, 0.042_940, 0.968_881],
            ],
            Vision::Tritan => [
                [1.255_528, -0.076_749, -0.178_779],
                [-0.078_411, 0.930_809, 0.147_602],
                [0.004_733, 0.691_367, 0.303_900],
            ],
        }
    }
}

const TO_CONES: [[f64; 3]; 3] = [
    [0.412_221_470_8, 0.536_332_536_3, 0.051_445_992_9],
    [0.211_903_498_2, 0.680_699_545_1, 0.107_396_956_6],
    [0.088_302_461_9, 0.281_718_837_6, 0.629_978_700_5],
];
const TO_LAB: [[f64; 3]; 3] = [
    [0.210_454_255_3, 0.793_617_785_0, -0.004_072_046_8],
    [1.977_998_495_1, -2.428_592_205_0, 0.450_593_709_9],
    [0.025_904_037_1, 0.782_771_766_2, -0.808_675_766_0],
];

fn times(rows: [[f64; 3]; 3], [x, y, z]: [f64; 3]) -> [f64; 3] {
    rows.map(|[a, b, c]| a * x + b * y + c * z)
}

/// The light of a colour, each part 0 to 1.
fn linear((r, g, b): Rgb) -> [f64; 3] {
    [r, g, b].map(|c| {
        let c = f64::from(c) / 255.0;
        if c <= 0.040_45 { c / 12.92 } else { libm::pow((c + 0.055) / 1.055, 2.4) }
    })
}

fn lab(colour: Rgb, vision: Vision) -> [f64; 3] {
    let seen = times(vision.matrix(), linear(colour)).map(|c| c.clamp(0.0, 1.0));
    times(TO_LAB, times(TO_CONES, seen).map(libm::cbrt))
}

/// Distance of two colours for one kind of vision, times 100: black and white are 100 apart.
pub fn distance(a: Rgb, b: Rgb, vision: Vision) -> f64 {
    let ([l1, a1, b1], [l2, a2, b2]) = (lab(a, vision), lab(b, vision));
    let square = |x: f64, y: f64| (x - y) * (x - y);
    100.0 * libm::sqrt(square(l1, l2) + square(a1, a2) + square(b1, b2))
}

/// The smallest distance of two colours over all kinds of vision, and whose it is.
pub fn nearest_apart(a: Rgb, b: Rgb) -> (f64, Vision) {
    let of = |vision| (distance(a, b, vision), vision);
    Vision::ALL.map(of).into_iter().min_by(|x, y| x.0.total_cmp(&y.0)).unwrap_or((0.0, Vision::Full))
}

/// WCAG relative luminance.
fn luminance(colour: Rgb) -> f64 {
    let [r, g, b] = linear(colour);
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

/// WCAG contrast of two colours, 1 to 21.
pub fn contrast(a: Rgb, b: Rgb) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLACK: Rgb = (0, 0, 0);
    const WHITE: Rgb = (255, 255, 255);

    fn is_near(found: f64, expected: f64) -> bool {
        (found - expected).abs() < 0.05
    }

    #[test]
    fn black_and_white_are_the_ends_for_every_eye() {
        assert!(is_near(contrast(BLACK, WHITE), 21.0));
        for vision in Vision::ALL {
            assert!(is_near(distance(BLACK, WHITE, vision), 100.0), "{}", vision.word());
            assert!(distance(WHITE, WHITE, vision) < 1e-9);
        }
    }

    #[test]
    fn a_known_pair_has_the_published_contrast() {
        // #767676 is the darkest grey that WCAG calls too light by a hair on white: 4.54.
        assert!(is_near(contrast((0x76, 0x76, 0x76), WHITE), 4.54));
    }

    #[test]
    fn dark_red_and_brown_fall_together_without_middle_cones() {
        let (red, brown) = ((0xa8, 0x14, 0x1c), (0x7a, 0x4a, 0x00));
        assert!(distance(red, brown, Vision::Full) > 10.0);
        let (apart, vision) = nearest_apart(red, brown);
        assert!(apart < 5.0 && vision == Vision::Deutan, "{apart} {}", vision.word());
    }

    #[test]
    fn the_published_figure_of_the_dark_set_comes_out() {
        // Critical, warning, info and the dim grey beside them: no pair is nearer than 10.8.
        let set = [(0xff, 0x5c, 0x5c), (0xff, 0xd1, 0x66), (0x4f, 0xa3, 0xf7), (0x8b, 0x95, 0xa5)];
        let pairs = set.iter().enumerate().flat_map(|(at, a)| set[at + 1..].iter().map(move |b| (*a, *b)));
        let least = pairs.map(|(a, b)| nearest_apart(a, b).0).min_by(f64::total_cmp);
        assert!((least.unwrap() - 10.8).abs() < 0.1, "{least:?}");
    }

    #[test]
    fn greys_look_alike_to_everybody() {
        for vision in Vision::ALL {
            let apart = distance((100, 100, 100), (160, 160, 160), vision);
            assert!(is_near(apart, distance((100, 100, 100), (160, 160, 160), Vision::Full)), "{apart}");
        }
    }
}
