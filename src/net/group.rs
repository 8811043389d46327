//! The names that iproute2 gives to the numbers of groups of links, from its own file.

use std::fs;

/// Where iproute2 keeps them: the machine's own list first, then the one that comes with it.
const FILES: [&str; 2] = ["/etc/iproute2/group", "/usr/share/iproute2/group"];

/// The number of the group `name`, which may be the number itself.
pub fn number(name: &str) -> Option<u32> {
    if let Ok(number) = name.parse() {
        return Some(number);
    }
    let mut known = known();
    known
        .find(|(_, known)| known == name)
        .map(|(number, _)| number)
}

/// What the group is called: by its number, where it has no name.
pub fn name(number: u32) -> String {
    let mut known = known();
    let found = known.find(|(known, _)| *known == number);
    found.map_or_else(|| number.to_string(), |(_, name)| name)
}

/// The names of all groups.
pub fn names() -> Vec<String> {
    known().map(|(_, name)| name).collect()
}

fn known() -> impl Iterator<Item = (u32, String)> {
    let text = FILES.iter().find_map(|file| fs::read_to_string(file).ok());
    // Without a list, as in a small container, the one that every list has.
    let lines = read(&text.unwrap_or_else(|| "0 default".to_owned()));
    lines.into_iter()
}

fn read(text: &str) -> Vec<(u32, String)> {
    let lines = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let number = words.next()?.parse().ok()?;
        Some((number, words.next()?.to_owned()))
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_a_number_and_a_name_a_line_and_remarks() {
        let text = "# groups\n0\tdefault\n7 lab\n\nx y\n";
        assert_eq!(
            read(text),
            [(0, "default".to_owned()), (7, "lab".to_owned())]
        );
    }
}
