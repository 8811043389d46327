//! The arguments of a shell script as parameters of the script that is made of it: [`read`].
//!
//! While the shell is read, a sign of its own stands for each argument: it passes through names and texts as any other, and whatever
//! hangs on what it stands for is not known. What is made with the signs is taken where it leaves out no more than what is made without.
//! In the end [`settle`] writes the variable where a sign stands.

use std::collections::{BTreeMap, BTreeSet};

use super::{Nothing, Read, shell};
use crate::steps::write::{self, RESERVED};
use crate::steps::{Act, Item, PLACEHOLDERS, Parameter, Step, Value};
use shell::Given;

/// How many arguments become parameters at most.
const MOST: usize = 9;

/// The highest number of a variable from outside; those of counters are above it.
const MOST_VARIABLES: usize = 29;

/// Stands in front of the sign of the first argument, behind those of all arguments come those of variables.
const BEFORE_FIRST: u32 = *PLACEHOLDERS.start() as u32 - 1;

/// Variables that come from outside whoever runs a script, and mean something else.
const OUTSIDE: [&str; 27] = [
    "BASHPID",
    "BASH_SOURCE",
    "COLUMNS",
    "DISPLAY",
    "EDITOR",
    "EUID",
    "FUNCNAME",
    "GROUPS",
    "HOME",
    "HOSTNAME",
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

/// The signs of a script that is read with arguments whose values are not known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signs {
    /// How many arguments it takes itself to have: `$#`.
    pub(crate) count: usize,
    /// How many it can't do without.
    pub(crate) needed: usize,
}

/// What was found out of the arguments of a script.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    /// The last one that was asked for.
    pub(crate) last: usize,
    /// What stands for one that is not given; none where that differs.
    pub(crate) defaults: BTreeMap<usize, Option<String>>,
    /// The variables that they were put into.
    pub(crate) names: BTreeMap<usize, String>,
    /// The variables that loops count with.
    pub(crate) counters: Vec<(usize, String)>,
}

/// The sign of an argument.
pub(crate) fn sign(number: usize) -> Option<char> {
    let number = u32::try_from(number.min(MOST)).ok()?;
    char::from_u32(BEFORE_FIRST + number)
}

/// The number of the argument that a sign stands for.
pub(crate) fn number(c: char) -> Option<usize> {
    let number = u32::from(c).checked_sub(BEFORE_FIRST)?;
    let number = usize::try_from(number).ok()?;
    PLACEHOLDERS.contains(&c).then_some(number)
}

/// The number and the sign of a variable that is given from outside: the first has 0.
pub(crate) fn of_variable(at: usize) -> Option<(usize, String)> {
    let number = MOST + 1 + at;
    let sign = char::from_u32(BEFORE_FIRST + u32::try_from(number).ok()?)?;
    (number <= MOST_VARIABLES).then(|| (number, sign.to_string()))
}

