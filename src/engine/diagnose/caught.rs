//! What `catch (e)` gives of Rhai's own errors: the same map as of those that words raise.
//!
//! Rhai hands a map of its own to the variable. It is replaced when the variable is first looked at.

use std::rc::Rc;

use rhai::{Dynamic, Engine, EvalAltResult, EvalContext, Map, Position};

use super::{Context, Means, describe};
use crate::dsl::Session;
use crate::dsl::session::exception;
use crate::engine::script::Sources;
use crate::error::Error;

/// What Rhai's maps say the error is under, and no other map of a catch has.
const RAW: &str = "error";

/// Has the engine tell caught errors of its own as words tell theirs.
#[allow(
    deprecated,
    reason = "Rhai marks the call as one that may change, not as one that goes"
)]
pub(crate) fn tell_caught(engine: &mut Engine, session: &Rc<Session>, sources: &Sources) {
    let (session, sources) = (session.clone(), sources.clone());
    engine.on_var(move |name, _, mut context| {
        let is_raw = |value: &Dynamic| {
            let map = value.read_lock::<Map>();
            map.is_some_and(|map| {
                let kind = map
                    .get(RAW)
                    .and_then(|kind| kind.as_immutable_string_ref().ok());
                map.contains_key("message") && kind.is_some_and(|kind| kind.starts_with("Error"))
            })
        };
        // It is asked for each variable that is read.
        if !sources.catches_in(name) {
            return Ok(None);
        }
        if context.scope().get(name).is_some_and(is_raw) {
            let told = {
                let means = Means {
                    engine: context.engine(),
                    session: &session,
                    sources: &sources,
                };
                let value = context.scope().get(name);
                let map = value.and_then(Dynamic::read_lock::<Map>);
                map.map(|map| tell(means, &context, &map))
            };
            if let (Some(told), Some(value)) = (told, context.scope_mut().get_mut(name)) {
                *value = told;
            }
        }
        Ok(None)
    });
}

fn tell(means: Means<'_>, context: &EvalContext, raw: &Map) -> Dynamic {
    let number = |key: &str| {
        let number = raw.get(key).and_then(|value| value.as_int().ok());
        number.and_then(|number| u16::try_from(number).ok())
    };
    let position = number("line").map_or(Position::NONE, |line| {
        Position::new(line, number("position").unwrap_or(0))
    });
    // That of an error in a function is the place of the call.
    let message = raw.get("message").map(ToString::to_string);
    let position = message.as_deref().and_then(place_in).unwrap_or(position);
    let source = raw
        .get("source")
        .and_then(|source| source.as_immutable_string_ref().ok())
        .filter(|source| !source.is_empty())
        .map(|source| source.to_string())
        .or_else(|| context.source().map(str::to_owned))
        .unwrap_or_default();
    let text = means.sources.text(&source).unwrap_or_default();
    // The functions of the script itself are among what is accepted.
    let ast = means.engine.compile(&*text).ok();
    let mut of_error = Context {
        means,
        ast: ast.as_ref(),
        source,
        position,
    };
    let (report, _) = describe(&mut of_error, &error(raw, position));
    // What is accepted is the hint of a call that fits nothing.
    let accepted = report
        .notes
        .iter()
        .find_map(|note| note.strip_prefix("accepted:\n"));
    let first = accepted.and_then(|forms| forms.lines().next());
    let usual = || match first {
        Some(form) => format!("it is called as `{}`", form.trim()),
        None => {
            "`help(\"NAME\")` shows what a word takes, and `.help()` what a value has".to_owned()
        }
    };
    let error = Error {
        hint: Some(report.hint.unwrap_or_else(usual)),
        notes: report.notes,
        ..Error::invalid(report.message)
    };
    match *exception(&error, position) {
        EvalAltResult::ErrorRuntime(map, _) => map,
        _ => Dynamic::UNIT,
    }
}

