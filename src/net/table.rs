//! Names of routing tables, as iproute2 has them in its files.

use std::fs;
use std::sync::OnceLock;

/// Where iproute2 looks, the first that is there counting.
const FILES: [&str; 2] = ["/etc/iproute2/rt_tables", "/usr/share/iproute2/rt_tables"];
/// Further files, all of which count.
const FOLDERS: [&str; 2] = [
    "/etc/iproute2/rt_tables.d",
    "/usr/share/iproute2/rt_tables.d",
];
/// What every kernel has (`RT_TABLE_*` of `linux/rtnetlink.h`).
const OWN: [(u32, &str); 3] = [(255, "local"), (254, "main"), (253, "default")];

/// Every table with a name, each number once.
pub fn names() -> &'static [(u32, String)] {
    static NAMES: OnceLock<Vec<(u32, String)>> = OnceLock::new();
    NAMES.get_or_init(|| {
        let mut text = FILES
            .iter()
            .find_map(|file| fs::read_to_string(file).ok())
            .unwrap_or_default();
        let entries = FOLDERS
            .iter()
            .filter_map(|folder| fs::read_dir(folder).ok());
        let mut paths: Vec<_> = entries.flatten().flatten().map(|e| e.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|end| end == "conf"));
        paths.sort();
        for path in paths {
            text.push('\n');
            text.push_str(&fs::read_to_string(path).unwrap_or_default());
        }
        read(&text)
    })
}

fn read(text: &str) -> Vec<(u32, String)> {
    let mut names: Vec<(u32, String)> = OWN.map(|(number, name)| (number, name.to_owned())).into();
    for line in text.lines() {
        let mut words = line
            .split('#')
            .next()
            .unwrap_or_default()
            .split_whitespace();
        let number = words
            .next()
            .and_then(|number| match number.strip_prefix("0x") {
                Some(digits) => u32::from_str_radix(digits, 16).ok(),
                None => number.parse().ok(),
            });
        if let (Some(number), Some(name)) = (number, words.next())
            && number > 0
            && !names.iter().any(|(known, _)| *known == number)
        {
            names.push((number, name.to_owned()));
        }
    }
    names
}

/// The table as `ip` prints it: by its name, where it has one.
pub fn text(number: u32) -> String {
    let name = names().iter().find(|(known, _)| *known == number);
    name.map_or_else(|| number.to_string(), |(_, name)| name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_iproute2_writes_them() {
        let names =
            read("#\n# reserved\n254\tmain\n0 unspec\n100 blue # ours\n0x65\tred\nx y\n101 late");
        let own = names
            .iter()
            .skip(3)
            .map(|(number, name)| (*number, name.as_str()));
        assert_eq!(own.collect::<Vec<_>>(), [(100, "blue"), (101, "red")]);
        assert_eq!(
            (text(254), text(7777)),
            ("main".to_owned(), "7777".to_owned())
        );
    }
}
