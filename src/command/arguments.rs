//! Which words of the command line are ipvsh's own, and which of them a micro-VM gets. All of it follows from clap's
//! definition, so that a new option needs no line here.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint};

/// Options that say where a run takes place, what is run and with what: a micro-VM is told of them apart.
const NOT_PASSED_ON: [&str; 6] = ["sandbox", "kernel", "expression", "write", "params", "on"];

/// Splits the command line before the script, or behind the expression: what follows is none of ipvsh's own.
pub(crate) fn split(command: &Command, arguments: Vec<OsString>) -> (Vec<OsString>, Vec<OsString>) {
    let mut own: Vec<OsString> = Vec::new();
    let mut left = arguments.into_iter();
    own.extend(left.next());
    while let Some(argument) = left.next() {
        let text = argument.to_str().unwrap_or_default();
        if text.starts_with('-') && text != "-" {
            let option = option(command, text);
            own.push(argument);
            if let Some((option, value_follows)) = option {
                if value_follows {
                    own.extend(left.next());
                }
                if option.get_id() == "expression" {
                    break;
                }
            }
        } else if command.find_subcommand(text).is_some() || text == "help" {
            own.push(argument);
            own.extend(left.by_ref());
        } else {
            return (own, std::iter::once(argument).chain(left).collect());
        }
    }
    (own, left.collect())
}

/// The option that `text` gives, and whether its value is the next word.
fn option<'a>(command: &'a Command, text: &str) -> Option<(&'a Arg, bool)> {
    let mut arguments = command.get_arguments();
    if let Some(long) = text.strip_prefix("--") {
        let name = long.split('=').next();
        let found = arguments.find(|argument| argument.get_long() == name)?;
        let value_follows = takes_next_word(found) && !long.contains('=');
        return Some((found, value_follows));
    }
    // Of short options that stand together, the first one that takes a value takes the rest as its value.
    let shorts: Vec<char> = text.strip_prefix('-')?.chars().collect();
    let mut last = None;
    for (index, short) in shorts.iter().enumerate() {
        let found = command
            .get_arguments()
            .find(|argument| argument.get_short() == Some(*short))?;
        if takes_next_word(found) {
            return Some((found, index + 1 == shorts.len()));
        }
        last = Some(found);
    }
    last.map(|found| (found, false))
}

fn takes_next_word(argument: &Arg) -> bool {
    argument.get_action().takes_values() && !argument.is_require_equals_set()
}

/// Moves the options that belong to every command, as `--json`, from behind the script of a command to the front, and those of
/// the command itself, as `--output` of `graph`, before the script.
///
/// A parameter that the script declares under such a name stays where it is; `declared` names the parameters of a
/// script. What stands behind `--` is the script's, too.
pub(crate) fn bring_forward(
    command: &Command,
    own: Vec<OsString>,
    declared: impl Fn(&Path) -> Vec<String>,
) -> Vec<OsString> {
    let Some((name, start)) = name_and_script(command, &own) else {
        return own;
    };
    let parameters = std::cell::OnceCell::new();
    let is_parameter = |name: &str| {
        let names = parameters.get_or_init(|| declared(Path::new(&own[start - 1])));
        names.iter().any(|known| known == name)
    };
    let asked = own[name]
        .to_str()
        .and_then(|name| command.find_subcommand(name));
    let (mut front, mut middle, mut back) = (
        own[..name].to_vec(),
        Vec::new(),
        own[name + 1..start].to_vec(),
    );
    let mut words = own[start..].iter();
    while let Some(word) = words.next() {
        let text = word.to_str().unwrap_or_default();
        if text == "--" {
            back.push(word.clone());
            back.extend(words.by_ref().cloned());
            break;
        }
        match option(command, text) {
            Some((option, value_follows))
                if option.is_global_set() && !option.get_long().is_some_and(&is_parameter) =>
            {
                front.push(word.clone());
                if value_follows {
                    front.extend(words.next().cloned());
                }
                continue;
            }
            _ => {}
        }
        // Of the options of the command itself all but `--help`, which is the script's.
        match asked.and_then(|asked| option(asked, text)) {
            Some((option, value_follows))
                if !option.is_global_set()
                    && !matches!(option.get_action(), ArgAction::Help)
                    && !option.get_long().is_some_and(&is_parameter) =>
            {
                middle.push(word.clone());
                if value_follows {
                    middle.extend(words.next().cloned());
                }
            }
            _ => back.push(word.clone()),
        }
    }
    front.push(own[name].clone());
    front.extend(middle);
    front.extend(back);
    front
}

