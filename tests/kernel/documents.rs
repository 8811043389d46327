//! What `--json` prints is what `ipvsh doc --schema` says, as a validator of others reads both.

use std::io::Write;
use std::process::{Command, Stdio};

use ipvsh::dsl::handles::HANDLES;
use ipvsh::engine::catalog::Catalog;
use serde_json::{Value, json};

use crate::case::cases;
use crate::lab::Lab;

cases! {
    ["veth"] =>
        every_key_of_a_handle_is_a_property_of_it;
    ["jsonschema"] =>
        every_document_is_as_its_schema_says;
}

/// One handle of each type, with its type and what it is in JSON.
const HANDLES_IN_JSON: &str = r#"
let a = netns("a");
let v = a.veth("v0", netns("b"), "v1", #{addr: "10.0.0.1/24", up: true});
v.peer.addr("10.0.0.2/24").up().wait_up();
a.rule(#{from: "10.0.0.0/8", table: 7});
v.neighbor("10.0.0.2", v.peer.mac);
a.nexthop(5, #{via: "10.0.0.2", dev: v});
let server = netns("b").listen(7000);
let process = a.spawn(["sleep", "1000"]);
let capture = capture([v], "x.pcapng", #{filter: "icmp"});
let all = [
    a, v, v.addrs[0], a.routes[0], a.nexthops[0], a.rules[0], a.neighbors[0],
    a.ping("10.0.0.2", #{count: 1, quiet: true}), mesh([a, netns("b")]), path(a, "10.0.0.2", #{quiet: true}),
    throughput(a, netns("b"), #{time: "50ms", quiet: true}), latency(a, netns("b"), #{count: 2, interval: "1ms", quiet: true}),
    why(a, "10.0.0.2", #{quiet: true}), process, capture, server, random(7),
];
for one in all { print(`${type_of(one)} ${one.to_json()}`); }
capture.stop();
"#;

fn every_key_of_a_handle_is_a_property_of_it(lab: &Lab) {
    let catalog = Catalog::new();
    let mut kinds = Vec::new();
    let mut missing = Vec::new();
    for line in lab.run(HANDLES_IN_JSON).lines() {
        let (kind, text) = line.split_once(' ').unwrap();
        let value: Value = serde_json::from_str(text).unwrap();
        kinds.push(kind.to_owned());
        for key in value.as_object().into_iter().flatten().map(|(key, _)| key) {
            let mut properties = catalog.properties.iter();
            if !properties.any(|known| known.of == kind && known.name == *key) {
                missing.push(format!("{kind}.{key}"));
            }
        }
    }
    let all: Vec<&str> = HANDLES.iter().map(|one| one.name).collect();
    assert_eq!(kinds, all);
    assert_eq!(missing, Vec::<String>::new());
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
    script("waits.rhai", "netns(\"w\");");
    script("set-up.sh", "ip netns add x\n");
    script(
        "x_test.rhai",
        "fn test_a() { netns(\"a\"); }\nfn test_b() { skip(\"not now\"); }\nfn test_c() { needs(\"veth\"); }\n\
         /// No.\nfn test_d() { print(1); expect(1, 2); }\n",
    );
    assert_eq!(
        lab.ipvsh(&["--quiet", "--confirm", "60s", "waits.rhai"])
            .code,
        0
    );
    let mut documents: Vec<(&str, Value)> = Vec::new();
    let mut take = |name: &'static str, arguments: &[&str], code: &str| {
        let is_lines = ["line", "test", "test --list"].contains(&name);
        let json = if name == "line" { None } else { Some("--json") };
        let run = lab.ipvsh(&json.iter().chain(arguments).copied().collect::<Vec<&str>>());
        let end = match code {
            "" => "exit code ".to_owned(),
            code => format!("exit code {code}\n"),
        };
        assert!(run.end().starts_with(&end), "{}", run.end());
        match name {
            _ if is_lines => {
                documents.extend(run.stdout.lines().map(|line| (name, read(line))));
            }
            "error" => assert_eq!(run.stdout, ""),
            _ => documents.push((name, read(&run.stdout))),
        }
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
    take("line", &["--json=lines", "--lab", "l", "well.rhai"], "0");
    take("line", &["--json=lines", "badly.rhai"], "1");
    take(
        "line",
        &["--json=lines", "--lab", "l", "plan", "well.rhai"],
        "0",
    );
    take("error", &["missing.rhai"], "2");
    take("error", &["well.rhai", "--strange"], "2");
    take("doctor", &["doctor"], "");
    take("doctor", &["doctor", "well.rhai"], "0");
    take("vm list", &["vm", "list"], "0");
    take("confirm", &["confirm"], "0");
    take("confirm LAB", &["confirm", "waits"], "0");
    take("test", &["test", "x_test.rhai"], "1");
    take("test --list", &["test", "--list", "x_test.rhai"], "0");
    take("fmt", &["fmt", "--check", "well.rhai"], "0");
    take("demo --list", &["demo", "--list"], "0");
    take("new --list", &["new", "--list"], "0");
    take("import --verify", &["import", "--verify", "set-up.sh"], "0");
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
