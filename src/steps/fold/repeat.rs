//! Which statements repeat, with numbers that go on evenly.

use super::statement::{Atom, Chunk, Names, parts};

/// How often a block has to stand there.
const LEAST: usize = 3;

/// How many statements a block may have.
const LONGEST: usize = 24;

/// How the number at a place goes on from block to block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Series {
    pub(super) first: i64,
    pub(super) step: i64,
}

/// A block that repeats.
pub(super) struct Repeated {
    pub(super) length: usize,
    pub(super) times: usize,
}

/// What repeats from here on: the block that takes most statements, the shortest of those.
pub(super) fn repeated(chunks: &[Chunk], names: &Names) -> Option<Repeated> {
    let most = (chunks.len() / LEAST).min(LONGEST);
    let blocks = (1..=most).filter_map(|length| {
        let times = times(chunks, length, names);
        (times >= LEAST).then_some(Repeated { length, times })
    });
    let best =
        blocks.max_by_key(|block| (block.length * block.times, std::cmp::Reverse(block.length)))?;
    // Two of the lines that are saved go for the loop itself.
    (best.length * (best.times - 1) > 2).then_some(best)
}

/// How often the first `length` statements stand there, with numbers that go on.
fn times(chunks: &[Chunk], length: usize, names: &Names) -> usize {
    let block = |number: usize| flat(chunks.get(number * length..(number + 1) * length)?, names);
    let (Some(first), Some(second)) = (block(0), block(1)) else {
        return 1;
    };
    let Some(series) = series(&first, &second) else {
        return 1;
    };
    // Without a number that goes on it is no loop over something.
    if series.iter().all(|series| series.step == 0) {
        return 1;
    }
    let mut times = 2;
    while block(times).is_some_and(|next| goes_on(&first, &next, &series, times)) {
        times += 1;
    }
    times
}

/// The parts of all statements of a block, where a namespace's name stands for its variable.
pub(super) fn flat(block: &[Chunk], names: &Names) -> Option<Vec<Atom>> {
    let mut all = Vec::new();
    for chunk in block {
        for atom in chunk.atoms.as_ref()? {
            match atom {
                Atom::Variable(name) => {
                    let (word, netns) = names.get(name)?;
                    all.push(Atom::Fixed(format!("={word} ")));
                    all.extend(parts(netns));
                }
                other => all.push(other.clone()),
            }
        }
    }
    Some(all)
}

/// How the numbers go on from one block to the next, where all else is the same.
pub(super) fn series(first: &[Atom], second: &[Atom]) -> Option<Vec<Series>> {
    if first.len() != second.len() {
        return None;
    }
    let mut series = Vec::new();
    for (at, pair) in first.iter().zip(second).enumerate() {
        match pair {
            (Atom::Number(one), Atom::Number(other)) => {
                let step = other - one;
                let before = at.checked_sub(1).and_then(|at| first.get(at));
                let is_signed = matches!(before, Some(Atom::Fixed(text)) if text.ends_with('-'));
                if step != 0 && is_signed && !is_in_text(first, at) {
                    return None;
                }
                series.push(Series { first: *one, step });
            }
            (one, other) if one == other => {}
            _ => return None,
        }
    }
    Some(series)
}

fn is_in_text(atoms: &[Atom], at: usize) -> bool {
    atoms[..at]
        .iter()
        .filter(|atom| **atom == Atom::Quote)
        .count()
        % 2
        == 1
}

/// Whether the block is the next one of its kind.
fn goes_on(first: &[Atom], next: &[Atom], series: &[Series], number: usize) -> bool {
    let Some(found) = self::series(first, next) else {
        return false;
    };
    let number = i64::try_from(number).unwrap_or(i64::MAX);
    found
        .iter()
        .zip(series)
        .all(|(found, series)| series.step.checked_mul(number) == Some(found.step))
}
