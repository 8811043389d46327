//! Data in and out: files, results, and what a plan makes of them.

use std::fs;

use crate::program::Place;

#[test]
fn paths_are_seen_from_the_folder_of_the_script_and_of_a_module() {
    let place = Place::new();
    fs::create_dir_all(place.path().join("labs/parts")).unwrap();
    place.write(
        "labs/hosts.json",
        r#"[{"name": "a", "vlan": 10, "load": 0.5, "up": true, "far": null}]"#,
    );
    place.write(
        "labs/parts/limits.toml",
        "most = 3\n[uplink]\nname = \"eth0\"\n",
    );
    place.write(
        "labs/parts/limits.rhai",
        "fn most() { read_toml(\"limits.toml\") }",
    );
    place.write("labs/table.csv", "name,vlan\n\"a, the first\",010\nb,20\n");
    place.write(
        "labs/lab.rhai",
        r#"import "parts/limits" as limits;
           print(read_json("hosts.json").to_json());
           print(limits::most().to_json());
           print(read_csv("table.csv").to_json());
           write("out.json", #{b: [1, ()], a: "x"});
           write("out.txt", "as it is");"#,
    );
    let run = place.run(&["labs/lab.rhai"]);
    assert_eq!(
        (run.code, run.errors.as_str(), run.output.as_str()),
        (
            Some(0),
            "",
            "[{\"name\":\"a\",\"vlan\":10,\"load\":0.5,\"up\":true,\"far\":null}]\n\
             {\"most\":3,\"uplink\":{\"name\":\"eth0\"}}\n\
             [{\"name\":\"a, the first\",\"vlan\":\"010\"},{\"name\":\"b\",\"vlan\":\"20\"}]\n"
        )
    );
    let written = |name: &str| fs::read_to_string(place.path().join("labs").join(name)).unwrap();
    assert_eq!(
        written("out.json"),
        "{\n  \"b\": [\n    1,\n    null\n  ],\n  \"a\": \"x\"\n}\n"
    );
    assert_eq!(written("out.txt"), "as it is");
}

#[test]
fn a_plan_reads_what_it_would_have_written_and_writes_nothing() {
    let place = Place::with(r#"write("a.json", [1, 2]); assert(read_json("a.json") == [1, 2]);"#);
    let plan = place.run(&["plan", "lab.rhai"]);
    assert_eq!(
        (plan.code, plan.errors.as_str(), plan.output.as_str()),
        (Some(0), "", "? file a.json\na run would test 1\n")
    );
    assert!(!place.path().join("a.json").exists());
}

#[test]
fn a_result_is_what_json_tells() {
    let place = Place::with("result(1); print(\"p\"); result(#{reached: [true, false]});");
    let run = place.run(&["--json", "lab.rhai"]);
    let told: serde_json::Value = serde_json::from_str(&run.output).unwrap();
    assert_eq!(
        told["result"],
        serde_json::json!({"reached": [true, false]})
    );
    let run = Place::with("1").run(&["--json", "lab.rhai"]);
    let told: serde_json::Value = serde_json::from_str(&run.output).unwrap();
    assert_eq!(told["result"], serde_json::Value::Null);
}

#[test]
fn what_can_not_be_read_is_told_with_its_place() {
    let place = Place::new();
    place.write("short.csv", "a,b\n1,2\n3\n");
    place.write("wrong.json", "{\n  \"a\": 1,\n}");
    place.write("wrong.toml", "a = = 3\n");
    let said = [
        "read(\"none.txt\")",
        "read(\".\")",
        "read_csv(\"short.csv\")",
        "read_csv(\"short.csv\", #{separator: \"ab\"})",
        "read_csv(\"short.csv\", #{sep: \";\"})",
        "read_json(\"wrong.json\")",
        "read_toml(\"wrong.toml\")",
        "write(\"no/such/folder\", 1)",
        "random(1).pick([])",
        "random(1).number(2..=1)",
    ]
    .map(|line| {
        let run = place.run(&["-e", line]);
        assert_eq!((run.code, run.output.as_str()), (Some(1), ""), "{line}");
        let lines = run.errors.lines();
        let told = lines.filter(|line| !line.starts_with([' ', '-']) && !line.starts_with("1 |"));
        told.map(str::to_owned).collect::<Vec<_>>().join("\n")
    })
    .join("\n");
    insta::assert_snapshot!(said);
}

#[test]
fn chance_comes_again_with_its_seed_on_any_machine() {
    let script = "let r = random(42); let list = []; for i in 0..5 { list.push(r.number(1..=100)); } print(list); \
                  print(random(42).shuffled([1, 2, 3, 4, 5, 6]));";
    let run = Place::with(script).run(&["lab.rhai"]);
    insta::assert_snapshot!(run.output);
}
