//! Where the boxes of a picture stand: trees hang below what they lead to, and what is left stands in layers around its middle.

mod layers;
mod trees;

use std::collections::HashMap;

use unicode_width::UnicodeWidthStr;

use self::trees::{Manner, Trees};
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

/// How a namespace hangs from the one that it leads to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Hang {
    /// In a row below others: its cable runs at `x`, beside these, which begin at `top`.
    InLane { parent: usize, x: usize, top: usize },
    /// Beside it.
    Beside { parent: usize },
}

impl Hang {
    /// What it hangs from.
    pub(super) const fn parent(self) -> usize {
        match self {
            Self::InLane { parent, .. } | Self::Beside { parent } => parent,
        }
    }
}

/// Where everything stands.
pub(super) struct Layout {
    pub(super) frames: Vec<Frame>,
    /// By namespaces; none where it stands right below what it leads to, or leads to several.
    pub(super) hangs: Vec<Option<Hang>>,
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

/// At which of its links each namespace has a cable to each of the others: the first one.
fn order(graph: &Graph) -> HashMap<(usize, usize), usize> {
    let mut order = HashMap::new();
    for cable in &graph.cables {
        for (near, far) in [(cable.from, cable.to), (cable.to, cable.from)] {
            let first = order.entry((near.namespace, far.namespace));
            let first = first.or_insert(near.link);
            *first = near.link.min(*first);
        }
    }
    order
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
    let order = order(graph);
    let mut trees = Trees::of(&ways, |one| graph.namespaces[one].links.len());
    let (alone, core): (Vec<usize>, Vec<usize>) = {
        let is_alone = |one: &usize| ways[*one].is_empty();
        trees.core.iter().partition(|one| is_alone(one))
    };
    let mut parts = layers::layers(&core, &ways);
    // Below those of the last layer nothing else stands.
    let mut is_beside = vec![false; frames.len()];
    for layer in parts.iter().flat_map(|part| part.iter().rev().skip(1)) {
        for one in layer {
            is_beside[*one] = true;
        }
    }
    for is_narrow in [false, true] {
        let manner = Manner { widest, is_narrow };
        let first_link = |one, child| order.get(&(one, child)).copied().unwrap_or(0);
        trees.arrange(&frames, manner, first_link, |one| is_beside[one]);
        let across = |layer: &Vec<usize>| layer.iter().map(|one| trees.size(*one).0 + GAP).sum();
        let widths = parts.iter().flatten().map(across);
        if !trees.is_too_wide && widths.max().unwrap_or(0) <= widest + GAP {
            break;
        }
    }
    if !alone.is_empty() {
        parts.push(vec![alone]);
    }
    let mut lefts = vec![0; frames.len()];
    let mut y = GAP;
    let mut width = 0;
    for part in parts {
        let lines = lines(&part, widest, |one| trees.size(one).0);
        let across = lines.iter().map(|(_, wide)| *wide).max().unwrap_or(0);
        for (line, wide) in lines {
            let mut x = GAP + (across - wide) / 2;
            let mut high = 0;
            for one in line {
                let (own, height) = trees.size(one);
                lefts[one] = x;
                frames[one].x = x + trees.before(one, &frames[one]);
                frames[one].y = y;
                x += own + GAP;
                high = height.max(high);
            }
            y += high + STEP;
        }
        width = across.max(width);
    }
    let mut hangs = vec![None; frames.len()];
    trees.place(&mut frames, &mut lefts, &mut hangs);
    Layout {
        frames,
        hangs,
        width: width + 2 * GAP,
        height: (y + GAP).saturating_sub(STEP).max(2 * GAP),
    }
}

/// The layers as lines that are not too wide, each with its width.
fn lines(
    layers: &[Vec<usize>],
    widest: usize,
    width: impl Fn(usize) -> usize,
) -> Vec<(Vec<usize>, usize)> {
    let mut lines = Vec::new();
    for layer in layers {
        let mut line = Vec::new();
        let mut x = 0;
        for &one in layer {
            if x > 0 && x + width(one) > widest {
                lines.push((std::mem::take(&mut line), x - GAP));
                x = 0;
            }
            x += width(one) + GAP;
            line.push(one);
        }
        lines.push((line, x.saturating_sub(GAP)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::graph::tests::{link, star};
    use crate::view::graph::{Cable, End};

    /// Namespaces with a veth to each of those that they are wired to.
    fn wired(count: usize, wires: &[(usize, usize)]) -> Graph {
        let mut graph = Graph::default();
        for number in 0..count {
            graph.namespaces.push(Namespace {
                name: format!("n{number}"),
                count: 1,
                ..Namespace::default()
            });
        }
        for (one, other) in wires {
            let mut end = |near: usize, far: usize| {
                let links = &mut graph.namespaces[near].links;
                links.push(link(2, &format!("to-{far}"), "veth", "10.0.0.1/24"));
                End {
                    namespace: near,
                    link: links.len() - 1,
                }
            };
            let (from, to) = (end(*one, *other), end(*other, *one));
            graph.cables.push(Cable {
                from,
                to,
                kind: "veth".to_owned(),
            });
        }
        graph
    }

    /// A tree in which each has `fan` children.
    fn tree(count: usize, fan: usize) -> Graph {
        let wires: Vec<_> = (1..count).map(|one| ((one - 1) / fan, one)).collect();
        wired(count, &wires)
    }

    fn ring(count: usize) -> Graph {
        let wires: Vec<_> = (0..count).map(|one| (one, (one + 1) % count)).collect();
        wired(count, &wires)
    }

    /// Leaves with two hosts each, wired to each of the spines.
    fn fabric(spines: usize, leaves: usize) -> Graph {
        let mut wires = Vec::new();
        for leaf in spines..spines + leaves {
            wires.extend((0..spines).map(|spine| (spine, leaf)));
            let host = spines + leaves + 2 * (leaf - spines);
            wires.extend([(leaf, host), (leaf, host + 1)]);
        }
        wired(spines + 3 * leaves, &wires)
    }

    #[test]
    fn no_two_boxes_lie_over_each_other() {
        let stars = [1, 2, 12, 29, 200].map(star);
        let trees = [(2, 1), (3, 1), (29, 4), (60, 6), (3000, 1), (500, 30)];
        let trees = trees.map(|(count, fan)| tree(count, fan));
        let rings = [3, 4, 9, 200].map(ring);
        let fabrics = [(2, 3), (4, 12), (1, 2), (3, 3)];
        let fabrics = fabrics.map(|(spines, leaves)| fabric(spines, leaves));
        let apart = wired(5, &[(0, 1), (2, 3)]);
        let all = stars.into_iter().chain(trees).chain(rings);
        for graph in all.chain(fabrics).chain([apart, Graph::default()]) {
            let layout = place(&graph);
            let count = graph.namespaces.len();
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

    #[test]
    fn what_all_lead_to_stands_above_and_hosts_below_their_switch() {
        let layout = place(&fabric(2, 3));
        let tops: Vec<usize> = layout.frames.iter().map(|frame| frame.y).collect();
        let (spines, rest) = tops.split_at(2);
        let (leaves, hosts) = rest.split_at(3);
        assert!(spines.iter().max() < leaves.iter().min());
        assert!(leaves.iter().max() < hosts.iter().min());
        for leaf in 0..3 {
            let frame = |one: usize| &layout.frames[one];
            let own = [frame(5 + 2 * leaf), frame(6 + 2 * leaf)];
            let middle = frame(2 + leaf).x + frame(2 + leaf).width / 2;
            assert!(own[0].x < middle && middle < own[1].x + own[1].width);
        }
    }
}
