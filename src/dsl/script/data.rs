//! Data in, data out: files, the environment, the time, and what a run leaves as its result.
//!
//! A plan reads as a run does. What it would write it keeps, so that it reads that again, and notes only.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};
use rhai::Map;
use rhai::plugin::{Dynamic, NativeCallContext, export_module};

use crate::dsl::json;
use crate::dsl::order::Orders;
use crate::dsl::script::print;
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Kind, Result};
use crate::net::file;
use crate::schema::{self, Form, Opt};

const SEPARATOR: Opt =
    Opt::new("separator", Form::Text, "the character between two values").default(",");

/// What `read_csv` can be told.
pub(crate) const OF_CSV: &[Opt] = &[SEPARATOR];

/// The words that read a file, which is their first argument.
pub const READERS: [&str; 5] = ["packets", "read", "read_csv", "read_json", "read_toml"];

/// The path that a script means: seen from its own folder, as that of a module is.
pub(crate) fn path_of(context: &NativeCallContext, name: &str) -> PathBuf {
    let script = Path::new(context.call_source().unwrap_or_default());
    script.parent().unwrap_or(Path::new("")).join(name)
}

fn read_text(session: &Session, path: &Path, name: &str) -> Result<String> {
    let about = |error: Error| error.doing("read", name);
    if let Some(text) = session.planned_file(path) {
        return Ok(text);
    }
    let bytes = file::read(path).map_err(|error| {
        let is_missing = error.kind == Kind::NotFound;
        let error = about(error);
        if is_missing && !name.starts_with('/') {
            let place = match path.parent().filter(|parent| *parent != Path::new("")) {
                Some(parent) => format!("`{}`", parent.display()),
                None => "the work folder".to_owned(),
            };
            return error.hint(format!(
                "paths are seen from the script's folder, here {place}"
            ));
        }
        error
    })?;
    let text =
        String::from_utf8(bytes).map_err(|_| about(Error::invalid("it is not UTF-8 text")))?;
    Ok(text)
}

fn parse_csv(orders: &Orders, text: &str, separator: &str) -> Result<Dynamic> {
    let &[separator] = separator.as_bytes() else {
        return Err(
            Error::invalid(format!("a separator is one character, not `{separator}`"))
                .hint("write one such as \",\", \";\" or \"\\t\""),
        );
    };
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator)
        .from_reader(text.as_bytes());
    let wrong = |error: csv::Error| match error.kind() {
        csv::ErrorKind::UnequalLengths {
            pos: Some(place),
            expected_len,
            len,
        } => Error::invalid(format!(
            "as many values as in line 1, {expected_len}, are wanted in line {}, not {len}",
            place.line()
        )),
        _ => Error::invalid(error.to_string()),
    };
    let names = reader.headers().map_err(wrong)?.clone();
    orders.note(names.iter().map(str::to_owned).collect());
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(wrong)?;
        let cells = names.iter().zip(record.iter());
        let row: Map = cells
            .map(|(name, cell)| (name.into(), cell.into()))
            .collect();
        rows.push(Dynamic::from(row));
    }
    Ok(rows.into())
}

/// What a file is to hold: a text as it is, anything else as JSON.
fn content(session: &std::rc::Rc<Session>, value: &Dynamic) -> String {
    match value.as_immutable_string_ref() {
        Ok(text) => text.to_string(),
        Err(_) => format!("{:#}\n", print::value(Some(session), value).to_json()),
    }
}

fn write_text(session: &Session, path: &Path, name: &str, text: String) -> Result<()> {
    if session.lab().would_write(&path.display().to_string()) {
        session.plan_file(path.to_owned(), text);
        return Ok(());
    }
    file::write(path, 0o666, text.as_bytes())
        .map_err(|error| Error::io(&error).doing("write", name))
}

