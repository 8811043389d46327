//! What stands behind a script on the command line.

use std::collections::BTreeMap;

use rhai::{Array, Dynamic};

use super::{Kind, Parameter};
use crate::dsl::json;
use crate::error::nearest;
use crate::view::error::Report;

/// A command line that was understood.
#[derive(Clone, Debug, Default)]
pub struct Arguments {
    /// The values given, by parameter.
    pub values: BTreeMap<String, Dynamic>,
    /// What follows `--`.
    pub rest: Vec<String>,
    /// Whether the script's help is asked for.
    pub help: bool,
}

/// Reads `arguments` as values for `parameters`.
pub fn parse(parameters: &[Parameter], arguments: &[String]) -> Result<Arguments, Report> {
    let mut parsed = Arguments::default();
    let mut left = arguments.iter().map(String::as_str);
    while let Some(argument) = left.next() {
        if argument == "--" {
            parsed.rest = left.by_ref().map(str::to_owned).collect();
            break;
        }
        if argument == "--help" || argument == "-h" {
            parsed.help = true;
            return Ok(parsed);
        }
        let Some(option) = argument.strip_prefix("--") else {
            return Err(unexpected(parameters, argument));
        };
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (option, None),
        };
        take(parameters, &mut parsed, name, value, || left.next())?;
    }
    let missing = parameters
        .iter()
        .find(|one| one.default.is_none() && !parsed.values.contains_key(&one.name));
    match missing {
        Some(missing) => Err(
            Report::new(format!("the parameter `--{}` is missing", missing.name)).hint(format!(
                "add `--{} {}`{}",
                missing.name,
                missing.kind.name().to_uppercase(),
                match missing.help.as_str() {
                    "" => String::new(),
                    help => format!(": {help}"),
                }
            )),
        ),
        None => Ok(parsed),
    }
}

/// Takes one `--name`, `--name=value` or `--name value`.
fn take<'a>(
    parameters: &[Parameter],
    parsed: &mut Arguments,
    name: &str,
    value: Option<&'a str>,
    next: impl FnOnce() -> Option<&'a str>,
) -> Result<(), Report> {
    if let Some(parameter) = find(parameters, name) {
        let name = &parameter.name;
        let value = match (parameter.kind, value) {
            (Kind::Bool, None) => Dynamic::TRUE,
            (_, Some(value)) => read(parameter, value)?,
            (kind, None) => {
                let value = next().ok_or_else(|| {
                    Report::new(format!("`--{name}` needs a value"))
                        .hint(format!("write `--{name} {}`", kind.name().to_uppercase()))
                })?;
                read(parameter, value)?
            }
        };
        if parameter.kind == Kind::List
            && let Some(mut earlier) = parsed
                .values
                .get_mut(name)
                .and_then(Dynamic::write_lock::<Array>)
        {
            earlier.extend(value.into_array().unwrap_or_default());
            return Ok(());
        }
        if parsed.values.insert(name.clone(), value).is_some() {
            return Err(Report::new(format!("`--{name}` is given twice")));
        }
        return Ok(());
    }
    let negated = name
        .strip_prefix("no-")
        .and_then(|name| find(parameters, name));
    match negated {
        Some(flag) if flag.kind == Kind::Bool && value.is_none() => {
            parsed.values.insert(flag.name.clone(), Dynamic::FALSE);
            Ok(())
        }
        _ => Err(unknown(parameters, name)),
    }
}

/// The parameter `name`, which may be typed with `-` where the script has `_`.
fn find<'a>(parameters: &'a [Parameter], name: &str) -> Option<&'a Parameter> {
    let same = |known: &str| known.replace('_', "-") == name.replace('_', "-");
    parameters.iter().find(|known| same(&known.name))
}

/// Reads the text of a value of the parameter, which is one that it takes.
fn read(parameter: &Parameter, text: &str) -> Result<Dynamic, Report> {
    let (name, bounds) = (&parameter.name, &parameter.bounds);
    let value = match parameter.kind {
        Kind::List if text.trim_start().starts_with('[') => read_json(parameter, text)?,
        Kind::List => {
            let items = text.split(',').map(str::trim);
            let items = items.filter(|item| !item.is_empty());
            let items: Result<Array, Report> = items
                .map(|item| read_one(name, parameter.items, item))
                .collect();
            items?.into()
        }
        Kind::Map => read_json(parameter, text)?,
        kind => {
            let value = read_one(name, kind, text)?;
            bounds.check(name, &value)?;
            return Ok(value);
        }
    };
    if let Ok(items) = value.as_array_ref() {
        for item in items.iter() {
            bounds.check(name, item)?;
        }
    }
    Ok(value)
}

/// Reads a list or a map that is written as JSON.
fn read_json(parameter: &Parameter, text: &str) -> Result<Dynamic, Report> {
    let (name, kind) = (&parameter.name, parameter.kind);
    let wrong = |why: String| {
        let example = match kind {
            Kind::Map => "{\"a\": 1}",
            _ => "[1, 2]",
        };
        Report::new(format!("`--{name}` takes a {}: {why}", kind.name()))
            .hint(format!("write JSON, for example `--{name} '{example}'`"))
    };
    let value = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
    let value = json::value(value);
    if Kind::of_value(&value) != Some(kind) {
        return Err(wrong(format!("not `{text}`")));
    }
    if let Ok(items) = value.as_array_ref() {
        let of = parameter.items;
        let is_other = |item: &&Dynamic| of != Kind::String && Kind::of_value(item) != Some(of);
        if let Some(other) = items.iter().find(is_other) {
            return Err(wrong(format!(
                "its items are of type {}, and `{other}` is not",
                of.name()
            )));
        }
    }
    Ok(value)
}

