//! Severities stay apart for every kind of colour vision.
//!
//! Machado, Oliveira, Fernandes 2009, severity 1, on linear RGB; distances in `OKLab` times 100.

use faultline::config::theme::{self, Colour, Role, Table, ThemeSpec};

type Vector = [f64; 3];
type Matrix = [Vector; 3];

const NORMAL: Matrix = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
const PROTAN: Matrix =
    [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]];
const DEUTAN: Matrix =
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]];
const TRITAN: Matrix =
    [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]];

fn times(m: &Matrix, v: Vector) -> Vector {
    m.map(|row| row[0] * v[0] + row[1] * v[1] + row[2] * v[2])
}

fn linear((r, g, b): (u8, u8, u8)) -> Vector {
    [r, g, b].map(|c| {
        let c = f64::from(c) / 255.0;
        if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
    })
}

fn oklab(rgb: Vector) -> Vector {
    let lms = times(
        &[
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ],
        rgb.map(|c| c.clamp(0.0, 1.0)),
    );
    times(
        &[
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ],
        lms.map(f64::cbrt),
    )
}

fn apart(a: (u8, u8, u8), b: (u8, u8, u8), eye: &Matrix) -> f64 {
    let (a, b) = (oklab(times(eye, linear(a))), oklab(times(eye, linear(b))));
    100.0 * a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

/// What the eye sees most of: the badge where there is one, else the text.
fn seen(spec: &ThemeSpec, role: Role) -> Option<(u8, u8, u8)> {
    let style = spec.style(role, Table::Any);
    match spec.colour(style.bg.or(style.fg)?.as_str())? {
        Colour::Rgb(r, g, b) => Some((r, g, b)),
        Colour::Ansi(_) => None,
    }
}

#[test]
fn severities_differ_for_every_eye() {
    for spec in theme::builtin().unwrap() {
        let roles = [Role::SevCrit, Role::SevWarn, Role::SevInfo];
        for (i, a) in roles.iter().enumerate() {
            for b in &roles[i + 1..] {
                let (Some(left), Some(right)) = (seen(&spec, *a), seen(&spec, *b)) else { continue };
                for (eye, matrix) in
                    [("normal", NORMAL), ("protan", PROTAN), ("deutan", DEUTAN), ("tritan", TRITAN)]
                {
                    let found = apart(left, right, &matrix);
                    assert!(found >= 10.0, "{} {} {} {eye}: {found:.1}", spec.name, a.name(), b.name());
                }
            }
        }
    }
}

#[test]
fn the_published_figures_come_out() {
    // The dark set, every pair with its dim grey: smallest distance 10.8.
    let set = [(0xff, 0x5c, 0x5c), (0xff, 0xd1, 0x66), (0x4f, 0xa3, 0xf7), (0x8b, 0x95, 0xa5)];
    let mut least = f64::MAX;
    for (i, a) in set.iter().enumerate() {
        for b in &set[i + 1..] {
            for eye in [NORMAL, PROTAN, DEUTAN, TRITAN] {
                least = least.min(apart(*a, *b, &eye));
            }
        }
    }
    assert!((least - 10.8).abs() < 0.1, "{least}");
}
