//! What hangs from one namespace alone: trees, from which only the parts with several ways around are left.

use super::{Frame, GAP, Hang, STEP};

/// What is left free between two boxes that hang from one, from above to below.
const CLOSE: usize = 22;
/// How many boxes hang side by side from the only one in the middle at least, and from another.
const ABREAST: (usize, usize) = (5, 2);
/// How far the first of the cables in a lane runs from the boxes, how far they run from each other, and how far at most.
const LANE: (usize, usize, usize) = (8, 5, 33);

/// The namespaces of a graph as trees that hang from the others.
pub(super) struct Trees {
    /// What hangs from each.
    children: Vec<Vec<usize>>,
    /// Those that hang from others, each before what it hangs from.
    hanging: Vec<usize>,
    /// Those that are left: rings, and the middle of each tree.
    pub(super) core: Vec<usize>,
    /// How each is arranged with all that hangs from it.
    blocks: Vec<Block>,
    /// Whether a row of deep trees is too wide.
    pub(super) is_too_wide: bool,
}

/// How they are arranged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    /// How wide a row of boxes may be.
    pub(super) widest: usize,
    /// Whether those that hang from one stand below each other, so that more trees have a place side by side.
    pub(super) is_narrow: bool,
}

/// How a namespace is arranged with what hangs from it.
#[derive(Clone, Debug, Default)]
struct Block {
    width: usize,
    height: usize,
    /// The widths of the columns of what hangs from it, and the heights of the rows.
    columns: Vec<usize>,
    rows: Vec<usize>,
    /// Whether they stand beside it: below it others of the core have their place.
    is_beside: bool,
}

impl Block {
    fn grid(&self) -> usize {
        spread(&self.columns, GAP)
    }
}

/// How far things of these sizes reach with `gap` between them.
fn spread(sizes: &[usize], gap: usize) -> usize {
    sizes.iter().sum::<usize>() + gap * sizes.len().saturating_sub(1)
}

impl Trees {
    /// Takes off what has one neighbour, until nothing is left that has. Of the last two the one with the greater `weight` stays.
    pub(super) fn of(ways: &[Vec<usize>], weight: impl Fn(usize) -> usize) -> Self {
        let mut degree: Vec<usize> = ways.iter().map(Vec::len).collect();
        let mut is_off = vec![false; ways.len()];
        let mut children = vec![Vec::new(); ways.len()];
        let mut hanging = Vec::new();
        let mut round: Vec<usize> = (0..ways.len()).filter(|one| degree[*one] == 1).collect();
        while !round.is_empty() {
            let mut next = Vec::new();
            for one in round {
                let Some(parent) = ways[one].iter().copied().find(|way| !is_off[*way]) else {
                    continue;
                };
                let is_last = degree[parent] == 1;
                let rank = |one: usize| (weight(one), std::cmp::Reverse(one));
                if is_last && rank(one) > rank(parent) {
                    continue;
                }
                is_off[one] = true;
                hanging.push(one);
                children[parent].push(one);
                degree[parent] -= 1;
                if degree[parent] == 1 {
                    next.push(parent);
                }
            }
            round = next;
        }
        Self {
            core: (0..ways.len()).filter(|one| !is_off[*one]).collect(),
            blocks: vec![Block::default(); ways.len()],
            children,
            hanging,
            is_too_wide: false,
        }
    }

