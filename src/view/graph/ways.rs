//! The ways of the cables of a picture, as SVG writes them.

use std::collections::HashMap;

use super::layout::{Frame, Hang, Layout};
use super::{Cable, End, Graph};

/// How round the corners of lanes are, and how far from the corners of a box its cables end.
const CORNER: i64 = 12;
/// How far beside a box a cable may go down that leaves it from below.
const NEAR: i64 = 60;

/// Where a cable meets a box, and which way it leaves it.
#[derive(Clone, Copy)]
struct Socket {
    x: i64,
    y: i64,
    out: (i64, i64),
}

fn signed(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn sides(frame: &Frame) -> (i64, i64) {
    (signed(frame.x), signed(frame.x + frame.width))
}

fn middle(frame: &Frame) -> i64 {
    signed(frame.x + frame.width / 2)
}

/// Whether a box stands above another.
fn is_above(one: &Frame, other: &Frame) -> bool {
    one.y + one.height <= other.y
}

/// The side of a row that is nearer to `x`.
fn beside(frame: &Frame, link: usize, x: i64) -> Socket {
    let (left, right) = sides(frame);
    let is_left = x < middle(frame);
    Socket {
        x: if is_left { left } else { right },
        y: signed(frame.middle_of(link)),
        out: (if is_left { -1 } else { 1 }, 0),
    }
}

/// The way of a curve from one place to another.
fn curve(one: &Socket, other: &Socket) -> String {
    let (across, down) = (one.x.abs_diff(other.x) / 2, one.y.abs_diff(other.y) / 2);
    // Down from one and down into the other: it must not swing beyond either.
    let is_upright = one.out.0 == 0 && other.out.0 == 0;
    let away = if is_upright { down } else { across.max(down) };
    let reach = i64::try_from(away.clamp(24, 120)).unwrap_or(24);
    let bend = |socket: &Socket| {
        (
            socket.x + socket.out.0 * reach,
            socket.y + socket.out.1 * reach,
        )
    };
    let ((x1, y1), (x2, y2)) = (bend(one), bend(other));
    let (Socket { x: x0, y: y0, .. }, Socket { x, y, .. }) = (one, other);
    format!("M{x0} {y0} C{x1} {y1} {x2} {y2} {x} {y}")
}

/// A cable that leads down.
#[derive(Clone, Copy)]
struct Down {
    upper: End,
    lower: End,
    /// Where it comes to: the top of the lower box, or the lane beside those above it.
    to: Socket,
    is_in_lane: bool,
}

/// An end of a cable at the top or at the bottom of a box: the box, where the cable leads, and which of its links and cables it is.
type Vertical = (usize, i64, usize, usize);

/// Where on their sides such ends are, by the numbers of the cables: from left to right in the order of what they lead to.
fn spread(frames: &[Frame], ends: impl Iterator<Item = Vertical>) -> HashMap<usize, i64> {
    let mut ends: Vec<Vertical> = ends.collect();
    ends.sort_unstable();
    let mut places = HashMap::new();
    for group in ends.chunk_by(|one, other| one.0 == other.0) {
        let (left, right) = sides(&frames[group[0].0]);
        let count = signed(group.len());
        for (at, (_, x, _, cable)) in (1..).zip(group) {
            let place = match count {
                // Straight, as far as it can be.
                1 => (*x).clamp(left + CORNER, right - CORNER),
                _ => left + (right - left) * at / (count + 1),
            };
            places.insert(*cable, place);
        }
    }
    places
}

/// A cable's ends, the upper one first; none where both are at the sides of boxes.
fn upper_first(cable: &Cable, layout: &Layout) -> Option<(End, End)> {
    let (one, other) = (cable.from, cable.to);
    let frame = |end: End| &layout.frames[end.namespace];
    let is_beside =
        |end: End, other: End| matches!(hang(layout, end, other), Some(Hang::Beside { .. }));
    if is_beside(one, other) || is_beside(other, one) {
        None
    } else if is_above(frame(one), frame(other)) {
        Some((one, other))
    } else if is_above(frame(other), frame(one)) {
        Some((other, one))
    } else {
        None
    }
}

/// How the namespace of an end hangs from that of another.
fn hang(layout: &Layout, end: End, other: End) -> Option<Hang> {
    layout.hangs[end.namespace].filter(|hang| hang.parent() == other.namespace)
}

/// The way of each cable: from the upper box down to the top of the lower one, or beside what stands in between to its side; or
/// from side to side of boxes that stand beside each other.
pub(super) fn ways(graph: &Graph, layout: &Layout) -> Vec<String> {
    let frames = &layout.frames;
    let frame = |end: End| &frames[end.namespace];
    let pairs = graph.cables.iter().enumerate();
    let pairs: Vec<(usize, (End, End))> = pairs
        .filter_map(|(number, cable)| Some((number, upper_first(cable, layout)?)))
        .collect();
    let tops = pairs
        .iter()
        .filter(|(_, (upper, lower))| hang(layout, *lower, *upper).is_none())
        .map(|(number, (upper, lower))| {
            let from = middle(frame(*upper));
            (lower.namespace, from, upper.link, *number)
        });
    let tops = spread(frames, tops);
    let down = |(number, (upper, lower)): &(usize, (End, End))| {
        let lane = match hang(layout, *lower, *upper) {
            Some(Hang::InLane { x, top, .. }) => Some((signed(x), signed(top))),
            _ => None,
        };
        let top = || {
            let x = tops.get(number).copied();
            (
                x.unwrap_or_else(|| middle(frame(*lower))),
                signed(frame(*lower).y),
            )
        };
        let (x, y) = lane.unwrap_or_else(top);
        let down = Down {
            upper: *upper,
            lower: *lower,
            to: Socket { x, y, out: (0, -1) },
            is_in_lane: lane.is_some(),
        };
        (*number, down)
    };
    let downs: HashMap<usize, Down> = pairs.iter().map(down).collect();
    let bottoms = downs.iter().filter(|(_, down)| leaves_below(frames, down));
    let bottoms = bottoms.map(|(number, down)| {
        (
            down.upper.namespace,
            down.to.x,
            down.lower.namespace,
            *number,
        )
    });
    let bottoms = spread(frames, bottoms);
    let cables = graph.cables.iter().enumerate();
    cables
        .map(|(number, cable)| {
            if let Some(down) = downs.get(&number) {
                return down.way(frames, bottoms.get(&number).copied());
            }
            let (one, other) = (frame(cable.from), frame(cable.to));
            curve(
                &beside(one, cable.from.link, middle(other)),
                &beside(other, cable.to.link, middle(one)),
            )
        })
        .collect()
}

impl Down {
    /// Its way, where it leaves the upper box from below at `bottom`, or from the side.
    fn way(&self, frames: &[Frame], bottom: Option<i64>) -> String {
        let (above, below) = (&frames[self.upper.namespace], &frames[self.lower.namespace]);
        let from_below = |x| Socket {
            x,
            y: signed(above.y + above.height),
            out: (0, 1),
        };
        let begin = bottom.map_or_else(|| beside(above, self.upper.link, self.to.x), from_below);
        let way = curve(&begin, &self.to);
        if !self.is_in_lane {
            return way;
        }
        let Socket { x, y, .. } = self.to;
        let end = beside(below, self.lower.link, x);
        let corner = end.y - CORNER.min(end.y - y);
        format!("{way} V{corner} Q{x} {} {} {}", end.y, end.x, end.y)
    }
}

/// Whether a cable leaves its upper box from below: it would come back from the side, or another box stands on its way there.
fn leaves_below(frames: &[Frame], down: &Down) -> bool {
    let above = &frames[down.upper.namespace];
    let (left, right) = sides(above);
    let x = down.to.x;
    if left - NEAR <= x && x <= right + NEAR {
        return true;
    }
    frames.iter().any(|other| {
        let (from, to) = sides(other);
        let is_abreast = other.y < above.y + above.height && above.y < other.y + other.height;
        let is_between = if x < left {
            to <= left && x < to
        } else {
            from >= right && from < x
        };
        is_abreast && is_between
    })
}
