//! The mistakes that people make who are new here: each is told with what was typed, what is wanted, and what to type.

use crate::program::{failure, value};

/// What was typed, what the message says of it, and what the hint or what is accepted says to type.
const MISTAKES: &[(&str, &str, &str)] = &[
    (
        "(1..=3).map(|i| i)",
        "a range has no method `map`",
        "make a list of it first: `(1..=3).to_list()`",
    ),
    (
        "let l = [host()]; l.map(\"name\")",
        "`name` takes no such arguments",
        "accepted:",
    ),
    (
        "let l = host().links; l.name",
        "a list has no property `name`",
        "`list.map(|one| one.name)`",
    ),
    (
        "ping(\"a\", \"b\")",
        "argument 2",
        "to act in a namespace, write `netns(\"…\").ping(…)`",
    ),
    (
        "print(1, 2)",
        "of `print` is a list, not an int",
        "it takes one value: put several into a text",
    ),
    (
        "let x = 5; print(x.print())",
        "`print` is a function, and no value has it",
        "write `print(x)`",
    ),
    (
        "let all = [1, 2]; all.map(|one| one).debug()",
        "`debug` is a function, and no value has it",
        "write `debug(all.map(|one| one))`",
    ),
    (
        "let x = 5; x.type_of",
        "the brackets of `type_of` are missing",
        "write `x.type_of()`",
    ),
    (
        "let m = #{a: 1}; m.default",
        "`default` is reserved by the language and can't stand behind a dot",
        "a key of that name is read by `m[\"default\"]`",
    ),
    (
        "let m = #{a: 1}; m.b ?? 5",
        "the map has no `b`",
        "write `m.get(\"b\")`, which is () where",
    ),
    (
        "let m = #{a: 1}; m?.b",
        "the map has no `b`",
        "write `m.get(\"b\")`, which is () where",
    ),
    (
        "let m = #{a: 1}; m.keys",
        "the map has no `keys`",
        "it is a method: write `.keys()`",
    ),
    (
        "print \"hi\"",
        "the brackets of `print` are missing",
        "write `print(…)`",
    ),
    (
        "let n = 3; if n = 3 { 1 }",
        "unexpected `=`",
        "two values are compared by `==`",
    ),
    (
        "ping(10.0.0.2)",
        "an address is a text, and `10.0.0.2` stands without quotes",
        "write \"10.0.0.2\"",
    ),
    (
        "netns('a')",
        "of `netns` is a string, not a char",
        "a text stands between double quotes",
    ),
    (
        "for i in 3 { print(i) }",
        "`for` can't go through an int",
        "`for i in 0..3`",
    ),
    (
        "for k in #{a: 1} { print(k) }",
        "`for` can't go through a map",
        "`for key in map.keys()`",
    ),
    (
        "if true print(1)",
        "the block is missing: it stands between `{` and `}`",
        "write `if ready { … }`",
    ),
    (
        "let s = \"abc\"; s.length",
        "a string has no property `length`",
        "write `.len()`",
    ),
    (
        "let l = [1]; l.append(2, 3).length()",
        "`append`",
        "accepted:",
    ),
    (
        "[1].size()",
        "a list has no method `size`",
        "it is called `len` here",
    ),
    ("let x = 1; x++", "there is no operator `++`", "`x += 1`"),
    (
        "null",
        "there is no `null` in this language",
        "no value is written `()`",
    ),
    (
        "None",
        "there is no variable `None`",
        "no value is written `()`",
    ),
    (
        "def f(x) { x }",
        "there is no variable `def`",
        "a function is declared with `fn`",
    ),
    (
        "import lab",
        "there is no variable `lab`",
        "`import \"std/lab\" as lab;`",
    ),
    (
        "net.ping(\"x\")",
        "there is no variable `net`",
        "a namespace is opened by `let net = netns(",
    ),
    (
        "host.links",
        "there is no variable `host`",
        "`host` is a word: call it as `host()`",
    ),
    (
        "ip link show",
        "there is no variable `ip`",
        "commands of a shell run in the session",
    ),
    (
        "echo \"hi\"",
        "there is no variable `echo`",
        "it is called `print(…)`",
    ),
    (
        "pingall()",
        "there is no word `pingall`",
        "it is called `mesh([a, b, c])`",
    ),
    (
        "let x = 5; x.up()",
        "`up` is a method of a link, not of an int",
        "accepted:",
    ),
    (
        "host().veht(\"a\", \"b\")",
        "a namespace has no method `veht`",
        "did you mean `veth`?",
    ),
    ("\"a\" + [1] - 2", "does not work between", ""),
    (
        "let m = #{a: 1}; m.b",
        "the map has no `b`",
        "`\"b\" in map` says whether it has",
    ),
    (
        "[1][7]",
        "index 7 of a list of 1",
        "the first item has index 0",
    ),
    (
        "let f = |x| x; f(3)",
        "there is no word `f`",
        "write `f.call(…)`",
    ),
];

#[test]
fn each_mistake_is_told_with_what_to_type() {
    let mut astray = Vec::new();
    for (typed, message, hint) in MISTAKES {
        let told = failure(typed);
        let first = told.lines().next().unwrap_or_default();
        let rest = told.lines().skip(1).collect::<Vec<_>>().join("\n");
        if !first.contains(message) || !rest.contains(hint) {
            astray.push(told);
        }
    }
    assert!(astray.is_empty(), "{}", astray.join("\n\n"));
}

#[test]
fn each_caught_mistake_has_the_map_of_all_errors() {
    for (typed, message) in [
        ("ipvlan(\"d\")", "`ipvlan` takes"),
        ("nosuch(1)", "there is no word `nosuch`"),
        ("host().nosuch", "a namespace has no property `nosuch`"),
        ("let m = #{a: 1}; m.b", "the map has no `b`"),
        ("[1][7]", "index 7 of a list of 1"),
        ("1 / 0", "division by zero"),
        ("let n = 3; for i in n { }", "`for` can't go through"),
        ("host().mtu(3)", "`mtu`"),
        ("own(1, 2)", "`own` takes 1 argument, not 2"),
        ("deep()", "there is no word `nosuch`"),
    ] {
        let script = format!(
            "fn own(x) {{ x }} fn deep() {{ nosuch() }}\n\
             try {{ {typed} }} catch (e) {{ print([e.kind, e.errno, e.netns, e.notes.len() >= 0]); print(e.hint.len > 9); print(e.message) }}"
        );
        let told = value(&script);
        let wanted = format!("[\"invalid\", (), (), true]\ntrue\n{message}");
        assert!(told.starts_with(&wanted), "{typed}: {told}");
    }
}