/// The error that Rhai's map tells of.
fn error(raw: &Map, position: Position) -> EvalAltResult {
    let text = |key: &str| {
        let text = raw.get(key).map(ToString::to_string);
        text.unwrap_or_default()
    };
    let number = |key: &str| {
        raw.get(key)
            .and_then(|value| value.as_int().ok())
            .unwrap_or(0)
    };
    let length = || usize::try_from(number("length")).unwrap_or(0);
    match text(RAW).as_str() {
        "ErrorFunctionNotFound" => EvalAltResult::ErrorFunctionNotFound(text("function"), position),
        "ErrorDotExpr" => EvalAltResult::ErrorDotExpr(text("property"), position),
        "ErrorPropertyNotFound" => EvalAltResult::ErrorPropertyNotFound(text("variable"), position),
        "ErrorVariableNotFound" => EvalAltResult::ErrorVariableNotFound(text("variable"), position),
        "ErrorModuleNotFound" => EvalAltResult::ErrorModuleNotFound(text("module"), position),
        "ErrorArrayBounds" => EvalAltResult::ErrorArrayBounds(length(), number("index"), position),
        "ErrorStringBounds" => {
            EvalAltResult::ErrorStringBounds(length(), number("index"), position)
        }
        "ErrorIndexingType" => EvalAltResult::ErrorIndexingType(text("type"), position),
        "ErrorMismatchDataType" | "ErrorMismatchOutputType" => {
            EvalAltResult::ErrorMismatchDataType(text("requested"), text("actual"), position)
        }
        "ErrorFor" => EvalAltResult::ErrorFor(position),
        "ErrorDataRace" => EvalAltResult::ErrorDataRace(text("variable"), position),
        "ErrorAssignmentToConstant" => {
            EvalAltResult::ErrorAssignmentToConstant(text("variable"), position)
        }
        "ErrorNonPureMethodCallOnConstant" => {
            EvalAltResult::ErrorNonPureMethodCallOnConstant(text("function"), position)
        }
        _ => of_text(&text("message"), position),
    }
}

/// The error that Rhai tells of in words: all that is known of one in a function. Behind it stand the source and the place.
fn of_text(message: &str, position: Position) -> EvalAltResult {
    use EvalAltResult as Of;
    let message = message.lines().next().unwrap_or_default();
    let message = message.split(" (line ").next().unwrap_or_default();
    let message = message.split(" @ '").next().unwrap_or_default();
    let behind = |front: &str| message.strip_prefix(front).map(str::to_owned);
    let bounds = |front: &str| {
        let (index, rest) = message
            .strip_prefix(front)?
            .split_once(" out of bounds: ")?;
        let number = rest.split(' ').find_map(|word| word.parse().ok());
        Some((number.unwrap_or(0), index.parse().ok()?))
    };
    let types = |front: &str| {
        let rest = message.strip_prefix(front)?;
        let (actual, wanted) = rest.split_once(" (expecting ")?;
        Some((wanted.trim_end_matches(')').to_owned(), actual.to_owned()))
    };
    if let Some(call) = behind("Function not found: ") {
        Of::ErrorFunctionNotFound(call, position)
    } else if let Some(name) = behind("Variable not found: ") {
        Of::ErrorVariableNotFound(name, position)
    } else if let Some(name) = behind("Property not found: ") {
        Of::ErrorPropertyNotFound(name, position)
    } else if let Some(name) = behind("Module not found: ") {
        Of::ErrorModuleNotFound(name, position)
    } else if let Some(kind) = behind("Indexer unavailable: ") {
        Of::ErrorIndexingType(kind, position)
    } else if let Some(name) = behind("Cannot modify constant ") {
        Of::ErrorAssignmentToConstant(name, position)
    } else if let Some(name) = behind("Data race detected on ") {
        Of::ErrorDataRace(name, position)
    } else if message == "For loop expects iterable type" {
        Of::ErrorFor(position)
    } else if message.starts_with("Unknown property '") {
        Of::ErrorDotExpr(message.to_owned(), position)
    } else if let Some((length, index)) = bounds("Array index ") {
        Of::ErrorArrayBounds(length, index, position)
    } else if let Some((length, index)) = bounds("String index ") {
        Of::ErrorStringBounds(length, index, position)
    } else if let Some((wanted, actual)) =
        types("Data type incorrect: ").or_else(|| types("Output type incorrect: "))
    {
        Of::ErrorMismatchDataType(wanted, actual, position)
    } else {
        Of::ErrorArithmetic(message.to_owned(), position)
    }
}

/// The place that a text of Rhai ends with in its first line: `… (line 3, position 7)`.
fn place_in(message: &str) -> Option<Position> {
    let line = message.lines().next()?.strip_suffix(')')?;
    let (_, place) = line.rsplit_once(" (line ")?;
    let (line, column) = place.split_once(", position ")?;
    let line = line.parse().ok().filter(|line| *line > 0)?;
    Some(Position::new(line, column.parse().ok()?))
}
