//! What could stand at the cursor of a shell: at each Tab it asks this program, with the words that were typed.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::builder::{PossibleValuesParser, StyledStr};
use clap::{Arg, ArgAction, Command, CommandFactory};
use clap_complete::Shell;
use clap_complete::engine::{
    ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter,
};
use clap_complete::env::{CompleteEnv, Shells};

use super::line::Cli;
use super::{arguments, new, parameters_of};
use crate::engine::catalog::Catalog;
use crate::engine::modules::STANDARD;
use crate::engine::params::{Kind, Parameter};
use crate::engine::{stack, stories};
use crate::lab::{confirm, journal};
use crate::net::namespace;
use crate::sandbox::vm;

/// Set by the function that a shell calls at each Tab, to the shell's name.
const ASKS: &str = "COMPLETE";

/// Answers a shell that asks for completions. Returns the exit code; nothing where no shell asks.
pub(crate) fn answer(words: &[OsString]) -> Option<u8> {
    std::env::var_os(ASKS).filter(|shell| !shell.is_empty() && shell != "0")?;
    let here = std::env::current_dir().ok();
    // Behind `--` stands the line as it was typed.
    let typed = words.iter().position(|word| word == "--");
    let typed = typed.map_or(&[][..], |index| &words[index + 1..]);
    let asked = || {
        let asked = CompleteEnv::with_factory(|| command_for(typed));
        asked.try_complete(words.iter().cloned(), here.as_deref())
    };
    match stack::with_room(asked) {
        Ok(Ok(_)) => Some(0),
        Ok(Err(error)) => {
            // Where it can't even be printed there is nobody to tell.
            let _ = error.print();
            Some(2)
        }
        // No thread, no completions: the shell has a line to fill in, not an error to show.
        Err(_) => Some(1),
    }
}

/// The function for a shell that asks this program, to be loaded there.
pub(super) fn registration(shell: Shell) -> String {
    let mut text = Vec::new();
    if let Some(known) = Shells::builtins().completer(&shell.to_string()) {
        // Writing to memory does not fail.
        let _ = known.write_registration(ASKS, "ipvsh", "ipvsh", "ipvsh", &mut text);
    }
    let mut text = String::from_utf8_lossy(&text).trim_end().to_owned();
    if shell == Shell::Zsh {
        // A file in `$fpath` is run at the first Tab, which is to complete as well.
        text.push_str("\n[[ $funcstack[1] == _ipvsh ]] && _clap_dynamic_completer_ipvsh \"$@\"");
    }
    text
}

/// The command line as it is behind the words that were typed: with the parameters of the script that is named there.
fn command_for(typed: &[OsString]) -> Command {
    let command = with_values(Cli::command());
    let mut built = command.clone();
    built.build();
    let before = typed.len().saturating_sub(1);
    let (own, behind) = arguments::split(&built, typed[..before].to_vec());
    let is_expression = |word: &OsString| {
        let word = word.to_string_lossy();
        word.starts_with("-e") || word.starts_with("--eval")
    };
    match behind.first() {
        Some(script) if !own.iter().any(is_expression) => {
            return with_parameters(command, &parameters_of(Path::new(script)), true);
        }
        Some(_) => return command,
        None => {}
    }
    let Some((name, start)) = arguments::name_and_script(&built, &own) else {
        return command;
    };
    let script = &own[start - 1];
    let name = own[name].to_string_lossy().into_owned();
    let parameters = if name == "demo" {
        let story = stories::named(&script.to_string_lossy());
        story.as_ref().map(super::parameters_in).unwrap_or_default()
    } else {
        parameters_of(Path::new(script))
    };
    command.mut_subcommand(name, |below| with_parameters(below, &parameters, false))
}

/// The command with the parameters of a script as options. Where the script itself is the command, ipvsh's own options stand
/// before it, and are not offered.
fn with_parameters(command: Command, parameters: &[Parameter], is_script: bool) -> Command {
    let is_parameter =
        |long: Option<&str>| long.is_some_and(|long| parameters.iter().any(|one| one.name == long));
    let mut command = command.mut_args(|argument| {
        let hides = is_script && !argument.is_global_set();
        // A parameter of the same name takes its place.
        let argument = if is_parameter(argument.get_long()) {
            let own = format!("own-{}", argument.get_id());
            argument.long(own).hide(true)
        } else {
            argument
        };
        let hidden = hides || argument.is_hide_set();
        argument.hide(hidden)
    });
    if is_script {
        let below = |below: Command| below.hide(true);
        command = command.disable_version_flag(true).mut_subcommands(below);
    }
    for parameter in parameters {
        command = command.args(options_of(parameter));
    }
    command
}

