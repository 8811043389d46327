//! What has several ways around: layers, from the middle outwards.

use std::collections::VecDeque;

/// Up to how many namespaces the middle is looked for: it takes a walk from each.
const MOST: usize = 1000;
/// How often the layers are put in order, each by the one above it and then by the one below.
const SWEEPS: usize = 4;

/// The layers of each part of the core that hangs together.
pub(super) fn layers(core: &[usize], ways: &[Vec<usize>]) -> Vec<Vec<Vec<usize>>> {
    let mut is_open = vec![false; ways.len()];
    for one in core {
        is_open[*one] = true;
    }
    let inner: Vec<Vec<usize>> = ways
        .iter()
        .map(|ways| ways.iter().copied().filter(|way| is_open[*way]).collect())
        .collect();
    let mut parts = Vec::new();
    for one in core {
        if !is_open[*one] {
            continue;
        }
        let part = walk(&[*one], &inner).concat();
        for member in &part {
            is_open[*member] = false;
        }
        let mut layers = walk(&middle(part, &inner), &inner);
        put_in_order(&mut layers, &inner);
        parts.push(layers);
    }
    parts
}

/// All that can be reached from `roots`, by how far it is from them.
fn walk(roots: &[usize], ways: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut depth = vec![usize::MAX; ways.len()];
    let mut layers = vec![roots.to_vec()];
    let mut queue: VecDeque<usize> = roots.iter().copied().collect();
    for root in roots {
        depth[*root] = 0;
    }
    while let Some(one) = queue.pop_front() {
        for next in &ways[one] {
            if depth[*next] == usize::MAX {
                let level = depth[one] + 1;
                depth[*next] = level;
                if layers.len() == level {
                    layers.push(Vec::new());
                }
                layers[level].push(*next);
                queue.push_back(*next);
            }
        }
    }
    layers
}

/// Those from which the farthest is nearest; of many the ones with most ways, and one alone where these lead to each other.
fn middle(mut part: Vec<usize>, ways: &[Vec<usize>]) -> Vec<usize> {
    part.sort_unstable();
    let best = |part: &[usize], value: &dyn Fn(usize) -> usize| -> Vec<usize> {
        let values: Vec<usize> = part.iter().map(|one| value(*one)).collect();
        let least = values.iter().min().copied().unwrap_or(0);
        let fitting = part.iter().zip(&values);
        let fitting = fitting.filter(|(_, value)| **value == least);
        fitting.map(|(one, _)| *one).collect()
    };
    if part.len() <= MOST {
        part = best(&part, &|one| walk(&[one], ways).len());
    }
    part = best(&part, &|one| usize::MAX - ways[one].len());
    let leads_to_another = |one: &usize| ways[*one].iter().any(|way| part.contains(way));
    if part.iter().any(leads_to_another) {
        part.truncate(1);
    }
    part
}

/// Puts each layer in the order of what it leads to.
fn put_in_order(layers: &mut [Vec<usize>], ways: &[Vec<usize>]) {
    let mut level = vec![usize::MAX; ways.len()];
    let mut place = vec![0; ways.len()];
    let number = |layer: &[usize], place: &mut [usize]| {
        for (at, one) in layer.iter().enumerate() {
            // As a share of the layer's width: layers differ in size, and all have the same middle.
            place[*one] = (2 * at + 1) * 10_000 / layer.len();
        }
    };
    for (number_of_layer, layer) in layers.iter_mut().enumerate() {
        layer.sort_unstable();
        number(layer, &mut place);
        for one in layer {
            level[*one] = number_of_layer;
        }
    }
    let mut sort = |layer: &mut Vec<usize>, beside: usize| {
        layer.sort_by_cached_key(|one| {
            let near: Vec<usize> = ways[*one]
                .iter()
                .filter(|way| level[**way] == beside)
                .map(|way| place[*way])
                .collect();
            let mean = near.iter().sum::<usize>().checked_div(near.len());
            (mean.unwrap_or(place[*one]), *one)
        });
        number(layer, &mut place);
    };
    for _ in 0..SWEEPS {
        for (at, layer) in layers.iter_mut().enumerate().skip(1) {
            sort(layer, at - 1);
        }
        for (at, layer) in layers.iter_mut().enumerate().rev().skip(1) {
            sort(layer, at + 1);
        }
    }
}
