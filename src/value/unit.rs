//! A number with its unit behind it, as durations, rates and sizes are written.

/// Takes `"1.5 ms"` apart into 1.5 and `"ms"`; the unit is empty where there is none. `None` where no number stands in front.
pub fn split(text: &str) -> Option<(f64, &str)> {
    let trimmed = text.trim();
    let end = trimmed
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(end);
    Some((number.parse().ok()?, unit.trim_start()))
}

/// A number with at most `digits` decimals, and without trailing zeros.
pub fn number(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_number_is_told_from_its_unit() {
        assert_eq!(split(" 1.5 ms "), Some((1.5, "ms")));
        assert_eq!(split("10"), Some((10.0, "")));
        for text in ["", "ms", "-1s", "1.2.3s", "."] {
            assert_eq!(split(text), None, "{text}");
        }
    }

    #[test]
    fn a_number_is_as_short_as_it_can_be() {
        assert_eq!(number(1.0, 4), "1");
        assert_eq!(number(0.30001, 4), "0.3");
        assert_eq!(number(100.0, 0), "100");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            let _ = split(&text);
        }
    }
}
