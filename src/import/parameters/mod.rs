//! The arguments of a shell script as parameters of the script that is made of it: [`read`].
//!
//! While the shell is read, a sign of its own stands for each argument: it passes through names and texts as any other, and whatever
//! hangs on what it stands for is not known. What is made with the signs is taken where it leaves out no more than what is made without.
//! In the end [`settle`] writes the variable where a sign stands.

mod judge;
mod outside;
mod settle;
mod sign;

use std::collections::{BTreeMap, BTreeSet};

use super::{Nothing, Read, shell};
use crate::steps::write::{self, RESERVED};
use crate::steps::{Act, Item, Parameter, Step};
use shell::Given;

use judge::{counts_with_numbers, decides, numbers, programs, tells_a_shell, used};
pub(super) use judge::{has_steps, left};
pub(super) use outside::{is_option, variables, with};
pub(super) use settle::settle;
use sign::{MOST, MOST_VARIABLES, sign};
pub(super) use sign::{WITH_LENGTH, has_sign, number, of_counter, of_variable, told, whole};

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

#[cfg(test)]
mod tests {
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
                try { existing("a").delete(); } catch {}
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
        // What a function has set in the turn before is not known either.
        let by_function = "N=0\nadd() { step; ip netns add x$N; }\nstep() { N=$((N+1)); }\n\
             for IN in $(seq ${C:-2}); do add; done\n";
        let by_counting = "N=0\nfor i in $(seq ${C:-2}); do ((N++)); ip netns add x$N; done\n";
        let by_printf =
            "for i in $(seq ${C:-2}); do printf -v N x%d $((i)); ip netns add $N; done\n";
        let by_itself = "for ((i = 1; i <= ${C:=3}; i++)); do ip netns add x$i; i=$((i+1)); done\nip netns add x2\n";
        for source in [by_function, by_counting, by_printf, by_itself] {
            let (script, parameters) = imported(source);
            assert!(
                parameters.is_empty() && script.contains("netns(\"x2\")"),
                "{script}"
            );
        }
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
}