/// Where the name of a command stands that takes a script with parameters, and where the words behind the script begin.
pub(super) fn name_and_script(command: &Command, own: &[OsString]) -> Option<(usize, usize)> {
    let mut index = 1;
    let mut name = None;
    let mut below = command;
    while let Some(word) = own.get(index) {
        let text = word.to_str().unwrap_or_default();
        index += 1;
        if text.starts_with('-') && text != "-" {
            // The options of all commands are those of the program as well.
            if option(command, text).is_some_and(|(_, value_follows)| value_follows) {
                index += 1;
            }
        } else if let Some(found) = below.find_subcommand(text) {
            name.get_or_insert(index - 1);
            below = found;
        } else {
            let takes_parameters = below.get_positionals().any(Arg::is_trailing_var_arg_set);
            return name.filter(|_| takes_parameters).map(|name| (name, index));
        }
    }
    None
}

/// The options that were given and that the command does not heed; none where nothing is amiss.
pub(crate) fn unheeded(command: &Command, matches: &ArgMatches, heeded: &[&str]) -> Option<String> {
    given(command, matches)
        .find(|option| !option.is_global_set() && !heeded.contains(&option.get_id().as_str()))
        .and_then(Arg::get_long)
        .map(|long| format!("--{long}"))
}

/// The options of the program that were given, in the order of the help.
fn given<'a>(command: &'a Command, matches: &'a ArgMatches) -> impl Iterator<Item = &'a Arg> {
    command
        .get_arguments()
        .filter(|option| !matches!(option.get_action(), ArgAction::Help | ArgAction::Version))
        .filter(|option| {
            matches.value_source(option.get_id().as_str()) == Some(ValueSource::CommandLine)
        })
}

/// What a run in a micro-VM is told of the options that were given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PassedOn {
    /// The options, as they are typed.
    pub(crate) options: Vec<OsString>,
    /// The options of the command below the program, likewise.
    pub(crate) of_command: Vec<OsString>,
    /// The files that they name, which the run writes: absolute paths of the host.
    pub(crate) files: Vec<PathBuf>,
}

/// The options that were given and that mean the same in a micro-VM.
///
/// A file that an option names is one to write. It is named by its absolute path, as it comes back to the same place.
pub(crate) fn passed_on(command: &Command, matches: &ArgMatches) -> PassedOn {
    let mut passed_on = PassedOn::default();
    if let Some((name, below)) = matches.subcommand()
        && let Some(command) = command.find_subcommand(name)
    {
        let own = given(command, below).filter(|option| !option.is_global_set());
        (passed_on.of_command, passed_on.files) = typed(own, below);
    }
    let passed =
        given(command, matches).filter(|option| !NOT_PASSED_ON.contains(&option.get_id().as_str()));
    let (options, files) = typed(passed, matches);
    passed_on.options = options;
    passed_on.files.extend(files);
    passed_on
}

/// The options as they are typed, and the absolute paths of the files that they name.
fn typed<'a>(
    options: impl Iterator<Item = &'a Arg>,
    matches: &ArgMatches,
) -> (Vec<OsString>, Vec<PathBuf>) {
    let (mut words, mut files) = (Vec::new(), Vec::new());
    for option in options {
        let id = option.get_id().as_str();
        let Some(long) = option.get_long() else {
            continue;
        };
        if !option.get_action().takes_values() {
            words.push(format!("--{long}").into());
            continue;
        }
        for value in matches.get_raw(id).into_iter().flatten() {
            let value = if names_a_file(option) {
                let path = std::path::absolute(value).unwrap_or_else(|_| value.into());
                files.push(path.clone());
                path.into_os_string()
            } else {
                value.to_owned()
            };
            let mut word = OsString::from(format!("--{long}"));
            word.push(OsStr::new("="));
            word.push(value);
            words.push(word);
        }
    }
    (words, files)
}

