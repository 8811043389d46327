//! `check`: the mistakes that can be seen without running a script.

use ipvsh::engine::catalog::{Catalog, Expected};

use crate::program::Place;

#[test]
fn check_finds_all_calls_that_fit_nothing_without_running() {
    let script = "print(\"not printed\");\nlet n = host();\nn.ipvaln(1);\nassert();\nfn f(x) { g(x) }\nf(1, 2);\nn.ping(\"::1\");\n";
    let run = Place::with(script).run(&["check", "lab.rhai"]);
    assert_eq!((run.code, run.output.as_str()), (Some(1), ""));
    insta::assert_snapshot!(run.errors, @"
        error: a namespace has no method `ipvaln`
         --> lab.rhai:3:3
          |
        3 | n.ipvaln(1);
          |   ^^^^^^
        hint: did you mean `ipvlan`?
        error: `assert` takes 1 or 2 arguments, not 0
         --> lab.rhai:4:1
          |
        4 | assert();
          | ^^^^^^
          = accepted:
            assert(condition: bool)
            assert(condition: bool, text: string)
        error: there is no word `g`
         --> lab.rhai:5:11
          |
        5 | fn f(x) { g(x) }
          |           ^
        hint: `ipvsh doc` lists all words
        error: `f` takes 1 argument, not 2
         --> lab.rhai:6:1
          |
        6 | f(1, 2);
          | ^
          = accepted:
            f(x)
        ");
}

#[test]
fn check_is_content_with_a_good_script() {
    let run = Place::with("let f = |x| x + 1;\nprint(f.call(1));\nthis_is_fine();\nfn this_is_fine() { type_of(1) }\n").run(&["check", "lab.rhai"]);
    assert_eq!(
        (run.code, run.output.as_str()),
        (Some(0), "lab.rhai: no mistakes found\n"),
        "{}",
        run.errors
    );
}

/// What `check` says of a script.
fn found(script: &str) -> String {
    let run = Place::with(script).run(&["check", "lab.rhai"]);
    assert_eq!(
        (run.code, run.output.as_str()),
        (Some(1), ""),
        "{}",
        run.errors
    );
    without_lists(&run.errors)
}

/// The errors without what words, options and forms there are, which is beside the point here.
fn without_lists(errors: &str) -> String {
    let lists = ["  = options", "  = it has", "    "];
    let is_list = |line: &&str| lists.iter().any(|list| line.starts_with(list));
    let kept: Vec<_> = errors.lines().filter(|line| !is_list(line)).collect();
    kept.join("\n")
}

#[test]
fn check_knows_the_types_of_what_is_written_out_and_of_what_words_return() {
    insta::assert_snapshot!(found("let net = netns(\"a\");\nnet.mtu(1400);\n"), @"
        error: `mtu` takes 2 arguments, not 1
         --> lab.rhai:2:5
          |
        2 | net.mtu(1400);
          |     ^^^
          = accepted:
        ");
    insta::assert_snapshot!(found("netns(1);\n"), @"
        error: argument 1 (name) of `netns` is a string, not an int
         --> lab.rhai:1:1
          |
        1 | netns(1);
          | ^^^^^
          = accepted:
        ");
    insta::assert_snapshot!(found("netns(\"a\").dummy(\"d\").mtu(\"big\").up();\n"), @r#"
        error: argument 1 (bytes) of `mtu` is an int, not a string
         --> lab.rhai:1:23
          |
        1 | netns("a").dummy("d").mtu("big").up();
          |                       ^^^
          = accepted:
        "#);
    insta::assert_snapshot!(found("let d = dummy(\"d\");\nprint(d.netns.nmae);\n"), @"
        error: a namespace has no property `nmae`
         --> lab.rhai:2:15
          |
        2 | print(d.netns.nmae);
          |               ^^^^
        hint: did you mean `.name`?
        ");
}

#[test]
fn check_is_silent_where_a_type_could_be_another() {
    let script = "let x = netns(\"a\");\nx = 1;\nx.abs();\nfn f(y) { y.up() }\nlet y = 1;\nf(y);\n[netns(\"b\")][0].name;\nlet z = eval(\"1\");\n";
    let run = Place::with(script).run(&["check", "lab.rhai"]);
    assert_eq!(run.code, Some(0), "{}", run.errors);
}

#[test]
fn check_finds_unknown_and_doubled_options() {
    insta::assert_snapshot!(found("let n = netns(\"a\");\nlet m = 1400;\nn.dummy(\"d\", #{mtu: m, adr: \"10.0.0.1/24\"});\nping(\"::1\", #{cuont: 3});\n"), @r#"
        error: `dummy` has no option `adr`
         --> lab.rhai:3:24
          |
        3 | n.dummy("d", #{mtu: m, adr: "10.0.0.1/24"});
          |                        ^^^
        hint: did you mean `addr`?
        error: `ping` has no option `cuont`
         --> lab.rhai:4:13
          |
        4 | ping("::1", #{cuont: 3});
          |             ^
        hint: did you mean `count`?
        "#);
    insta::assert_snapshot!(found("dummy(\"d\", #{mtu: 1, mtu: 2});\n"), @r#"
        error: `mtu` stands in this map twice
         --> lab.rhai:1:22
          |
        1 | dummy("d", #{mtu: 1, mtu: 2});
          |                      ^^^
        "#);
}

#[test]
fn check_follows_imports_to_their_end() {
    let place = Place::with(
        "import \"a\" as a;\nimport \"std/lab\" as lab;\na::make();\na::mkae();\na::make(1);\nlab::uplnk(\"b\");\n",
    );
    place.write(
        "a.rhai",
        "import \"b\" as b;\nfn make() { b::thing(); nowhere(1) }\n",
    );
    place.write(
        "b.rhai",
        "import \"missing\" as m;\nfn thing() { m::any(1, 2, 3) }\n",
    );
    let run = place.run(&["check", "lab.rhai"]);
    assert_eq!(run.code, Some(1));
    insta::assert_snapshot!(without_lists(&run.errors), @r#"
        error: there is no module `missing`
         --> b.rhai:1:8
          |
        1 | import "missing" as m;
          |        ^^^^^^^^^
          = looked for it in `missing.rhai`
        error: there is no word `nowhere`
         --> a.rhai:2:25
          |
        2 | fn make() { b::thing(); nowhere(1) }
          |                         ^^^^^^^
        hint: `ipvsh doc` lists all words
        error: module `a` has no function `mkae`
         --> lab.rhai:4:4
          |
        4 | a::mkae();
          |    ^^^^
        hint: did you mean `a::make`?
        error: `a::make` takes no arguments, not 1
         --> lab.rhai:5:4
          |
        5 | a::make(1);
          |    ^^^^
          = accepted:
        error: module `lab` has no function `uplnk`
         --> lab.rhai:6:6
          |
        6 | lab::uplnk("b");
          |      ^^^^^
        hint: did you mean `lab::uplink`?
        "#);
}

#[test]
fn check_finds_imports_that_lead_in_a_circle_and_modules_that_cannot_be_parsed() {
    let place = Place::with("import \"a\" as a;\nimport \"c\" as c;\nc::f();\n");
    place.write("a.rhai", "import \"b\" as b;\n");
    place.write("b.rhai", "import \"a\" as a;\n");
    place.write("c.rhai", "let x = ;\n");
    insta::assert_snapshot!(place.run(&["check", "lab.rhai"]).errors, @r#"
        error: cannot import `a`: it imports itself
         --> b.rhai:1:8
          |
        1 | import "a" as a;
          |        ^^^
          = directly, or by way of the modules that it imports
        error: unexpected `;`
         --> c.rhai:1:9
          |
        1 | let x = ;
          |         ^
        "#);
}

#[test]
fn check_reads_the_parameters_that_stand_behind_a_script() {
    let place = Place::with(
        "let count = param(\"count\", 2, \"how many\");\nlet name = required(\"name\", \"string\", \"whose\");\n",
    );
    let check = |behind: &[&str]| place.run(&[&["check", "lab.rhai"], behind].concat());
    assert_eq!(check(&[]).code, Some(0));
    assert_eq!(check(&["--name", "x", "--count", "3"]).code, Some(0));
    let run = check(&["--name", "x", "--count", "x"]);
    assert_eq!(run.code, Some(1));
    insta::assert_snapshot!(run.errors, @"
        error: `--count` takes an int, not `x`
        hint: write for example `--count 10`
        ");
    insta::assert_snapshot!(check(&["--cuont", "3"]).errors, @"
        error: the script has no parameter `--cuont`
          = it has --count --name
        hint: did you mean `--count`?
        ");
    let run = place.run(&["check", "lab.rhai", "lab.rhai", "--count", "3"]);
    assert_eq!(run.code, Some(2));
    insta::assert_snapshot!(run.errors, @"
        error: parameters are of one script, and there are several here
        hint: check the scripts one by one
        ");
}

#[test]
fn check_takes_several_scripts() {
    let place = Place::with("print(1);\n");
    place.write("other.rhai", "nowhere(1);\n");
    let run = place.run(&["check", "lab.rhai", "other.rhai"]);
    assert_eq!((run.code, run.output.as_str()), (Some(1), ""));
    let run = place.run(&["--json", "check", "lab.rhai", "other.rhai", "missing.rhai"]);
    assert_eq!(run.code, Some(2));
    let found: serde_json::Value = serde_json::from_str(&run.output).unwrap();
    assert_eq!(found[0]["message"], "there is no word `nowhere`");
    assert_eq!(found[0]["file"], "other.rhai");
    assert_eq!(found[0]["line"], 1);
    assert_eq!(found[1]["message"], "there is no script `missing.rhai`");
    assert_eq!(found[2], serde_json::Value::Null);
}

#[test]
fn check_finds_nothing_in_the_scripts_and_modules_of_the_repository() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["scripts", "scripts/tests", "stdlib/std"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                files.push(path.display().to_string());
            }
        }
    }
    let arguments: Vec<&str> = ["check"]
        .into_iter()
        .chain(files.iter().map(String::as_str))
        .collect();
    let run = Place::new().run(&arguments);
    assert_eq!((run.code, run.errors.as_str()), (Some(0), ""));
}

#[test]
fn check_finds_nothing_in_the_examples_of_the_manual() {
    let place = Place::new();
    let mut files = Vec::new();
    for (number, example) in Catalog::new().examples().into_iter().enumerate() {
        // Some are there to show what goes wrong.
        if !matches!(example.expected, Some(Expected::Failure(_))) {
            let file = format!("{number}.rhai");
            place.write(&file, &example.code);
            files.push(file);
        }
    }
    let arguments: Vec<&str> = ["check"]
        .into_iter()
        .chain(files.iter().map(String::as_str))
        .collect();
    let run = place.run(&arguments);
    assert_eq!((run.code, run.errors.as_str()), (Some(0), ""));
}

#[test]
fn check_knows_what_an_option_takes() {
    insta::assert_snapshot!(
        found("vxlan(\"x0\", 5, #{ttl: true, learning: 7, dstport: \"x\"});\nlet d = dummy(\"d\");\nvxlan(\"x0\", 5, #{remote: d, tos: 256, df: \"on\"});\n"),
        @r#"
        error: option `dstport` takes an integer, not a string
         --> lab.rhai:1:16
          |
        1 | vxlan("x0", 5, #{ttl: true, learning: 7, dstport: "x"});
          |                ^
        error: option `learning` takes true or false, not an integer
         --> lab.rhai:1:16
          |
        1 | vxlan("x0", 5, #{ttl: true, learning: 7, dstport: "x"});
          |                ^
        error: option `ttl` takes an integer, or "auto" or "inherit", not a truth value
         --> lab.rhai:1:16
          |
        1 | vxlan("x0", 5, #{ttl: true, learning: 7, dstport: "x"});
          |                ^
        error: option `remote` takes a string, not a link
         --> lab.rhai:3:18
          |
        3 | vxlan("x0", 5, #{remote: d, tos: 256, df: "on"});
          |                  ^^^^^^
        error: `tos` is 0 to 255, not 256
         --> lab.rhai:3:29
          |
        3 | vxlan("x0", 5, #{remote: d, tos: 256, df: "on"});
          |                             ^^^
        error: vxlan has no df `on`
         --> lab.rhai:3:39
          |
        3 | vxlan("x0", 5, #{remote: d, tos: 256, df: "on"});
          |                                       ^^
          = dfs: unset, set, inherit
        hint: write "unset" or "set" or "inherit"
        "#
    );
}

#[test]
fn check_takes_what_the_words_take() {
    let script = "let n = 7;\nvxlan(\"x0\", 5, #{ttl: n, ageing: 300, df: \"set\", dev: \"nowhere\", up: true});\nbond(\"b\", \"802.3ad\", #{arp_ip_target: [\"10.0.0.1\"], primary: ()});\n";
    let run = Place::with(script).run(&["check", "lab.rhai"]);
    assert_eq!((run.code, run.errors.as_str()), (Some(0), ""));
}

#[test]
fn an_imported_script_has_no_mistakes() {
    let place = Place::new();
    place.write(
        "page.md",
        "```sh\nip netns add a\nroute add {NETWORK/MASK} gw {GATEWAYIP}\nip -n a addr add 10.0.0.1/24 dev eth0\n```\n",
    );
    let imported = place.run(&["import", "page.md"]);
    insta::assert_snapshot!(imported.output, @r#"
    let a = netns("a");
    // not translated: route("{NETWORK/MASK}", #{via: "{GATEWAYIP}"});    (`{GATEWAYIP}` is not an IP address)
    a.link("eth0").addr("10.0.0.1/24");
    "#);
    assert_eq!(imported.errors, "not translated: 1 command, in line 3\n");
    place.write("lab.rhai", &imported.output);
    assert_eq!(place.run(&["check", "lab.rhai"]).code, Some(0));
    let strict = place.run(&["import", "--strict", "page.md"]);
    assert_eq!(strict.code, Some(1));
}
