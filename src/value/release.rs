//! Versions of kernels, such as `6.12.95+deb12-cloud-amd64`: which is the newer one, and which a prefix means.

use std::cmp::Ordering;

/// Compares two versions part by part, numbers as numbers: `6.9` is older than `6.12`.
pub fn compare(one: &str, other: &str) -> Ordering {
    parts(one).cmp(&parts(other))
}

/// Whether `wanted` is the beginning of `version`, and ends where a number of it ends: `6.1` begins `6.1.0-48`, and not `6.12.95`.
pub fn begins(version: &str, wanted: &str) -> bool {
    version.strip_prefix(wanted).is_some_and(|rest| {
        let is_digit = |char: Option<char>| char.is_some_and(|char| char.is_ascii_digit());
        let cuts_a_number = is_digit(wanted.chars().next_back()) && is_digit(rest.chars().next());
        !(wanted.is_empty() || cuts_a_number)
    })
}

/// The series that a version is of: `6.12` of `6.12.95`.
pub fn series(version: &str) -> &str {
    let mut dots = version.match_indices(|char: char| !char.is_ascii_digit());
    match (dots.next(), dots.next()) {
        (Some((_, ".")), Some((end, _))) => &version[..end],
        _ => version,
    }
}

/// A piece of a version. What is no number comes before what is one, as `-rc1` does before `.1`.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part<'a> {
    Text(&'a str),
    Number(u64),
}

fn parts(version: &str) -> Vec<Part<'_>> {
    let pieces = version.split(['.', '-', '+', '~', '_']).flat_map(|piece| {
        let is_digit = |char: char| char.is_ascii_digit();
        let mut rest = piece;
        std::iter::from_fn(move || {
            let first = rest.chars().next()?;
            let end = rest
                .find(|char: char| is_digit(char) != is_digit(first))
                .unwrap_or(rest.len());
            let (now, then) = rest.split_at(end);
            rest = then;
            Some(now)
        })
    });
    pieces
        .map(|piece| piece.parse().map_or(Part::Text(piece), Part::Number))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_a_version_are_compared_as_numbers() {
        let mut versions = [
            "6.12.95+deb12-cloud-amd64",
            "6.1.0-48-cloud-amd64",
            "6.12.90+deb12.1-cloud-amd64",
            "6.1.0-9-cloud-amd64",
            "6.12.90+deb12-cloud-amd64",
            "6.9",
        ];
        versions.sort_by(|one, other| compare(one, other));
        assert_eq!(
            versions,
            [
                "6.1.0-9-cloud-amd64",
                "6.1.0-48-cloud-amd64",
                "6.9",
                "6.12.90+deb12-cloud-amd64",
                "6.12.90+deb12.1-cloud-amd64",
                "6.12.95+deb12-cloud-amd64",
            ]
        );
    }

    #[test]
    fn a_prefix_ends_where_a_number_ends() {
        for (version, wanted, begins_so) in [
            ("6.1.0-48-cloud-amd64", "6.1", true),
            ("6.1.0-48-cloud-amd64", "6.1.", true),
            ("6.1.0-48-cloud-amd64", "6.1.0-48", true),
            ("6.1.0-48-cloud-amd64", "6.1.0-4", false),
            ("6.12.95", "6.1", false),
            ("6.12.95", "6", true),
            ("6.12.95", "", false),
            ("6.12.95", "5", false),
        ] {
            assert_eq!(begins(version, wanted), begins_so, "{version} {wanted}");
        }
    }

    #[test]
    fn a_series_is_the_first_two_numbers() {
        for (version, wanted) in [
            ("6.12.95+deb12-cloud-amd64", "6.12"),
            ("6.8.0-50-generic", "6.8"),
            ("7.0-rc1", "7.0"),
            ("7.0", "7.0"),
            ("next", "next"),
        ] {
            assert_eq!(series(version), wanted);
        }
    }
}
