//! Routing tables as an option: by number or by name.

use crate::error::{Error, Result, nearest};
use crate::net::table;
use crate::value::options::{Options, in_range, wrong_type};

/// Takes the option `table`: a number from 1, or one of the names that iproute2 knows.
pub(crate) fn option(options: &mut Options) -> Result<Option<u32>> {
    let Some(value) = options.take("table") else {
        return Ok(None);
    };
    if let Ok(number) = value.as_int() {
        let number = in_range("table", number, 1..=i64::from(u32::MAX))?;
        return Ok(u32::try_from(number).ok());
    }
    let given = value.type_name();
    let text = value
        .into_string()
        .map_err(|_| wrong_type("table", "a number or a name", given))?;
    if let Some(number) = text.parse::<u32>().ok().filter(|number| *number > 0) {
        return Ok(Some(number));
    }
    let names = table::names();
    if let Some((number, _)) = names.iter().find(|(_, name)| *name == text) {
        return Ok(Some(*number));
    }
    let known: Vec<&str> = names.iter().map(|(_, name)| name.as_str()).collect();
    let error = Error::invalid(format!("there is no routing table `{text}`"))
        .note(format!("tables: {}", known.join(", ")));
    Err(match nearest(&text, known) {
        Some(near) => error.hint(format!("did you mean \"{near}\"?")),
        None => error.hint("give its number, or its name in /etc/iproute2/rt_tables"),
    })
}
