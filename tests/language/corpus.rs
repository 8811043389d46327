//! What `import` makes of small set-ups of all kinds (`tests/corpus/`): the scripts stand beside them, and the book shows how each is taken.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use ipvsh::import::{Told, import_as};

/// Where the table of the book begins and ends.
const TABLE: (&str, &str) = ("<!-- table -->\n", "<!-- end of the table -->\n");

struct Case {
    name: String,
    source: String,
    script: String,
}

impl Case {
    /// What stands behind `# KEY:` at the top.
    fn said(&self, key: &str) -> &str {
        let mut lines = self.source.lines().take(4);
        let mark = format!("# {key}: ");
        lines
            .find_map(|line| line.strip_prefix(mark.as_str()))
            .unwrap_or_default()
    }

    fn title(&self) -> &str {
        let line = self.source.lines().nth(1).unwrap_or_default();
        line.trim_start_matches("# ")
    }

    /// How it is taken.
    fn how(&self) -> String {
        let count = |what: &str| {
            self.script
                .lines()
                .filter(|line| line.contains(what))
                .count()
        };
        let parts = [
            ("exec([\"", "run by the program itself"),
            ("// not run: ", "not run, and said"),
            ("// not translated: line", "left out, and said"),
        ];
        let said = parts.iter().filter(|(what, _)| count(what) > 0);
        let said: Vec<String> = said
            .map(|(what, how)| format!("{} {how}", count(what)))
            .collect();
        if said.is_empty() {
            "all in words".to_owned()
        } else {
            said.join(", ")
        }
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

fn cases() -> Vec<Case> {
    let files = fs::read_dir(folder())
        .unwrap()
        .map(|file| file.unwrap().path());
    let mut files: Vec<PathBuf> = files
        .filter(|path| path.extension().is_some_and(|end| end == "sh"))
        .collect();
    files.sort();
    let cases = files.into_iter().map(|path| {
        let mut case = Case {
            name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
            source: fs::read_to_string(&path).unwrap(),
            script: String::new(),
        };
        let arguments: Vec<String> = case
            .said("arguments")
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        let name = format!("{}.sh", case.name);
        let told = Told {
            arguments: &arguments,
            path: Some(Path::new(&name)),
            ..Told::default()
        };
        case.script = import_as(&case.source, &told).unwrap().script;
        case
    });
    cases.collect()
}

/// With `IPVSH_BLESS` set, what is made now is what is wanted from now on.
#[track_caller]
fn assert_is(path: &Path, made: &str) {
    if env::var_os("IPVSH_BLESS").is_some() {
        fs::write(path, made).unwrap();
    }
    let wanted = fs::read_to_string(path).unwrap_or_default();
    pretty_assertions::assert_str_eq!(wanted, made, "{}", path.display());
}

#[test]
fn each_set_up_becomes_the_script_beside_it() {
    for case in cases() {
        assert_is(&folder().join(format!("{}.rhai", case.name)), &case.script);
    }
}

#[test]
fn each_script_is_one_that_check_takes() {
    let scripts = cases().into_iter();
    let scripts = scripts.map(|case| folder().join(format!("{}.rhai", case.name)));
    let checked = Command::new(env!("CARGO_BIN_EXE_ipvsh"))
        .args(["--quiet", "--color=never", "check"])
        .args(scripts)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&checked.stderr), "");
    assert!(checked.status.success());
}

#[test]
fn the_book_says_how_each_is_taken() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/import.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(TABLE.0).unwrap();
    let (_, behind) = rest.split_once(TABLE.1).unwrap();
    let mut table = String::from("| set-up | what is in it | how it is taken |\n|---|---|---|\n");
    for case in cases() {
        let _ = writeln!(
            table,
            "| `{}` | {} | {} |",
            case.name,
            case.title(),
            case.how()
        );
    }
    assert_is(
        &path,
        &format!("{before}{}{table}{}{behind}", TABLE.0, TABLE.1),
    );
}
