//! How delays spread: tables from which the kernel draws, as the options of `tc` of the same names have them.
//!
//! A table is the inverse of a distribution function at 4096 equal steps: how far a delay is from the middle, in 8192ths of
//! the jitter. The kernel draws a step at random. It never tells the table that it was given.

use serde::{Deserialize, Serialize};

/// How many steps a table has.
const STEPS: u16 = 4096;
/// What stands for the whole jitter: `NETEM_DIST_SCALE` of `linux/pkt_sched.h`.
const SCALE: f64 = 8192.0;
/// How fine `tc` looks for the steps of the normal distribution, within ten times the jitter.
const GRID: f64 = 5e-5;
const MOST: i32 = 200_000;
/// The exponent of the Pareto distribution.
const ALPHA: f64 = 3.0;

/// How delays spread about the middle one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Distribution {
    /// Evenly, by no table.
    #[default]
    Uniform,
    /// As errors of measurement do.
    Normal,
    /// Few, but far, to the long side.
    Pareto,
    /// A quarter of the one, three of the other.
    ParetoNormal,
}

impl Distribution {
    /// All of them, by name.
    pub const ALL: [(&str, Self); 4] = [
        ("uniform", Self::Uniform),
        ("normal", Self::Normal),
        ("pareto", Self::Pareto),
        ("paretonormal", Self::ParetoNormal),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Normal => "normal",
            Self::Pareto => "pareto",
            Self::ParetoNormal => "paretonormal",
        }
    }

    /// Whether it is the kernel's own, which takes no table.
    pub fn is_uniform(&self) -> bool {
        *self == Self::Uniform
    }

    /// The table.
    pub fn table(self) -> Vec<i16> {
        let steps = 0..STEPS;
        let table = |value: fn(u16) -> i32| steps.map(value).map(fitting).collect();
        match self {
            Self::Uniform => Vec::new(),
            Self::Normal => table(normal),
            Self::Pareto => table(pareto),
            Self::ParetoNormal => table(|step| {
                let pareto = i32::from(fitting(pareto(step)));
                (normal(step) + 3 * pareto) / 4
            }),
        }
    }
}

fn fitting(value: i32) -> i16 {
    let most = value.clamp(i16::MIN.into(), i16::MAX.into());
    i16::try_from(most).unwrap_or_default()
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "what is too large stops at the largest number"
)]
fn scaled(value: f64) -> i32 {
    (value * SCALE).round_ties_even() as i32
}

/// The farthest place on the grid that belongs to the step still, looked for by halves.
fn normal(step: u16) -> i32 {
    let below = (f64::from(step) * 4.0 + 0.5) / (f64::from(STEPS) * 4.0);
    let (mut inside, mut outside) = (-MOST, MOST);
    while outside - inside > 1 {
        let middle = i32::midpoint(inside, outside);
        let share = 0.5 + 0.5 * libm::erf(f64::from(middle) * GRID / std::f64::consts::SQRT_2);
        if share < below {
            inside = middle;
        } else {
            outside = middle;
        }
    }
    scaled(f64::from(inside) * GRID)
}

/// Moved and stretched so that its mean is none, and its spread about the jitter.
fn pareto(step: u16) -> i32 {
    let left = 1.0 - f64::from(step) / f64::from(STEPS);
    scaled((libm::pow(left, -1.0 / ALPHA) - 1.5) * 4.0 / 3.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_rises_from_the_shortest_delay_to_the_longest() {
        for (_, distribution) in &Distribution::ALL[1..] {
            let table = distribution.table();
            assert_eq!(table.len(), usize::from(STEPS));
            assert!(table.is_sorted(), "{distribution:?}");
        }
        assert!(Distribution::Uniform.table().is_empty());
    }

    #[test]
    fn the_normal_distribution_has_its_mean_and_its_spread() {
        let table: Vec<f64> = Distribution::Normal
            .table()
            .into_iter()
            .map(f64::from)
            .collect();
        let count = f64::from(STEPS);
        let mean = table.iter().sum::<f64>() / count;
        let spread = (table.iter().map(|value| value * value).sum::<f64>() / count).sqrt();
        assert!(mean.abs() < SCALE / 1000.0, "{mean}");
        assert!((spread / SCALE - 1.0).abs() < 0.01, "{spread}");
    }
}