    /// Finds how large each is with what hangs from it; `order` says at which of its links a child hangs, `is_beside` whether all
    /// that hangs from one stands beside it.
    pub(super) fn arrange(
        &mut self,
        frames: &[Frame],
        manner: Manner,
        order: impl Fn(usize, usize) -> usize,
        is_beside: impl Fn(usize) -> bool,
    ) {
        let all = self.hanging.iter().chain(&self.core).copied();
        for one in all.collect::<Vec<_>>() {
            self.children[one].sort_by_key(|child| (order(one, *child), *child));
            let children = &self.children[one];
            let is_beside = is_beside(one);
            let is_middle = self.core.len() == 1 && self.core[0] == one;
            let (wide, is_too_wide) = if is_beside {
                (1, false)
            } else {
                self.columns(children, is_middle, manner)
            };
            let mut block = Block {
                is_beside,
                ..Block::default()
            };
            for row in children.chunks(wide.max(1)) {
                let high = row.iter().map(|child| self.blocks[*child].height).max();
                block.rows.push(high.unwrap_or(0));
                for (column, child) in row.iter().enumerate() {
                    let width = self.blocks[*child].width;
                    match block.columns.get_mut(column) {
                        Some(known) => *known = width.max(*known),
                        None => block.columns.push(width),
                    }
                }
            }
            let (width, height) = (frames[one].width, frames[one].height);
            let rows = spread(&block.rows, CLOSE);
            (block.width, block.height) = match (children.is_empty(), is_beside) {
                (true, _) => (width, height),
                (_, true) => (width + GAP + block.grid(), height.max(rows)),
                (_, false) => (block.grid().max(width), height + STEP + rows),
            };
            self.is_too_wide |= is_too_wide;
            self.blocks[one] = block;
        }
    }

    /// How many children stand side by side, and whether more should.
    fn columns(&self, children: &[usize], is_middle: bool, manner: Manner) -> (usize, bool) {
        let sizes = || children.iter().map(|child| &self.blocks[*child]);
        let width = sizes().map(|block| block.width + GAP).max().unwrap_or(1);
        let height = sizes().map(|block| block.height + CLOSE).max().unwrap_or(1);
        let fitting = ((manner.widest + GAP) / width).max(1);
        let is_deep = children.iter().any(|one| !self.children[*one].is_empty());
        if is_deep {
            return (fitting, fitting < children.len());
        }
        // Three times as wide as high where it is all of the picture, else as wide as high.
        let (few, ratio) = match (is_middle, manner.is_narrow) {
            (true, _) => (ABREAST.0, 3),
            (_, true) => return (1, false),
            (_, false) => (ABREAST.1, 1),
        };
        let square = (children.len() * ratio * height).div_ceil(width).isqrt() + 1;
        (square.max(few).min(fitting), false)
    }

    /// How wide and how high one is with all that hangs from it.
    pub(super) fn size(&self, one: usize) -> (usize, usize) {
        (self.blocks[one].width, self.blocks[one].height)
    }

    /// Gives all that hangs from others its place; those of the core have theirs, with their blocks' left edges in `lefts`.
    pub(super) fn place(
        &self,
        frames: &mut [Frame],
        lefts: &mut [usize],
        hangs: &mut [Option<Hang>],
    ) {
        let all = self.core.iter().chain(self.hanging.iter().rev());
        for &one in all {
            let block = &self.blocks[one];
            let (left, top) = if block.is_beside {
                let right = frames[one].x + frames[one].width;
                (right + GAP, frames[one].y)
            } else {
                let left = lefts[one] + (block.width - block.grid()) / 2;
                (left, frames[one].y + frames[one].height + STEP)
            };
            let wide = block.columns.len();
            let mut y = top;
            for (row, children) in self.children[one].chunks(wide.max(1)).enumerate() {
                let mut x = left;
                for (column, child) in children.iter().copied().enumerate() {
                    let own = self.blocks[child].width;
                    lefts[child] = x + (block.columns[column] - own) / 2;
                    frames[child].x = lefts[child] + self.before(child, &frames[child]);
                    frames[child].y = y;
                    let away = (LANE.0 + LANE.1 * row.saturating_sub(1)).min(LANE.2);
                    let lane = if column * 2 < wide {
                        x.saturating_sub(away)
                    } else {
                        x + block.columns[column] + away
                    };
                    hangs[child] = match (block.is_beside, row) {
                        (true, _) => Some(Hang::Beside { parent: one }),
                        (_, 0) => None,
                        _ => Some(Hang::InLane {
                            parent: one,
                            x: lane,
                            top,
                        }),
                    };
                    x += block.columns[column] + GAP;
                }
                y += block.rows[row] + CLOSE;
            }
        }
    }

    /// How far from the left edge of its block a namespace stands.
    pub(super) fn before(&self, one: usize, frame: &Frame) -> usize {
        if self.blocks[one].is_beside {
            0
        } else {
            (self.blocks[one].width - frame.width) / 2
        }
    }
}
