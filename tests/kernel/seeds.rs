//! What the seeded rings share: the numbers that a seed gives, how many tries there are, and how they are told.
//!
//! `IPVSH_SEED` is the first seed (1). `IPVSH_TRIES` is how many tries each case makes; with `IPVSH_MINUTES` it goes on for
//! that long instead. `make attack` sets them. A failure names its seed: with that one and one try it comes again.

use std::io::Write as _;
use std::time::{Duration, Instant};

use crate::case::in_a_lab;
use crate::lab::Lab;
use crate::stuck;

/// The variables, which the micro-VM is told as well.
pub(crate) const VARIABLES: [&str; 3] = ["IPVSH_SEED", "IPVSH_TRIES", "IPVSH_MINUTES"];

/// How many failures a ring tells whole, where nobody asks for more tries than usual.
const TOLD: usize = 12;

/// Numbers from a seed, the same each time (xorshift64*).
pub(crate) struct Dice(u64);

impl Dice {
    /// The numbers of `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `sides`.
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(high).unwrap() % sides
    }

    /// One of `all`.
    pub(crate) fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.roll(all.len())]
    }

    /// Yes in `percent` of 100 cases.
    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.roll(100) < percent
    }
}

/// The seeds of one case, with their numbers.
pub(crate) struct Rounds {
    next: u64,
    step: u64,
    last: u64,
    until: Option<Instant>,
}

impl Rounds {
    /// Those of a case that tries `tries` seeds where nobody says otherwise.
    pub(crate) fn new(tries: u64) -> Self {
        Self::of_part(tries, 0, 1)
    }

    /// Those of case number `part` of `parts` that share in `tries`.
    pub(crate) fn of_part(tries: u64, part: u64, parts: u64) -> Self {
        let first = asked("IPVSH_SEED").unwrap_or(1);
        let tries = asked("IPVSH_TRIES").unwrap_or(tries).max(1);
        let minutes: Option<f64> = asked("IPVSH_MINUTES");
        let until = minutes.map(|minutes| Instant::now() + Duration::from_secs_f64(minutes * 60.0));
        Self {
            next: first + part,
            step: parts,
            last: first + tries - 1,
            until,
        }
    }
}

impl Iterator for Rounds {
    type Item = (u64, Dice);

    fn next(&mut self) -> Option<Self::Item> {
        let goes_on = match self.until {
            Some(until) => Instant::now() < until,
            None => self.next <= self.last,
        };
        let seed = self.next;
        self.next += self.step;
        goes_on.then(|| (seed, Dice::new(seed)))
    }
}

/// Tries each seed in a lab of its own. Fails where one of them did, and tells the first of those whole.
pub(crate) fn attack(
    ring: &str,
    rounds: Rounds,
    body: impl Fn(&Lab, Dice) -> Result<(), String> + Clone + Send + 'static,
) {
    let begin = Instant::now();
    let (first, mut last, mut tries) = (rounds.next, 0, 0);
    let mut failures = Vec::new();
    let is_long = rounds.until.is_some();
    for (seed, dice) in rounds {
        let body = body.clone();
        (last, tries) = (seed, tries + 1);
        if let Err(why) = in_a_lab(stuck::LONGEST, move |lab| body(lab, dice)) {
            failures.push(format!("seed {seed}: {why}"));
        }
    }
    let told = format!(
        "{ring}: {tries} tries, {} failures (seeds {first} to {last}, {} s)",
        failures.len(),
        begin.elapsed().as_secs()
    );
    if is_long {
        // libtest keeps what is printed to itself, but not this.
        let _ = writeln!(std::io::stderr().lock(), "{told}");
    }
    let most = if VARIABLES
        .iter()
        .any(|name| std::env::var_os(name).is_some())
    {
        failures.len()
    } else {
        TOLD
    };
    let whole: Vec<_> = failures.iter().take(most).map(String::as_str).collect();
    assert!(failures.is_empty(), "{told}\n{}", whole.join("\n\n"));
}

/// What a variable says; in the micro-VM the words that the program was started with.
fn asked<T: std::str::FromStr>(name: &str) -> Option<T> {
    let word = std::env::args().find_map(|word| {
        let value = word.strip_prefix(name)?.strip_prefix('=')?;
        Some(value.to_owned())
    });
    let text = std::env::var(name).ok().or(word)?;
    let number = text.parse().ok();
    Some(number.unwrap_or_else(|| panic!("{name} is to be a number, not `{text}`")))
}

/// Whether more is asked than every run of the tests does.
pub(crate) fn is_asked() -> bool {
    asked::<f64>("IPVSH_MINUTES").is_some() || asked::<u64>("IPVSH_TRIES").is_some()
}

/// The variables that are set, as words.
pub(crate) fn words() -> Vec<String> {
    let set = VARIABLES.iter().filter_map(|name| {
        let value = std::env::var(name).ok()?;
        Some(format!("{name}={value}"))
    });
    set.collect()
}
