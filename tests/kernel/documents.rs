//! What `--json` prints is what `ipvsh doc --schema` says, as a validator of others reads both.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::case::cases;
use crate::lab::Lab;

cases! {
    ["jsonschema"] =>
        every_document_is_as_its_schema_says;
}

/// Reads a schema and documents, and prints what of them is not as it says.
const VALIDATE: &str = r#"
import json, sys
from jsonschema import Draft202012Validator
read = json.load(sys.stdin)
schema = read["schema"]
Draft202012Validator.check_schema(schema)
for number, (name, document) in enumerate(read["documents"]):
    one = {"$defs": schema["$defs"], **schema["properties"][name]}
    for error in Draft202012Validator(one).iter_errors(document):
        print(number, name, error.message)
"#;

/// What the validator says of documents, each with its name in the schema.
fn validate(schema: &Value, documents: &[(&str, Value)]) -> String {
    let mut python = Command::new("/usr/bin/python3")
        .args(["-c", VALIDATE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let read = json!({"schema": schema, "documents": documents}).to_string();
    let mut pipe = python.stdin.take().unwrap();
    pipe.write_all(read.as_bytes()).unwrap();
    drop(pipe);
    let output = python.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    String::from_utf8(output.stdout).unwrap()
}

fn every_document_is_as_its_schema_says(lab: &Lab) {
    let read = |text: &str| -> Value { serde_json::from_str(text).unwrap() };
    let schema = read(&lab.ipvsh(&["doc", "--schema"]).stdout);
    let script = |name: &str, text: &str| std::fs::write(lab.folder().join(name), text).unwrap();
    let well = "let a = netns(\"a\");\na.veth(\"e0\", netns(\"b\"), \"e1\", #{addr: \"10.0.0.1/24\", up: true}).peer.up();\n\
                a.nft(\"table inet t { }\");\na.spawn([\"sleep\", \"1000\"]);\nprint(1); result(#{x: [1, 2]});\n";
    script("well.rhai", well);
    script("badly.rhai", "netns(\"c\"); link(\"nowhere\");");
    script("wrong.rhai", "netn(\"c\");");
    script("less.rhai", "netns(\"a\");");
    let mut documents: Vec<(&str, Value)> = Vec::new();
    let mut take = |name: &'static str, arguments: &[&str], code: &str| {
        let run = lab.ipvsh(&[&["--json"], arguments].concat());
        let end = format!("exit code {code}\n");
        assert!(run.end().starts_with(&end), "{}", run.end());
        documents.push((name, read(&run.stdout)));
        let told = run.stderr.lines().map(read);
        let errors = told.filter(|told| told.get("message").is_some());
        documents.extend(errors.map(|error| ("error", error)));
    };
    take("plan", &["plan", "well.rhai"], "10");
    take("run", &["--lab", "l", "well.rhai"], "0");
    take("run", &["--lab", "l", "well.rhai"], "0");
    take("plan", &["--lab", "l", "plan", "well.rhai"], "0");
    take("plan", &["plan", "badly.rhai"], "1");
    take("plan", &["--lab", "l", "plan", "less.rhai"], "1");
    take("run", &["badly.rhai"], "1");
    take("check", &["check", "wrong.rhai"], "1");
    take("check", &["check", "well.rhai"], "0");
    take("graph", &["graph", "--form", "json"], "0");
    take("graph", &["graph", "--form", "json", "less.rhai"], "0");
    lab.sh("ip -n a link set e0 mtu 1400; ip netns del b");
    take("ls", &["ls"], "0");
    take("down", &["down", "l"], "0");
    take("down", &["down", "--all"], "0");
    assert_eq!(validate(&schema, &documents), "");
    // It would say so: what the schema does not know is no document, and neither is one that lacks a field.
    let mut strange = documents[0].1.clone();
    strange["strange"] = json!(1);
    let lacking = json!({"ok": true});
    let said = validate(&schema, &[("plan", strange), ("run", lacking)]);
    assert!(said.contains("0 plan Additional properties"), "{said}");
    assert!(said.contains("1 run 'exit_code' is a required"), "{said}");
    let errors = documents.iter().filter(|(name, _)| *name == "error");
    assert!(errors.count() >= 2, "{documents:?}");
}