/// A parameter as an option; one that is true or false as two, `--name` and `--no-name`.
fn options_of(parameter: &Parameter) -> Vec<Arg> {
    let name = &parameter.name;
    let default = parameter.default.as_ref();
    let default = default.map(|default| format!("[{default}]"));
    let help = [Some(parameter.help.clone()), default];
    let help: Vec<String> = help.into_iter().flatten().collect();
    let help = help.join(" ").trim().to_owned();
    let option = Arg::new(format!("parameter-{name}"))
        .long(name.clone())
        .help(help.clone());
    if parameter.kind == Kind::Bool {
        let not = Arg::new(format!("parameter-no-{name}"))
            .long(format!("no-{name}"))
            .help(help)
            .action(ArgAction::SetTrue);
        return vec![option.action(ArgAction::SetTrue), not];
    }
    let option = option.action(ArgAction::Append);
    let choices = &parameter.bounds.one_of;
    if !choices.is_empty() {
        let choices: Vec<String> = choices.iter().map(ToString::to_string).collect();
        return vec![option.value_parser(PossibleValuesParser::new(choices))];
    }
    let default = match (&parameter.default, parameter.kind) {
        (Some(default), Kind::Int | Kind::Float | Kind::String) => default.to_string(),
        _ => return vec![option],
    };
    // Names of files, as any text may be one, and the value that it has by itself.
    let values = move |typed: &OsStr| {
        let mut values = matching(typed, [(default.clone(), "the default".to_owned())]);
        values.extend(PathCompleter::any().complete(typed));
        values
    };
    vec![option.add(ArgValueCompleter::new(values))]
}

/// The command line, its arguments with the values that they can have here and now.
fn with_values(command: Command) -> Command {
    let script = Arg::new("script")
        .value_name("SCRIPT")
        .help("The script to run")
        .add(ArgValueCompleter::new(scripts));
    command
        .arg(script)
        .mut_arg("lab", |lab| lab.add(ArgValueCompleter::new(labs)))
        .mut_arg("params", |file| file.add(ArgValueCompleter::new(files)))
        .mut_arg("kernel", |one| one.add(ArgValueCompleter::new(kernels)))
        .mut_subcommand("doc", |doc| with(doc, "word", words))
        .mut_subcommand("check", |check| with(check, "scripts", scripts))
        .mut_subcommand("plan", |plan| with(plan, "script", scripts))
        .mut_subcommand("doctor", |doctor| with(doctor, "script", scripts))
        .mut_subcommand("down", |down| with(down, "lab", labs_and_scripts))
        .mut_subcommand("confirm", |confirm| with(confirm, "lab", waiting))
        .mut_subcommand("enable", |enable| with(enable, "script", scripts))
        .mut_subcommand("disable", |disable| with(disable, "lab", labs_and_scripts))
        .mut_subcommand("test", |test| with(test, "paths", tests_and_folders))
        .mut_subcommand("test", |test| with(test, "kernels", kernels))
        .mut_subcommand("demo", |demo| with(demo, "story", told))
        .mut_subcommand("new", |new| with(new, "template", templates))
        .mut_subcommand("export", |export| with(export, "namespaces", namespaces))
        .mut_subcommand("graph", |graph| with(graph, "what", drawn))
        .mut_subcommand("capture", |capture| with(capture, "names", places))
        .mut_subcommand("view", |view| with(view, "names", places))
        .mut_subcommand("watch", |watch| with(watch, "names", places))
}

fn with(
    command: Command,
    argument: &str,
    values: impl Fn(&OsStr) -> Vec<CompletionCandidate> + Send + Sync + 'static,
) -> Command {
    command.mut_arg(argument, |argument| {
        argument.add(ArgValueCompleter::new(values))
    })
}

/// Those that begin as `typed`, each with what is said about it.
fn matching(
    typed: &OsStr,
    all: impl IntoIterator<Item = (String, String)>,
) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy().into_owned();
    let candidate = |(value, help): (String, String)| {
        let help = Some(help).filter(|help| !help.is_empty());
        CompletionCandidate::new(value).help(help.map(StyledStr::from))
    };
    let begins = |(value, _): &(String, String)| value.starts_with(&typed);
    all.into_iter().filter(begins).map(candidate).collect()
}

