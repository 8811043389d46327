//! Which links of a namespace stand on which.

use std::collections::HashMap;

use super::Link;

/// What stands on what, by the places of the links in the list.
pub(crate) struct Stacking {
    above: Vec<Option<usize>>,
    on: Vec<Vec<usize>>,
}

impl Stacking {
    /// That of the links of a namespace.
    pub(crate) fn of(links: &[Link]) -> Self {
        let all = links.iter().enumerate();
        let places: HashMap<u32, usize> = all.map(|(at, link)| (link.index, at)).collect();
        let above_of = |link: &Link| {
            let above = link.under.filter(|above| *above != link.index)?;
            places.get(&above).copied()
        };
        let above: Vec<Option<usize>> = links.iter().map(above_of).collect();
        let mut on = vec![Vec::new(); links.len()];
        for (at, above) in above.iter().enumerate() {
            if let Some(above) = above {
                on[*above].push(at);
            }
        }
        Self { above, on }
    }

    /// The link that `link` stands under: its master, or its parent.
    pub(super) fn above(&self, link: usize) -> Option<usize> {
        self.above[link]
    }

    /// The links that stand under `link`.
    pub(crate) fn on(&self, link: usize) -> &[usize] {
        &self.on[link]
    }

    /// The links that stand under none.
    pub(crate) fn tops(&self) -> Vec<usize> {
        let all = 0..self.above.len();
        all.filter(|at| self.above[*at].is_none()).collect()
    }

    /// All links, each behind the one that it stands under, with how deep it stands.
    pub(super) fn rows(&self) -> Vec<(usize, usize)> {
        let mut left: Vec<(usize, usize)> = self.tops().into_iter().map(|top| (top, 0)).collect();
        left.reverse();
        let mut rows = Vec::new();
        while let Some((at, depth)) = left.pop() {
            rows.push((at, depth));
            let on = self.on[at].iter().rev();
            left.extend(on.map(|one| (*one, depth + 1)));
        }
        rows
    }
}
