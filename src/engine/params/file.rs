//! Parameters from a file: they become words of the command line, and those that are typed there hold.

use std::path::Path;

use serde_json::Value;

use crate::error::Error;
use crate::net::file;
use crate::view::error::Report;

/// The words that the file of parameters stands for, but for those that are `typed` already. `-` is standard input.
pub fn words(path: &Path, typed: &[String]) -> Result<Vec<String>, Report> {
    let name = path.display().to_string();
    let failed =
        |error: &Error| Report::new(format!("cannot read the parameters in `{name}`: {error}"));
    let bytes = if path == Path::new("-") {
        file::read_from(&mut std::io::stdin().lock())
    } else {
        file::read(path)
    };
    let bytes = bytes.map_err(|error| failed(&error))?;
    let text = String::from_utf8_lossy(&bytes);
    let wrong =
        |cause: String| Report::new(format!("cannot read the parameters in `{name}`: {cause}"));
    let is_toml = path.extension().is_some_and(|ending| ending == "toml");
    let value: Value = if is_toml {
        toml::from_str(&text).map_err(|error| wrong(error.to_string().trim_end().to_owned()))?
    } else {
        serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?
    };
    let Value::Object(map) = value else {
        return Err(wrong("it is no map of names and values".to_owned())
            .hint("write `{\"count\": 3}`, or `count = 3` in a file whose name ends in .toml"));
    };
    let words = map.into_iter().filter(|(name, _)| !is_typed(name, typed));
    Ok(words.map(|(name, value)| word(&name, &value)).collect())
}

/// Whether the parameter is given on the command line itself.
fn is_typed(name: &str, typed: &[String]) -> bool {
    let same = |word: &str| word.replace('_', "-") == name.replace('_', "-");
    let mut own = typed.iter().take_while(|word| *word != "--");
    own.any(|word| {
        let option = word.strip_prefix("--").unwrap_or_default();
        let option = option.split('=').next().unwrap_or_default();
        same(option) || option.strip_prefix("no-").is_some_and(same)
    })
}

fn word(name: &str, value: &Value) -> String {
    match value {
        Value::String(text) => format!("--{name}={text}"),
        other => format!("--{name}={other}"),
    }
}
