//! Counts: as scripts have them, and in words: `2 namespaces, 1 link`.

/// A count as a script has it. One that no number of a script can hold, which takes centuries of packets, is told as the largest.
pub fn int(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// Counts of things: how many, and what one and several of them are called.
pub type Count = (usize, &'static str, &'static str);

/// The counts above zero, in words; `None` where all are zero. Beside other things, changes are called other changes.
pub fn in_words(counts: impl IntoIterator<Item = Count>) -> Option<String> {
    let mut parts: Vec<String> = Vec::new();
    for (count, one, many) in counts.into_iter().filter(|(count, ..)| *count > 0) {
        let name = if count == 1 { one } else { many };
        let other = if one == "change" && !parts.is_empty() {
            "other "
        } else {
            ""
        };
        parts.push(format!("{count} {other}{name}"));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_others_where_there_are_things() {
        let changes = (2, "change", "changes");
        let links = |count| (count, "link", "links");
        let words = |counts| in_words(counts).unwrap_or_default();
        assert_eq!(words([links(1), changes]), "1 link, 2 other changes");
        assert_eq!(words([links(0), changes]), "2 changes");
        assert_eq!(in_words([links(0)]), None);
    }
}
