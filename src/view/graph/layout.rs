//! Where the boxes of a picture stand: in layers around the namespace that most cables lead to.

use std::collections::{HashMap, VecDeque};

use unicode_width::UnicodeWidthStr;

use super::stacking::Stacking;
use super::{Graph, Namespace, is_shown, row, title};

/// The height of a row, in pixels.
pub(super) const ROW: usize = 18;
/// The height of a title.
pub(super) const TITLE: usize = 26;
/// The width of a character of 12 pixels, in tenths of a pixel.
const CHARACTER: usize = 73;
/// How far a link stands in from the one that it is under.
pub(super) const INDENT: usize = 14;
/// The least width of a box.
const NARROWEST: usize = 90;
/// What is left free inside of a box at each side.
pub(super) const PADDING: usize = 10;
/// What is left free between two boxes of a row, and around the picture.
const GAP: usize = 44;
/// What is left free between two rows of boxes.
const STEP: usize = 54;
/// How wide a row of boxes may be at least.
const WIDE: usize = 1200;

/// A namespace's box.
#[derive(Clone, Debug, Default)]
pub(super) struct Frame {
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) width: usize,
    pub(super) height: usize,
    /// The links in the order of its rows, each with how deep it stands under others.
    pub(super) rows: Vec<(usize, usize)>,
}

impl Frame {
    fn of(namespace: &Namespace) -> Self {
        let rows = rows(namespace);
        let widths = rows.iter().map(|(link, depth)| {
            let text = row(&namespace.links[*link]).width();
            text * CHARACTER / 10 + depth * INDENT
        });
        let title = title(namespace).width() * CHARACTER / 10 * 11 / 10;
        let widest = widths.chain([title]).max().unwrap_or(0);
        Self {
            width: (widest + 2 * PADDING).max(NARROWEST),
            height: TITLE + rows.len() * ROW + if rows.is_empty() { 4 } else { 8 },
            rows,
            ..Self::default()
        }
    }

    /// The middle of the row of a link, from the top of the picture.
    pub(super) fn middle_of(&self, link: usize) -> usize {
        let row = self.rows.iter().position(|(known, _)| *known == link);
        match row {
            Some(row) => self.y + TITLE + row * ROW + ROW / 2,
            None => self.y + TITLE / 2,
        }
    }
}

/// Where everything stands.
pub(super) struct Layout {
    pub(super) frames: Vec<Frame>,
    pub(super) width: usize,
    pub(super) height: usize,
}

/// The links that are shown, each behind the one that it stands under.
fn rows(namespace: &Namespace) -> Vec<(usize, usize)> {
    let mut rows = Stacking::of(&namespace.links).rows();
    rows.retain(|(at, _)| is_shown(&namespace.links[*at]));
    rows
}

/// Whom each namespace has cables to, each once, in order.
fn neighbours(graph: &Graph) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new(); graph.namespaces.len()];
    for cable in &graph.cables {
        let (from, to) = (cable.from.namespace, cable.to.namespace);
        if from != to {
            all[from].push(to);
            all[to].push(from);
        }
    }
    for ways in &mut all {
        ways.sort_unstable();
        ways.dedup();
    }
    all
}

/// The layers of each part of the graph that hangs together, from its middle outwards. Those without any cable are one part.
fn parts(graph: &Graph, ways: &[Vec<usize>]) -> Vec<Vec<Vec<usize>>> {
    let mut by_degree: Vec<usize> = (0..ways.len()).collect();
    let weight = |one: &usize| (ways[*one].len(), graph.namespaces[*one].links.len());
    by_degree.sort_by_key(|one| (std::cmp::Reverse(weight(one)), *one));
    let mut depth: HashMap<usize, usize> = HashMap::new();
    let mut parts = Vec::new();
    let mut alone = Vec::new();
    for root in by_degree {
        if ways[root].is_empty() {
            alone.push(root);
            continue;
        }
        if depth.contains_key(&root) {
            continue;
        }
        let mut layers: Vec<Vec<usize>> = Vec::new();
        let mut queue = VecDeque::from([root]);
        depth.insert(root, 0);
        while let Some(one) = queue.pop_front() {
            let level = depth[&one];
            if layers.len() <= level {
                layers.push(Vec::new());
            }
            layers[level].push(one);
            for next in &ways[one] {
                if !depth.contains_key(next) {
                    depth.insert(*next, level + 1);
                    queue.push_back(*next);
                }
            }
        }
        parts.push(layers);
    }
    if !alone.is_empty() {
        parts.push(vec![alone]);
    }
    parts
}

/// Finds a place for everything.
pub(super) fn place(graph: &Graph) -> Layout {
    let mut frames: Vec<Frame> = graph.namespaces.iter().map(Frame::of).collect();
    let area: usize = frames
        .iter()
        .map(|frame| (frame.width + GAP) * (frame.height + STEP))
        .sum();
    // About three times as wide as high, where there is much to show.
    let widest = area.isqrt().saturating_mul(2).max(WIDE);
    let ways = neighbours(graph);
    let mut y = GAP;
    let mut width = 0;
    for layers in parts(graph, &ways) {
        let mut lines: Vec<(Vec<usize>, usize)> = Vec::new();
        let mut centers: HashMap<usize, usize> = HashMap::new();
        for mut layer in layers {
            // Under the middle of those above that it has cables to.
            let mut key = |one: &usize| {
                let above: Vec<usize> = ways[*one]
                    .iter()
                    .filter_map(|way| centers.get(way).copied())
                    .collect();
                let mean = above
                    .iter()
                    .sum::<usize>()
                    .checked_div(above.len())
                    .unwrap_or(0);
                (mean, *one)
            };
            layer.sort_by_key(&mut key);
            let mut line = Vec::new();
            let mut x = 0;
            for one in layer {
                if x > 0 && x + frames[one].width > widest {
                    lines.push((std::mem::take(&mut line), x - GAP));
                    x = 0;
                }
                frames[one].x = x;
                centers.insert(one, x + frames[one].width / 2);
                x += frames[one].width + GAP;
                line.push(one);
            }
            lines.push((line, x.saturating_sub(GAP)));
        }
        let across = lines.iter().map(|(_, width)| *width).max().unwrap_or(0);
        for (line, wide) in lines {
            let left = GAP + (across - wide) / 2;
            let high = line
                .iter()
                .map(|one| frames[*one].height)
                .max()
                .unwrap_or(0);
            for one in line {
                frames[one].x += left;
                frames[one].y = y;
            }
            y += high + STEP;
        }
        width = width.max(across);
    }
    Layout {
        frames,
        width: width + 2 * GAP,
        height: (y + GAP).saturating_sub(STEP).max(2 * GAP),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::graph::tests::star;

    #[test]
    fn no_two_boxes_lie_over_each_other() {
        for count in [1, 2, 12, 29, 200] {
            let graph = star(count);
            let layout = place(&graph);
            for (number, one) in layout.frames.iter().enumerate() {
                assert!(one.x + one.width <= layout.width && one.y + one.height <= layout.height);
                for other in &layout.frames[number + 1..] {
                    let beside = one.x + one.width <= other.x || other.x + other.width <= one.x;
                    let below = one.y + one.height <= other.y || other.y + other.height <= one.y;
                    assert!(beside || below, "{count}: {one:?} {other:?}");
                }
            }
        }
    }
}
