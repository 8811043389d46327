//! How well a name fits what is typed: its beginning first, then any part of it, then its letters in their order.

/// How well something fits; less is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// It begins with what is typed.
    Beginning,
    /// The same in other letters of upper and lower case.
    BeginningInOtherCase,
    /// One of its parts begins with what is typed.
    Part,
    /// What is typed stands in it.
    Within,
    /// The letters stand in it in their order, so many others in between.
    Scattered(usize),
}

impl Rank {
    /// How well `name` fits `typed`; none where it does not.
    pub(super) fn of(name: &str, typed: &str) -> Option<Self> {
        if name.starts_with(typed) {
            return Some(Self::Beginning);
        }
        let (name, typed) = (name.to_lowercase(), typed.to_lowercase());
        if name.starts_with(&typed) {
            return Some(Self::BeginningInOtherCase);
        }
        // Of one letter too much would fit.
        if typed.chars().count() < 2 {
            return None;
        }
        let mut parts = name.match_indices(typed.as_str()).peekable();
        if parts.peek().is_some() {
            let begins = |at: usize| !name[..at].ends_with(char::is_alphanumeric);
            let is_part = parts.any(|(at, _)| begins(at));
            return Some(if is_part { Self::Part } else { Self::Within });
        }
        scattered(&name, &typed).map(Self::Scattered)
    }

    /// Whether what is typed is how it begins.
    pub(super) fn is_beginning(self) -> bool {
        self == Self::Beginning
    }
}

/// How many others stand between the letters of `typed` in `name`.
fn scattered(name: &str, typed: &str) -> Option<usize> {
    let mut wanted = typed.chars().peekable();
    let mut between = 0;
    let mut has_begun = false;
    for letter in name.chars() {
        match wanted.peek() {
            None => break,
            Some(next) if *next == letter => {
                wanted.next();
                has_begun = true;
            }
            Some(_) => between += usize::from(has_begun),
        }
    }
    wanted.peek().is_none().then_some(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_comes_before_a_part_and_that_before_letters() {
        let rank = |name, typed| Rank::of(name, typed);
        assert_eq!(rank("ping(", "pi"), Some(Rank::Beginning));
        assert_eq!(rank("Netns", "ne"), Some(Rank::BeginningInOtherCase));
        assert_eq!(rank("wait_port", "po"), Some(Rank::Part));
        assert_eq!(rank("export", "po"), Some(Rank::Within));
        assert_eq!(rank("wait_port", "wp"), Some(Rank::Scattered(4)));
        assert_eq!(rank("wait_port", "pw"), None);
        assert_eq!(rank("wait_port", "p"), None);
        assert!(Rank::Part < Rank::Within && Rank::Scattered(1) < Rank::Scattered(2));
    }
}
