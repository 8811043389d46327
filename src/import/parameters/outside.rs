//! Variables of a shell script that whoever runs it may set, as parameters: from its environment, or by an option.

use super::declared;
use super::judge::{counts_with_numbers, left, only_decides, programs, tells_a_shell, used};
use super::sign::of_variable;
use crate::import::shell::expand::{HOSTNAME, asks_hostname};
use crate::import::shell::{self, Given};
use crate::import::{Nothing, Read};
use crate::steps::Item;

/// Variables that come from outside whoever runs a script, and mean something else.
const OUTSIDE: [&str; 26] = [
    "BASHPID",
    "BASH_SOURCE",
    "COLUMNS",
    "DISPLAY",
    "EDITOR",
    "EUID",
    "FUNCNAME",
    "GROUPS",
    "HOME",
    "IFS",
    "LANG",
    "LINENO",
    "LINES",
    "OPTARG",
    "OPTIND",
    "PATH",
    "PPID",
    "PWD",
    "RANDOM",
    "SECONDS",
    "SHELL",
    "SUDO_USER",
    "TERM",
    "TMPDIR",
    "UID",
    "USER",
];

/// Whether a script sets the variable by an option: to what stands behind it.
pub(crate) fn is_option(source: &str, name: &str) -> bool {
    let is_parsed = source.contains("getopts") || source.contains("shift");
    let values = ["$OPTARG", "${OPTARG}", "$2", "${2}", "${1#*=}"];
    is_parsed
        && values.iter().any(|value| {
            let [plain, quoted] = [format!("{name}={value}"), format!("{name}=\"{value}\"")];
            source.lines().any(|line| {
                let mut found = line
                    .match_indices(&plain)
                    .chain(line.match_indices(&quoted));
                found
                    .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
            })
        })
}

/// The variables that may be given from outside: those that have a value in the script where nobody gives one (`${NAME:-x}`), and those
/// that options of it set.
pub(in crate::import) fn variables(source: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let is_in_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let name_of = |text: &str| -> String { text.chars().take_while(|c| is_in_name(*c)).collect() };
    let defaulted = source.split("${").skip(1).filter_map(|rest| {
        let name = name_of(rest);
        let how = &rest[name.len()..];
        let how = how.strip_prefix(':').unwrap_or(how);
        how.starts_with(['-', '=']).then_some(name)
    });
    let set = source
        .split(['\n', ';', '\t', ' ', ')'])
        .filter_map(|word| {
            let name = name_of(word);
            let is_set = word[name.len()..].starts_with('=');
            (is_set && is_option(source, &name)).then_some(name)
        });
    let own = shell::own::names(source);
    let used = source.split('$').skip(1).filter_map(|rest| {
        let name = name_of(rest.strip_prefix('{').unwrap_or(rest));
        (!own.contains(&name)).then_some(name)
    });
    let commands = source.split("$(").skip(1).chain(source.split('`').skip(1));
    let mut commands = commands.filter_map(|rest| rest.split([')', '`']).next());
    let machine = commands.any(asks_hostname).then(|| HOSTNAME.to_owned());
    for name in defaulted.chain(set).chain(used).chain(machine) {
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let is_new = is_name && !names.contains(&name) && !OUTSIDE.contains(&name.as_str());
        if is_new && of_variable(names.len()).is_some() {
            names.push(name);
        }
    }
    names
}

/// Reads a source once more with those of `variables` as parameters that leave out no more than their values do. `asked` is what was
/// read with the arguments as parameters, where that was better than `known`.
pub(in crate::import) fn with(
    asked: Option<(Read, Given, usize)>,
    variables: Vec<String>,
    known: &mut Read,
    given: &Given,
    again: impl Fn(&Given) -> Result<Read, Nothing>,
) -> Option<Read> {
    let has_arguments = asked.is_some();
    let (mut best, mut given, needed) = match asked {
        Some(asked) => asked,
        None => (std::mem::take(known), given.clone(), 0),
    };
    let mut has_any = false;
    for name in variables {
        let mut given_too = given.clone();
        given_too.variables.push(name);
        let Some((number, _)) = of_variable(given.variables.len()) else {
            break;
        };
        let Ok(read) = again(&given_too) else {
            continue;
        };
        let is_good = read.fails == best.fails
            && left(&read) <= left(&best)
            && programs(&read) <= programs(&best)
            && used(&read).contains(&number)
            && counts_with_numbers(&read, needed)
            && match read.asked.defaults.get(&number) {
                // What is empty can only be asked for.
                Some(Some(default)) => !default.is_empty() || only_decides(&read, number),
                _ => false,
            }
            && !Item::all(&read.items).into_iter().any(tells_a_shell);
        if is_good {
            (best, given, has_any) = (read, given_too, true);
        }
    }
    if has_arguments || has_any {
        return Some(declared(best, needed));
    }
    *known = best;
    None
}