/// The name that this machine calls itself.
pub(crate) fn own_name() -> Result<String> {
    let name = nix::unistd::gethostname().map_err(Error::from)?;
    name.into_string()
        .map_err(|_| Error::invalid("the name of this machine is not UTF-8 text"))
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Reads a file as text. Its path is seen from the folder of the script.
    ///
    /// ```rhai
    /// write("hosts.txt", "a\nb\n");
    /// read("hosts.txt").split("\n").len()    // => 3
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn read(context: NativeCallContext, file: &str) -> Answer<String> {
        answer(&context, |session| {
            read_text(session, &path_of(&context, file), file)
        })
    }

    /// Reads a file of JSON.
    ///
    /// ```rhai
    /// write("hosts.json", [#{name: "a", vlan: 10}]);
    /// read_json("hosts.json")[0].vlan    // => 10
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn read_json(context: NativeCallContext, file: &str) -> Answer<Dynamic> {
        answer(&context, |session| {
            let text = read_text(session, &path_of(&context, file), file)?;
            let value = serde_json::from_str(&text);
            let value =
                value.map_err(|error| Error::invalid(error.to_string()).doing("read", file))?;
            session.orders().note_json(&value);
            Ok(json::value(value))
        })
    }

    /// Reads a file of TOML as a map.
    ///
    /// ```rhai
    /// write("lab.toml", "count = 3\n[uplink]\nname = \"eth0\"\n");
    /// read_toml("lab.toml").uplink.name    // => "eth0"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn read_toml(context: NativeCallContext, file: &str) -> Answer<Dynamic> {
        answer(&context, |session| {
            let text = read_text(session, &path_of(&context, file), file)?;
            let value = toml::from_str(&text);
            let value = value.map_err(|error: toml::de::Error| {
                Error::invalid(error.to_string().trim_end().to_owned()).doing("read", file)
            })?;
            session.orders().note_json(&value);
            Ok(json::value(value))
        })
    }

    /// Reads a file of comma-separated values: a list of maps, one a line. The first line has their keys; all values are text.
    ///
    /// ```rhai
    /// write("hosts.csv", "name,vlan\na,10\nb,20\n");
    /// read_csv("hosts.csv").map(|row| row.name + row.vlan)    // => ["a10", "b20"]
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn read_csv(context: NativeCallContext, file: &str) -> Answer<Dynamic> {
        read_csv_with(context, file, Map::new())
    }

    /// The same with options.
    ///
    /// ```rhai
    /// write("hosts.csv", "name;vlan\na;10\n");
    /// read_csv("hosts.csv", #{separator: ";"})[0].vlan    // => "10"
    /// ```
    #[rhai_fn(name = "read_csv", return_raw, volatile)]
    pub fn read_csv_with(context: NativeCallContext, file: &str, options: Map) -> Answer<Dynamic> {
        answer(&context, |session| {
            let options = &mut schema::options("read_csv", options, &[OF_CSV])?;
            let separator = SEPARATOR
                .take_text(options)?
                .unwrap_or_else(|| ",".to_owned());
            let text = read_text(session, &path_of(&context, file), file)?;
            parse_csv(session.orders(), &text, &separator)
                .map_err(|error| error.doing("read", file))
        })
    }

    /// Writes a file, and replaces what is there: a text as it is, any other value as JSON.
    ///
    /// Its path is seen from the folder of the script. A plan only notes it. The file is no part of the lab: it stays.
    ///
    /// ```rhai
    /// write("result.json", #{reached: true, links: links().map(|link| link.name)});
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn write(context: NativeCallContext, file: &str, value: Dynamic) -> Answer<()> {
        answer(&context, |session| {
            let text = content(session, &value);
            write_text(session, &path_of(&context, file), file, text)
        })
    }

    /// The variable `name` of the environment; `()` where it is not set.
    ///
    /// ```rhai
    /// env("NO_SUCH_VARIABLE") ?? "usual"    // => "usual"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn env(context: NativeCallContext, name: &str) -> Answer<Dynamic> {
        answer(&context, |_| match std::env::var_os(name) {
            None => Ok(Dynamic::UNIT),
            Some(value) => match value.into_string() {
                Ok(value) => Ok(value.into()),
                Err(_) => {
                    Err(Error::invalid("its value is not UTF-8 text").doing("read variable", name))
                }
            },
        })
    }

    /// The name that this machine calls itself, as `hostname` prints it.
    ///
    /// With it a script that is run on several hosts knows which of them it is on; a parameter lets somebody else say it.
    ///
    /// ```rhai
    /// let me = param("host", hostname());
    /// me == hostname()    // => true
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn hostname(context: NativeCallContext) -> Answer<String> {
        answer(&context, |_| own_name())
    }

    /// The time of day, in UTC, as RFC 3339 writes it. How long something takes `timestamp()` measures.
    ///
    /// ```rhai
    /// now().len()    // => 24
    /// ```
    pub fn now() -> String {
        DateTime::<Utc>::from(SystemTime::now()).to_rfc3339_opts(SecondsFormat::Millis, true)
    }

    /// Gives the run a result: what `--json` tells as `result`. The last one holds.
    ///
    /// ```rhai
    /// result(#{reached: 3, lost: 0});
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn result(context: NativeCallContext, value: Dynamic) -> Answer<()> {
        answer(&context, |session| {
            let told = print::value(Some(session), &value).to_json();
            session.set_result(told);
            Ok(())
        })
    }

    /// A value as JSON on one line; a handle as a map of what it shows.
    ///
    /// ```rhai
    /// to_json([1, "two", ()])    // => "[1,\"two\",null]"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn to_json(context: NativeCallContext, value: Dynamic) -> Answer<String> {
        answer(&context, |session| {
            Ok(print::value(Some(session), &value).to_json().to_string())
        })
    }

    /// A map as JSON on one line.
    ///
    /// ```rhai
    /// #{mtu: 1500}.to_json()    // => "{\"mtu\":1500}"
    /// ```
    #[rhai_fn(name = "to_json", return_raw, volatile)]
    pub fn map_to_json(context: NativeCallContext, map: Map) -> Answer<String> {
        to_json(context, map.into())
    }
}
