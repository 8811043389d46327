//! Chance: numbers that come again with their seed.

use std::cell::RefCell;
use std::ops::RangeInclusive;
use std::rc::Rc;

use rand::rngs::SysRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng, TryRng};
use rand_pcg::Pcg64Mcg;
use rhai::Array;
use rhai::plugin::{Dynamic, NativeCallContext, export_module};

use crate::dsl::{Answer, answer};
use crate::error::{Error, Result};
use crate::view::value::Value;

/// A sequence of numbers by chance, the same for the same seed on any machine.
#[derive(Clone, Debug)]
pub struct RandomSource(Rc<RefCell<Pcg64Mcg>>);

impl RandomSource {
    fn of(seed: u64) -> Self {
        Self(Rc::new(RefCell::new(Pcg64Mcg::seed_from_u64(seed))))
    }

    fn any() -> Result<Self> {
        let seed = SysRng.try_next_u64();
        let seed =
            seed.map_err(|error| Error::invalid(format!("the kernel gives no chance: {error}")))?;
        Ok(Self::of(seed))
    }
}

/// How it shows.
pub(crate) fn show(_: &RandomSource) -> Value {
    Value::Word("a sequence of random numbers".to_owned())
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Numbers by chance that come again with the same seed, on any machine.
    ///
    /// ```rhai
    /// random(7).number(1..=6) == random(7).number(1..=6)    // => true
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn random(context: NativeCallContext, seed: i64) -> Answer<RandomSource> {
        answer(&context, |_| Ok(RandomSource::of(seed.cast_unsigned())))
    }

    /// Numbers by chance, others in each run: what a plan shows a run may not do.
    ///
    /// ```rhai
    /// random().fraction() < 1.0    // => true
    /// ```
    #[rhai_fn(name = "random", return_raw, volatile)]
    pub fn random_of_machine(context: NativeCallContext) -> Answer<RandomSource> {
        answer(&context, |_| RandomSource::any())
    }

    /// The next whole number of the range, both ends included.
    ///
    /// ```rhai
    /// random(1).number(3..=3)    // => 3
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn number(
        context: NativeCallContext,
        random: RandomSource,
        range: RangeInclusive<i64>,
    ) -> Answer<i64> {
        answer(&context, |_| {
            if range.is_empty() {
                return Err(Error::invalid("the range has no number in it"));
            }
            Ok(random.0.borrow_mut().random_range(range))
        })
    }

    /// The next number from 0 to 1, which is never 1 itself.
    ///
    /// ```rhai
    /// random(1).fraction() >= 0.0    // => true
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn fraction(context: NativeCallContext, random: RandomSource) -> Answer<f64> {
        answer(&context, |_| Ok(random.0.borrow_mut().random()))
    }

    /// One item of the list.
    ///
    /// ```rhai
    /// ["a", "b"].contains(random(1).pick(["a", "b"]))    // => true
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn pick(context: NativeCallContext, random: RandomSource, list: Array) -> Answer<Dynamic> {
        answer(&context, |_| {
            let item = list.choose(&mut *random.0.borrow_mut()).cloned();
            item.ok_or_else(|| Error::invalid("the list is empty"))
        })
    }

    /// The items of the list in another order.
    ///
    /// ```rhai
    /// let mixed = random(1).shuffled([1, 2, 3]);
    /// mixed.sort();
    /// mixed    // => [1, 2, 3]
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn shuffled(
        context: NativeCallContext,
        random: RandomSource,
        list: Array,
    ) -> Answer<Array> {
        answer(&context, |_| {
            let mut list = list;
            list.shuffle(&mut *random.0.borrow_mut());
            Ok(list)
        })
    }
}