/// The number and the sign of the counter of a loop that has so many before it.
pub(crate) fn of_counter(at: usize) -> Option<(usize, String)> {
    let sign = u32::from(*PLACEHOLDERS.end()).checked_sub(u32::try_from(at).ok()?)?;
    let sign = char::from_u32(sign)?;
    let number = number(sign).filter(|number| *number > MOST_VARIABLES)?;
    Some((number, sign.to_string()))
}

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
pub(super) fn variables(source: &str) -> Vec<String> {
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
    for name in defaulted.chain(set).chain(used) {
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
pub(super) fn with(
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

/// Stands behind the sign of what is an address with its length, where nothing else is.
pub(crate) const WITH_LENGTH: char = '\u{e029}';

/// The number of the argument whose sign is all of a text.
pub(crate) fn whole(text: &str) -> Option<usize> {
    let mut chars = text.trim_end_matches(WITH_LENGTH).chars();
    let number = number(chars.next()?)?;
    chars.next().is_none().then_some(number)
}

/// A sign with what its default says of it.
pub(crate) fn told(sign: &str, default: &str) -> String {
    let sign = sign.trim_end_matches(WITH_LENGTH);
    if default.parse::<ipnet::IpNet>().is_ok() && default.contains('/') {
        format!("{sign}{WITH_LENGTH}")
    } else {
        sign.to_owned()
    }
}

/// Whether what a text is hangs on arguments.
pub(crate) fn has_sign(text: &str) -> bool {
    text.chars().any(|c| number(c).is_some())
}

/// Reads a source once more, with its arguments as parameters. None where that leaves out more than `known`, which was read without.
/// `is_run` says that the script is to be run without any.
pub(super) fn read(
    known: &Read,
    given: &Given,
    is_run: bool,
    again: impl Fn(&Given) -> Result<Read, Nothing>,
) -> Option<(Read, Given, usize)> {
    let try_with = |arguments: Vec<String>, count: usize, needed: usize| {
        let given = Given {
            arguments: Some(arguments),
            signs: Some(Signs { count, needed }),
            ..given.clone()
        };
        Some((again(&given).ok()?, given))
    };
    let signs = |count: usize| -> Vec<String> {
        let signs = (1..=count).filter_map(sign);
        signs.map(String::from).collect()
    };
    // Without these it says how it is called, and ends.
    let (needed, mut read) = (0..=MOST).find_map(|count| {
        let (read, _) = try_with(signs(count), count, count)?;
        let goes_on = !read.fails && (has_steps(&read) || !read.exits);
        goes_on.then_some((count, read))
    })?;
    if is_run && needed > 0 {
        return None;
    }
    let mut count = needed;
    while read.asked.last > count && count < MOST {
        count = read.asked.last.min(MOST);
        (read, _) = try_with(signs(count), count, needed)?;
    }
    let default = |read: &Read, number: usize| read.asked.defaults.get(&number).cloned().flatten();
    let is_number = |text: &String| text.parse::<i64>().is_ok();
    let defaulted: BTreeSet<usize> = (needed + 1..=count)
        .filter(|number| default(&read, *number).is_some())
        .collect();
    let numbers = defaulted.iter().copied();
    let numbers = numbers.filter(|number| default(&read, *number).is_some_and(|it| is_number(&it)));
    let try_without = |without: &BTreeSet<usize>| {
        let mut arguments = signs(count);
        for number in without {
            arguments[number - 1].clear();
        }
        let (read, given) = try_with(arguments.clone(), count, needed)?;
        let is_fixed = needed == count
            || try_with(arguments, needed, needed)
                .is_some_and(|(least, _)| least.items == read.items);
        let is_whole = |number| {
            number > needed && (default(&read, number).is_some() || decides(&read, number))
        };
        let is_good = !read.fails
            && has_steps(&read)
            && counts_with_numbers(&read, needed)
            && is_fixed
            && (!is_run || used(&read).into_iter().all(is_whole))
            && left(&read) <= left(known)
            && (needed > 0 || programs(&read) <= programs(known))
            && !used(&read).is_empty()
            && !Item::all(&read.items).into_iter().any(tells_a_shell);
        is_good.then_some((read, given, needed))
    };
    // All take the place of what is not known, or all that are no numbers, or as many as can.
    let some = [BTreeSet::new(), numbers.collect()];
    if let Some(good) = some.iter().find_map(try_without) {
        return Some(good);
    }
    let mut without = defaulted.clone();
    let mut best = try_without(&without);
    for number in defaulted {
        without.remove(&number);
        match try_without(&without) {
            Some(better) => best = Some(better),
            None => _ = without.insert(number),
        }
    }
    best
}

/// Whether anything is done.
pub(super) fn has_steps(read: &Read) -> bool {
    let mut items = Item::all(&read.items).into_iter();
    items.any(|item| matches!(item, Item::Step(Step { act, .. }) if !matches!(act, Act::Free(_))))
}

/// How many commands are left out.
pub(super) fn left(read: &Read) -> usize {
    let items = Item::all(&read.items).into_iter();
    items.filter(|item| matches!(item, Item::Left(_))).count()
}

/// The words of a program that a step runs.
fn program(act: &Act) -> Option<&[Value]> {
    match act {
        Act::InNetns(call) | Act::Show { call, .. } | Act::Free(call) => {
            match (call.word, call.arguments.first()) {
                ("exec" | "spawn", Some(Value::List(words))) => Some(words),
                _ => None,
            }
        }
        Act::Try(act) => program(act),
        _ => None,
    }
}

fn programs(read: &Read) -> usize {
    let items = Item::all(&read.items).into_iter();
    items
        .filter(|item| matches!(item, Item::Step(Step { act, .. }) if program(act).is_some()))
        .count()
}

/// Whether a shell would read what an argument is as a part of its commands.
fn tells_a_shell(item: &Item) -> bool {
    let Item::Step(Step { act, .. }) = item else {
        return false;
    };
    let words: Vec<&str> = program(act)
        .unwrap_or_default()
        .iter()
        .filter_map(|word| match word {
            Value::Text(text) | Value::Lines(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    words.contains(&"-c") && words.iter().any(|word| has_sign(word))
}

/// The arguments whose signs stand in what was read.
fn used(read: &Read) -> BTreeSet<usize> {
    let text = write::script(&read.items);
    text.chars().filter_map(number).collect()
}

/// Whether the sign stands in a condition.
fn decides(read: &Read, number: usize) -> bool {
    let has = |text: &str| text.chars().any(|c| self::number(c) == Some(number));
    let mut items = Item::all(&read.items).into_iter();
    items.any(|item| match item {
        Item::Block(arms) => arms
            .iter()
            .any(|(head, _)| !head.starts_with("for ") && has(head)),
        _ => false,
    })
}

/// Whether the sign stands in conditions alone.
fn only_decides(read: &Read, number: usize) -> bool {
    let has = |text: &str| text.chars().any(|c| self::number(c) == Some(number));
    let does = |item: &&Item| match item {
        Item::Step(_) => has(&write::script(std::slice::from_ref(*item))),
        Item::Block(arms) => arms
            .iter()
            .any(|(head, _)| head.starts_with("for ") && has(head)),
        _ => false,
    };
    !Item::all(&read.items).iter().any(does)
}

/// The signs that stand for numbers: outside of texts.
fn numbers(script: &str) -> BTreeSet<usize> {
    let mut numbers = BTreeSet::new();
    let mut rest = script;
    while let Some(first) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
            continue;
        }
        if matches!(first, '"' | '`') {
            let end = end_of_text(&rest[1..], first);
            rest = rest[1 + end..].get(1..).unwrap_or_default();
            continue;
        }
        numbers.extend(number(first));
        rest = &rest[first.len_utf8()..];
    }
    numbers
}

/// Whether what stands for a number is one where nobody gives another.
fn counts_with_numbers(read: &Read, needed: usize) -> bool {
    let is_plain = |text: &String| text.parse::<i64>().is_ok_and(|it| it.to_string() == *text);
    let is_one = |number: usize| match read.asked.defaults.get(&number) {
        Some(default) => default.as_ref().is_some_and(is_plain),
        None => number <= needed || number > MOST_VARIABLES || !decides(read, number),
    };
    numbers(&write::script(&read.items)).into_iter().all(is_one)
}

/// What was read, with its parameters declared behind the comments at its top.
fn declared(mut read: Read, needed: usize) -> Read {
    let mut parameters: Vec<Step> = Vec::new();
    read.parameters.clear();
    let numbers = numbers(&write::script(&read.items));
    for number in used(&read)
        .into_iter()
        .filter(|number| *number <= MOST_VARIABLES)
    {
        let is_variable = number > MOST;
        let given = read.asked.names.get(&number);
        let mut name = given.map(|name| name.to_ascii_lowercase());
        let is_free = |name: &String| {
            name.starts_with(|c: char| c.is_ascii_alphabetic())
                && name != "help"
                && !RESERVED.contains(&name.as_str())
                && !read.parameters.iter().any(|(_, known)| known == name)
        };
        if !name.as_ref().is_some_and(is_free) {
            name = Some(match name {
                Some(name) if is_variable => format!("with_{name}"),
                _ => format!("arg{number}"),
            });
        }
        let name = name.unwrap_or_default();
        let default = match read.asked.defaults.get(&number) {
            Some(Some(default)) if number > needed || is_variable => Some(default.clone()),
            // One that is not given is empty, which is asked for.
            None if number > needed && decides(&read, number) => Some(String::new()),
            _ => None,
        };
        let help = match given {
            Some(given) if is_variable => format!("variable {given} of the shell script"),
            _ => format!("argument {number} of the shell script"),
        };
        parameters.push(Step {
            place: None,
            act: Act::Declare(Parameter {
                name: name.clone(),
                default,
                is_number: numbers.contains(&number),
                help,
            }),
        });
        read.parameters.push((number, name));
    }
    let is_top = |item: &Item| matches!(item, Item::Comment(_) | Item::Head(_) | Item::Blank);
    let items = &read.items;
    let top = items.iter().position(|item| !is_top(item)).unwrap_or(0);
    let blank = items[..top].iter().rposition(|item| *item == Item::Blank);
    let at = blank.map_or(0, |blank| blank + 1);
    let parameters = parameters.into_iter().map(Item::Step);
    read.items
        .splice(at..at, parameters.chain([Item::Blank]))
        .for_each(drop);
    read
}

/// Writes the variables of the parameters where signs of theirs stand in a script.
pub(super) fn settle(script: &str, parameters: &[(usize, String)]) -> String {
    if parameters.is_empty() {
        return script.to_owned();
    }
    let name = |c: char| {
        let number = number(c)?;
        let mut known = parameters.iter().filter(|(known, _)| *known == number);
        known.next().map(|(_, name)| name.as_str())
    };
    let numbers = numbers(script);
    let mut all = String::with_capacity(script.len());
    let mut rest = script;
    while let Some(first) = rest.chars().next() {
        if rest.starts_with("//") {
            let (line, behind) = rest.split_at(rest.find('\n').unwrap_or(rest.len()));
            for c in line.chars().filter(|c| *c != WITH_LENGTH) {
                match name(c) {
                    Some(name) => all.extend(["${", name, "}"]),
                    None => all.push(c),
                }
            }
            rest = behind;
            continue;
        }
        if !matches!(first, '"' | '`') {
            match name(first) {
                Some(name) => all.push_str(name),
                None => all.push(first),
            }
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let end = end_of_text(&rest[1..], first);
        let (inside, behind) = rest[1..].split_at(end);
        rest = behind.get(1..).unwrap_or_default();
        all.push_str(&text_of(inside, first, &name, &numbers));
    }
    all
}

/// Where a text ends that `quote` has begun.
fn end_of_text(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices() {
        if is_escaped {
            is_escaped = false;
        } else if c == '\\' && quote == '"' {
            is_escaped = true;
        } else if c == quote {
            return at;
        }
    }
    text.len()
}

/// A text of the language, with variables where signs stand: alone, within a text in backticks, or added where that can't say it.
fn text_of<'a>(
    inside: &str,
    quote: char,
    name: &impl Fn(char) -> Option<&'a str>,
    numbers: &BTreeSet<usize>,
) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut fixed = String::new();
    let mut template = String::new();
    for c in inside.chars().filter(|c| *c != WITH_LENGTH) {
        let Some(name) = name(c) else {
            fixed.push(c);
            template.push(c);
            continue;
        };
        if !fixed.is_empty() {
            parts.push(format!("{quote}{}{quote}", std::mem::take(&mut fixed)));
        }
        parts.push(name.to_owned());
        template.extend(["${", name, "}"]);
    }
    if !fixed.is_empty() || parts.is_empty() {
        parts.push(format!("{quote}{fixed}{quote}"));
    }
    let is_plain = quote == '`' || !inside.contains(['\\', '`', '$']);
    // A number alone is to be a text, too.
    let is_number = inside
        .chars()
        .filter_map(number)
        .any(|one| numbers.contains(&one));
    if (parts.len() > 1 || is_number) && is_plain {
        format!("`{template}`")
    } else {
        parts.join(" + ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The script of some lines, and its parameters.
    fn imported(source: &str) -> (String, Vec<String>) {
        let imported = crate::import::import(source, None).unwrap();
        (imported.script, imported.parameters)
    }

    #[test]
    fn arguments_that_names_are_made_of_are_parameters() {
        let source = "[ $# -ge 1 ] || { echo usage; exit 1; }\nns=$1; shift\nip netns add $ns\n\
             ip -n $ns link add \"${1:-br}0\" type bridge\nfor i in 1 2; do ip netns add $ns-$i; done\n\
             ip -n $ns addr add $2/24 dev lo\n";
        insta::assert_snapshot!(imported(source).0, @r#"
        let ns = required("ns", "string", "argument 1 of the shell script");
        let arg2 = param("arg2", "br", "argument 2 of the shell script");
        let arg3 = required("arg3", "string", "argument 3 of the shell script");

        // not run: line 1: { echo usage; exit 1; }    (only where the command before it fails)
        let net_1 = netns(`${ns}-1`);
        let net_2 = netns(`${ns}-2`);

        let net = netns(ns);
        net.bridge(`${arg2}0`);
        net.link("lo").addr(`${arg3}/24`);
        "#);
    }

    #[test]
    fn what_an_argument_decides_is_a_branch_of_the_script() {
        let source = "M=${MODE:-l3}\ncase \"$M\" in l2|l3) ip netns add a;; *) echo \"no mode $M\"; exit 1;; esac\n\
             if [ -n \"$DEBUG\" ] && [ -z \"\" ]; then ip netns add d; fi\n\
             if [ \"$1\" = up ]; then N=up; elif ! [ \"$1\" != down ]; then exit; else N=up; fi\nip netns add $N\n\
             [[ $2 == -v ]] || ip netns add quiet\n";
        insta::assert_snapshot!(imported(source).0, @r#"
        let arg1 = param("arg1", "", "argument 1 of the shell script");
        let arg2 = param("arg2", "", "argument 2 of the shell script");
        let mode = param("mode", "l3", "variable MODE of the shell script");
        let with_debug = param("with_debug", "", "variable DEBUG of the shell script");

        if mode == "l2" || mode == "l3" {
            let a = netns("a");
        } else {
            print(`no mode ${mode}`);
            exit(1);
        }
        if with_debug != "" {
            let d = netns("d");
        }
        if arg1 == "up" {
        } else if arg1 == "down" {
            exit(0);
        }
        let up = netns("up");
        if arg2 != "-v" {
            let quiet = netns("quiet");
        }
        "#);
    }

    #[test]
    fn a_loop_over_as_many_as_an_argument_says_is_a_loop_of_the_script() {
        let source = "N=3; while getopts n: o; do N=$OPTARG; done\nip netns add hub\n\
             for i in $(seq 2 $N); do\nip link add v$i netns hub type veth peer name w$i\nip -n hub link set v$i mtu ${MTU:-1400}\ndone\n\
             for ((i = 0; i < $N; i++)); do ip netns add n$i; done\n";
        insta::assert_snapshot!(imported(source).0, @r#"
        let mtu = param("mtu", 1400, "variable MTU of the shell script");
        let n = param("n", 3, "variable N of the shell script");

        // not run: line 1: N=$OPTARG    (the loop is never run)
        let hub = netns("hub");
        for i in 2..=n {
            hub.veth(`v${i}`, host(), `w${i}`).mtu(mtu);
        }
        for i in 0..n {
            let nnet = netns(`n${i}`);
        }
        "#);
    }

    #[test]
    fn a_command_that_is_an_argument_is_one_of_the_functions() {
        let source = "usage() { echo usage; }\nup() { ip netns add a; }\ndown() { ip netns del a; }\n\
             [ $# = 1 ] || { usage; exit; }\n\
             case $1 in -*|*.) echo odd; exit 2;; *) \"$@\";; esac\n";
        insta::assert_snapshot!(imported(source).0, @r#"
        let arg1 = required("arg1", "string", "argument 1 of the shell script");

        // not run: line 4: { usage; exit; }    (only where the command before it fails)
        if arg1.starts_with("-") || arg1.ends_with(".") {
            print("odd");
            exit(1);
        } else {
            if arg1 == "usage" {
                print("usage");
            } else if arg1 == "up" {
                let a = netns("a");
            } else if arg1 == "down" {
                let a = netns("a");
                a.delete();
            } else {
                print(`there is no command ${arg1}`);
                exit(1);
            }
        }
        "#);
    }

    #[test]
    fn an_address_with_its_length_is_a_parameter() {
        let source = "ip netns add a\nip -n a addr add ${1:-10.0.0.1/24} dev lo\n\
             ip -n a addr add \"$(echo ${2:-10.0.1.1} | tr . .)\" dev lo\n";
        insta::assert_snapshot!(imported(source).0, @r#"
        let arg1 = param("arg1", "10.0.0.1/24", "argument 1 of the shell script");

        let a = netns("a");
        a.link("lo").addr(arg1).addr("10.0.1.1/32");
        "#);
    }

    #[test]
    fn what_only_some_ways_know_is_not_known_behind_them() {
        // It is what it is without any.
        let source = "if [ \"$1\" = a ]; then N=x; else N=y; fi\nip netns add $N\n";
        let (script, parameters) = imported(source);
        assert!(
            parameters.is_empty() && script.contains("netns(\"y\")"),
            "{script}"
        );
        let source =
            "P=host\nfor i in $(seq $1); do ip netns add k$i; ip netns add $P$i; P=n$i; done\n";
        let left = crate::import::import(source, None).unwrap().left;
        let whys: Vec<&str> = left.iter().map(|left| left.why.as_str()).collect();
        assert_eq!(whys, ["the value of $P is known only when it runs"]);
    }

    #[test]
    fn what_hangs_on_what_an_argument_is_stays_as_it_was() {
        for source in [
            // Another branch is taken without it.
            "NS=lab\n[ $# -gt 0 ] && NS=$1\nip netns add $NS\n",
            "for ns in ${1:-a b}; do ip netns add $ns; done\n",
            "ip netns add ${1:-a b}\n",
            "ip netns add ${NS:-a b}\n",
            "for ns in \"$@\"; do ip netns add $ns; done\nip netns add z\n",
            "while getopts n: o; do N=$OPTARG; done\nip netns add a$N\n",
            "ip netns add $(echo ${1:-lab} | cut -c1-2)\n",
            "NS=${1:-lab}\nip netns add ${NS%b}\n",
            "declare -A of=([a]=x [b]=y)\nip netns add ${of[${1:-a}]}\n",
            "T=${T:-bridge}\nip link add x type $T\n",
            "N=${N:-many}\nip netns add a\n[ $N -gt 3 ] && ip netns add b\n",
            "N=${N:-08}\nfor i in $(seq $N); do ip netns add a$i; done\n",
            "ip netns add $HOSTNAME\n",
            "ip netns add a$NEVER_SET\n",
            // A shell would take it apart.
            "ip netns add a\nip netns exec a sh -c \"frob ${1:-lab} | cat\"\n",
        ] {
            assert_eq!(imported(source).1, Vec::<String>::new(), "{source}");
        }
    }

    #[test]
    fn signs_become_variables_in_texts_of_all_forms() {
        let [a, b] = [1, 2].map(|number| sign(number).unwrap());
        let parameters = [(1, "a".to_owned()), (2, "b".to_owned())];
        for (script, wanted) in [
            (format!("netns(\"{a}\");"), "netns(a);"),
            (format!("link(\"{a}-x{b}\");"), "link(`${a}-x${b}`);"),
            (
                format!("print(\"\\\"{a}\\\"\");"),
                "print(\"\\\"\" + a + \"\\\"\");",
            ),
            (
                format!("exec([\"$x\", \"$y{b}\"]);"),
                "exec([\"$x\", \"$y\" + b]);",
            ),
            (
                format!("print(`\n{a} \"b\"\n`);"),
                "print(`\n${a} \"b\"\n`);",
            ),
            (
                format!("// \"{a} is\nf(\"//{a}\");"),
                "// \"${a} is\nf(`//${a}`);",
            ),
            ("f(\"\", \"\\\\\");".to_owned(), "f(\"\", \"\\\\\");"),
        ] {
            assert_eq!(settle(&script, &parameters), wanted);
        }
    }
}