/// Reads the text of a single value.
fn read_one(name: &str, kind: Kind, text: &str) -> Result<Dynamic, Report> {
    let wrong = |example: &str| {
        Report::new(format!(
            "`--{name}` takes {}, not `{text}`",
            crate::engine::types::with_article(kind.name())
        ))
        .hint(format!("write for example `--{name} {example}`"))
    };
    match kind {
        Kind::Int => text
            .replace('_', "")
            .parse::<i64>()
            .map(Dynamic::from)
            .map_err(|_| wrong("10")),
        Kind::Float => match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(value.into()),
            _ => Err(wrong("1.5")),
        },
        Kind::Bool => match text {
            "true" | "yes" | "on" | "1" => Ok(Dynamic::TRUE),
            "false" | "no" | "off" | "0" => Ok(Dynamic::FALSE),
            _ => Err(wrong("true")),
        },
        Kind::String | Kind::List | Kind::Map => Ok(text.to_owned().into()),
    }
}

fn unknown(parameters: &[Parameter], name: &str) -> Report {
    let report = Report::new(format!("the script has no parameter `--{name}`"));
    if parameters.is_empty() {
        return report.note("it has none at all");
    }
    let known: Vec<_> = parameters
        .iter()
        .map(|known| format!("--{}", known.name))
        .collect();
    let report = report.note(format!("it has {}", known.join(" ")));
    match nearest(name, parameters.iter().map(|known| known.name.as_str())) {
        Some(near) => report.hint(format!("did you mean `--{near}`?")),
        None => report,
    }
}

fn unexpected(parameters: &[Parameter], argument: &str) -> Report {
    let report = Report::new(format!("unexpected `{argument}` behind the script"));
    match find(parameters, argument.trim_start_matches('-')) {
        Some(known) => report.hint(format!("write `--{} VALUE`", known.name)),
        None => report.hint(format!(
            "parameters are written `--NAME VALUE`; what the script finds in `args` stands behind `--`: `-- {argument}`"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters() -> Vec<Parameter> {
        let parameter = |name: &str, kind, default: Option<Dynamic>| Parameter {
            name: name.to_owned(),
            kind,
            default,
            help: "what it is".to_owned(),
            items: Kind::String,
            bounds: super::super::Bounds::default(),
        };
        vec![
            parameter("count", Kind::Int, Some(2.into())),
            parameter("rate", Kind::Float, Some(1.5.into())),
            parameter("keep_up", Kind::Bool, Some(true.into())),
            parameter("name", Kind::String, None),
            parameter("ports", Kind::List, Some(Array::new().into())),
        ]
    }

    fn given(arguments: &[&str]) -> Result<Arguments, Report> {
        let arguments: Vec<_> = arguments.iter().map(|one| (*one).to_owned()).collect();
        parse(&parameters(), &arguments)
    }

    fn value(arguments: &[&str], name: &str) -> String {
        let all = [arguments, &["--name=x"]].concat();
        format!("{:?}", given(&all).unwrap().values[name])
    }

    fn refusal(arguments: &[&str]) -> String {
        given(arguments).unwrap_err().draw(false)
    }

    #[test]
    fn the_type_of_a_parameter_decides_how_its_text_is_read() {
        assert_eq!(value(&["--count", "10"], "count"), "10");
        assert_eq!(value(&["--count=-1"], "count"), "-1");
        assert_eq!(value(&["--count", "-1"], "count"), "-1");
        assert_eq!(value(&["--rate", "2"], "rate"), "2.0");
        assert_eq!(value(&["--keep_up"], "keep_up"), "true");
        assert_eq!(value(&["--keep-up=no"], "keep_up"), "false");
        assert_eq!(value(&["--no-keep-up"], "keep_up"), "false");
        assert_eq!(value(&[], "name"), "\"x\"");
        assert_eq!(
            value(&["--ports", "a, b", "--ports=c"], "ports"),
            r#"["a", "b", "c"]"#
        );
    }

    #[test]
    fn what_follows_two_dashes_is_left_to_the_script() {
        let parsed = given(&["--name", "x", "--", "--count", "a"]).unwrap();
        assert_eq!(parsed.rest, ["--count", "a"]);
        assert_eq!(parsed.values.len(), 1);
    }

    #[test]
    fn a_wrong_command_line_is_refused_with_what_is_right() {
        insta::assert_snapshot!(refusal(&["--cuont", "3"]), @r"
        error: the script has no parameter `--cuont`
          = it has --count --rate --keep_up --name --ports
        hint: did you mean `--count`?
        ");
        insta::assert_snapshot!(refusal(&["--count", "three"]), @r"
        error: `--count` takes an int, not `three`
        hint: write for example `--count 10`
        ");
        insta::assert_snapshot!(refusal(&["--count"]), @r"
        error: `--count` needs a value
        hint: write `--count INT`
        ");
        insta::assert_snapshot!(refusal(&[]), @r"
        error: the parameter `--name` is missing
        hint: add `--name STRING`: what it is
        ");
        insta::assert_snapshot!(refusal(&["eth0"]), @r"
        error: unexpected `eth0` behind the script
        hint: parameters are written `--NAME VALUE`; what the script finds in `args` stands behind `--`: `-- eth0`
        ");
        insta::assert_snapshot!(refusal(&["--name", "a", "--name", "b"]), @"error: `--name` is given twice");
    }

    #[test]
    fn help_comes_before_everything_else() {
        assert!(given(&["--help"]).unwrap().help);
    }
}