fn names_a_file(option: &Arg) -> bool {
    matches!(
        option.get_value_hint(),
        ValueHint::AnyPath | ValueHint::FilePath
    )
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, FromArgMatches};

    use super::*;
    use crate::command::line::Cli;

    fn words(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }

    fn text(words: Vec<OsString>) -> Vec<String> {
        let words = words.into_iter();
        words.map(|word| word.into_string().unwrap()).collect()
    }

    fn behind(line: &str) -> Vec<String> {
        let (own, behind) = split(&Cli::command(), words(line));
        assert!(
            Cli::command().try_get_matches_from(&own).is_ok(),
            "{line}: {own:?} is refused"
        );
        text(behind)
    }

    #[test]
    fn what_stands_behind_the_script_is_the_scripts() {
        assert_eq!(
            behind("ipvsh --json --color never lab.rhai --json -- x"),
            ["lab.rhai", "--json", "--", "x"]
        );
        assert_eq!(behind("ipvsh - --count 3"), ["-", "--count", "3"]);
        assert_eq!(behind("ipvsh -e args -- a"), ["--", "a"]);
        assert_eq!(behind("ipvsh -eargs a"), ["a"]);
        assert_eq!(behind("ipvsh --eval=args a"), ["a"]);
        assert_eq!(behind("ipvsh -qe args a"), ["a"]);
        assert_eq!(behind("ipvsh ./doc x"), ["./doc", "x"]);
        assert_eq!(behind("ipvsh --sandbox lab.rhai"), ["lab.rhai"]);
    }

    #[test]
    fn a_command_keeps_what_is_its_own() {
        assert!(behind("ipvsh doc ipvlan").is_empty());
        assert!(behind("ipvsh --quiet check lab.rhai").is_empty());
    }

    /// The options of the program with a value that each of them takes.
    fn options() -> Vec<(Arg, Option<String>)> {
        let command = Cli::command();
        let options = command.get_arguments().filter(|option| {
            option.get_long().is_some()
                && !matches!(option.get_action(), ArgAction::Help | ArgAction::Version)
        });
        options
            .map(|option| {
                let mut values = option.get_possible_values().into_iter();
                let value = option.get_action().takes_values().then(|| {
                    let is_size = option
                        .get_value_names()
                        .is_some_and(|names| names.iter().any(|name| name == "SIZE"));
                    let usual = if is_size { "1GiB" } else { "60s" };
                    let last = values.next_back();
                    last.map_or(usual.to_owned(), |value| value.get_name().to_owned())
                });
                (option.clone(), value)
            })
            .collect()
    }

    #[test]
    fn every_option_ends_where_the_script_begins() {
        for (option, value) in options() {
            let long = option.get_long().unwrap();
            let line = match &value {
                Some(value) if takes_next_word(&option) => format!("--{long} {value}"),
                Some(value) => format!("--{long}={value}"),
                None => format!("--{long}"),
            };
            assert_eq!(
                behind(&format!("ipvsh {line} x.rhai")),
                ["x.rhai"],
                "{line}"
            );
        }
    }

    #[test]
    fn the_options_of_a_command_are_told_apart_from_those_of_all() {
        let mut command = Cli::command();
        command.build();
        let line = "ipvsh --on h1 down lab --force --json";
        let matches = command.clone().try_get_matches_from(words(line)).unwrap();
        let passed_on = passed_on(&command, &matches);
        assert_eq!(text(passed_on.options), ["--json=document"]);
        assert_eq!(text(passed_on.of_command), ["--force"]);
    }

    #[test]
    fn every_option_reaches_a_micro_vm() {
        let mut command = Cli::command();
        command.build();
        for (option, value) in options() {
            let id = option.get_id().as_str();
            let long = option.get_long().unwrap();
            let line = match &value {
                Some(value) => format!("ipvsh --{long}={value}"),
                None => format!("ipvsh --{long}"),
            };
            let matches = command.clone().try_get_matches_from(words(&line)).unwrap();
            let passed_on = passed_on(&command, &matches);
            if NOT_PASSED_ON.contains(&id) {
                assert_eq!(passed_on, PassedOn::default(), "{line}");
                continue;
            }
            let inside = std::iter::once("ipvsh".into()).chain(passed_on.options.clone());
            let inside = command.clone().try_get_matches_from(inside).unwrap();
            let (outside, inside) = [&matches, &inside]
                .map(|matches| Cli::from_arg_matches(matches).unwrap().options)
                .into();
            if passed_on.files.is_empty() {
                assert_eq!(inside, outside, "{line}");
            } else {
                let path = std::path::absolute(value.unwrap()).unwrap();
                assert_eq!(passed_on.files, std::slice::from_ref(&path));
                let word = format!("--{long}={}", path.display());
                assert_eq!(text(passed_on.options), [word]);
            }
        }
    }

    fn brought_forward(line: &str, declared: &[&str]) -> String {
        let declared = |_: &Path| declared.iter().map(ToString::to_string).collect();
        let mut command = Cli::command();
        command.build();
        text(bring_forward(&command, words(line), declared)).join(" ")
    }

    #[test]
    fn options_of_all_commands_stand_anywhere_behind_one() {
        assert_eq!(
            brought_forward("ipvsh plan l.rhai --count 3 --json --color never -q", &[]),
            "ipvsh --json --color never -q plan l.rhai --count 3"
        );
        assert_eq!(
            brought_forward("ipvsh --lab x check a.rhai b.rhai --json", &[]),
            "ipvsh --lab x --json check a.rhai b.rhai"
        );
        let untouched = "ipvsh plan l.rhai --trace -- --json";
        assert_eq!(brought_forward(untouched, &[]), untouched);
    }

    #[test]
    fn a_parameter_of_the_script_goes_before_an_option_of_its_name() {
        let untouched = "ipvsh plan l.rhai --json";
        assert_eq!(brought_forward(untouched, &["json"]), untouched);
    }
}
