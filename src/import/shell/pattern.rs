//! The patterns of a shell: `*`, `?` and `[…]`.

/// Whether a whole text is as the pattern says. `\` takes the meaning from what follows.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    // Which beginnings of the text are as the pattern says so far.
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    let mut at = 0;
    while at < pattern.len() {
        let mut next = vec![false; text.len() + 1];
        if pattern[at] == '*' {
            let mut any = false;
            for index in 0..=text.len() {
                any |= reached[index];
                next[index] = any;
            }
            at += 1;
        } else {
            let (end, is) = one(&pattern, at);
            for index in 0..text.len() {
                next[index + 1] = reached[index] && is(text[index]);
            }
            at = end;
        }
        reached = next;
    }
    reached[text.len()]
}

/// What a part of a pattern says of one character, and where the part ends.
fn one(pattern: &[char], at: usize) -> (usize, Box<dyn Fn(char) -> bool + '_>) {
    match pattern[at] {
        '?' => (at + 1, Box::new(|_| true)),
        '\\' if at + 1 < pattern.len() => {
            let wanted = pattern[at + 1];
            (at + 2, Box::new(move |c| c == wanted))
        }
        '[' => {
            let is_not = matches!(pattern.get(at + 1), Some('!' | '^'));
            let begin = at + 1 + usize::from(is_not);
            let end = (begin + 1..pattern.len()).find(|end| pattern[*end] == ']');
            let Some(end) = end else {
                return (at + 1, Box::new(|c| c == '['));
            };
            let set = &pattern[begin..end];
            let has = move |c: char| {
                let mut index = 0;
                while index < set.len() {
                    if index + 2 < set.len() && set[index + 1] == '-' {
                        if (set[index]..=set[index + 2]).contains(&c) {
                            return true;
                        }
                        index += 3;
                    } else {
                        if set[index] == c {
                            return true;
                        }
                        index += 1;
                    }
                }
                false
            };
            (end + 1, Box::new(move |c| has(c) != is_not))
        }
        wanted => (at + 1, Box::new(move |c| c == wanted)),
    }
}

/// A text without the shortest or longest beginning or end that is as the pattern says.
pub(super) fn cut<'a>(
    text: &'a str,
    pattern: &str,
    is_beginning: bool,
    is_longest: bool,
) -> &'a str {
    let mut places: Vec<usize> = text.char_indices().map(|(index, _)| index).collect();
    places.push(text.len());
    if is_beginning == is_longest {
        places.reverse();
    }
    for place in places {
        let (begin, end) = text.split_at(place);
        let (tried, rest) = if is_beginning {
            (begin, end)
        } else {
            (end, begin)
        };
        if matches(pattern, tried) {
            return rest;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_a_shell() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abb", false),
            ("?", "ä", true),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("[", "[", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
        assert_eq!(cut("10.0.0.1/24", "/*", false, false), "10.0.0.1");
        assert_eq!(cut("10.0.0.1", ".*", false, false), "10.0.0");
        assert_eq!(cut("10.0.0.1", ".*", false, true), "10");
        assert_eq!(cut("a/b/c", "*/", true, true), "c");
        assert_eq!(cut("a/b/c", "*/", true, false), "b/c");
    }
}