fn named(what: &str, names: Vec<String>) -> impl Iterator<Item = (String, String)> {
    names.into_iter().map(move |name| (name, what.to_owned()))
}

/// The labs whose last change waits to be confirmed.
fn waiting(typed: &OsStr) -> Vec<CompletionCandidate> {
    let waiting = confirm::waiting().unwrap_or_default().into_iter();
    matching(
        typed,
        waiting.map(|(lab, pending)| (lab, pending.describe())),
    )
}

fn scripts(typed: &OsStr) -> Vec<CompletionCandidate> {
    let is_script = |path: &Path| path.extension().is_some_and(|end| end == "rhai");
    PathCompleter::any().filter(is_script).complete(typed)
}

fn tests_and_folders(typed: &OsStr) -> Vec<CompletionCandidate> {
    let is_test = |path: &Path| path.to_string_lossy().ends_with("_test.rhai");
    PathCompleter::any().filter(is_test).complete(typed)
}

fn files(typed: &OsStr) -> Vec<CompletionCandidate> {
    PathCompleter::file().stdio().complete(typed)
}

fn labs(typed: &OsStr) -> Vec<CompletionCandidate> {
    matching(typed, named("lab", journal::names().unwrap_or_default()))
}

fn namespaces(typed: &OsStr) -> Vec<CompletionCandidate> {
    let names = namespace::names().unwrap_or_default();
    let names = names.iter().map(ToString::to_string).collect();
    matching(typed, named("namespace", names))
}

/// The first of several lists has a name where two have it.
fn places(typed: &OsStr) -> Vec<CompletionCandidate> {
    let mut all = labs(typed);
    let also: Vec<_> = namespaces(typed)
        .into_iter()
        .filter(|one| all.iter().all(|lab| lab.get_value() != one.get_value()))
        .collect();
    all.extend(also);
    all
}

fn drawn(typed: &OsStr) -> Vec<CompletionCandidate> {
    let mut all = places(typed);
    all.extend(scripts(typed));
    all
}

fn labs_and_scripts(typed: &OsStr) -> Vec<CompletionCandidate> {
    let mut all = labs(typed);
    all.extend(scripts(typed));
    all
}

fn words(typed: &OsStr) -> Vec<CompletionCandidate> {
    let catalog = Catalog::new();
    let words = catalog
        .words
        .iter()
        .map(|word| (word.name.clone(), word.summary().to_owned()));
    let kinds = named(
        "type",
        catalog.kinds().iter().map(ToString::to_string).collect(),
    );
    let modules = STANDARD.iter().map(|(name, _)| (*name).to_owned());
    let modules = named("module", modules.collect());
    let pages = crate::engine::manual::PAGES.iter();
    let pages = named("page", pages.map(|(name, _)| (*name).to_owned()).collect());
    matching(typed, words.chain(kinds).chain(modules).chain(pages))
}

fn told(typed: &OsStr) -> Vec<CompletionCandidate> {
    let all = stories::ALL.iter();
    let all = all.map(|(name, text)| ((*name).to_owned(), stories::title(text).to_owned()));
    matching(typed, all)
}

/// Those of this machine.
fn kernels(typed: &OsStr) -> Vec<CompletionCandidate> {
    matching(typed, named("kernel", vm::installed()))
}

fn templates(typed: &OsStr) -> Vec<CompletionCandidate> {
    matching(
        typed,
        new::names().map(|name| (name.to_owned(), String::new())),
    )
}

#[cfg(test)]
mod tests {
    use clap::ValueHint;

    use super::*;

    /// The arguments of a command, and of those below it, for which a shell has nothing to offer.
    fn without_values(command: &Command) -> Vec<String> {
        let offers = |argument: &&Arg| {
            argument.get::<ArgValueCompleter>().is_some()
                || argument.get_value_hint() != ValueHint::Unknown
                || !argument.get_possible_values().is_empty()
        };
        let own = command.get_positionals().filter(|one| !offers(one));
        let own = own.map(|one| format!("{} {}", command.get_name(), one.get_id()));
        let below = command
            .get_subcommands()
            .filter(|one| one.get_name() != "help");
        own.chain(below.flat_map(without_values)).collect()
    }

    #[test]
    fn each_command_has_something_to_offer_where_an_argument_stands() {
        let mut command = with_values(Cli::command());
        command.build();
        // What a script is given behind `--` only it knows.
        assert_eq!(without_values(&command), ["import arguments"]);
    }
}
