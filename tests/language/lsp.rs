//! The language server, driven as an editor does: JSON-RPC over its standard input and output.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::{Value, json};

use crate::program::Place;

/// An editor with one script open.
struct Editor {
    server: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    place: Place,
    last: u64,
    /// What was told without being asked for.
    told: Vec<Value>,
}

impl Editor {
    fn open(script: &str) -> Self {
        let place = Place::new();
        let mut server = place
            .command(&["lsp"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let to = server.stdin.take().unwrap();
        let from = BufReader::new(server.stdout.take().unwrap());
        let mut editor = Self {
            server,
            to,
            from,
            place,
            last: 0,
            told: Vec::new(),
        };
        let general = json!({"general": {"positionEncodings": ["utf-8", "utf-16"]}});
        let begun = editor.ask(
            "initialize",
            json!({"processId": null, "rootUri": null, "capabilities": general}),
        );
        assert_eq!(begun["capabilities"]["positionEncoding"], "utf-8");
        editor.tell("initialized", json!({}));
        let document =
            json!({"uri": editor.uri(), "languageId": "rhai", "version": 1, "text": script});
        editor.tell("textDocument/didOpen", json!({"textDocument": document}));
        editor
    }

    fn uri(&self) -> String {
        format!("file://{}/lab.rhai", self.place.path().display())
    }

    fn send(&mut self, message: &Value) {
        let text = message.to_string();
        write!(self.to, "Content-Length: {}\r\n\r\n{text}", text.len()).unwrap();
        self.to.flush().unwrap();
    }

    fn tell(&mut self, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    fn receive(&mut self) -> Value {
        let mut length = 0;
        loop {
            let mut line = String::new();
            assert_ne!(
                self.from.read_line(&mut line).unwrap(),
                0,
                "the server has ended"
            );
            match line.trim_end().split_once(": ") {
                Some(("Content-Length", number)) => length = number.parse().unwrap(),
                Some(_) => {}
                None => break,
            }
        }
        let mut text = vec![0; length];
        self.from.read_exact(&mut text).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    /// The whole answer: with a `result`, or with an `error`.
    fn answer(&mut self, method: &str, params: Value) -> Value {
        self.last += 1;
        self.send(&json!({"jsonrpc": "2.0", "id": self.last, "method": method, "params": params}));
        loop {
            let message = self.receive();
            if message["id"] == self.last {
                return message;
            }
            self.told.push(message);
        }
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.answer(method, params)["result"].take()
    }

    /// Asks about a place: the line and the byte in it, from 0.
    fn at(&mut self, method: &str, line: u32, character: u32, more: Value) -> Value {
        let mut params = json!({"textDocument": {"uri": self.uri()}, "position": {"line": line, "character": character}});
        let more = more.as_object().cloned().unwrap_or_default();
        params.as_object_mut().unwrap().extend(more);
        self.answer(&format!("textDocument/{method}"), params)
    }

    fn change(&mut self, text: &str) {
        let uri = self.uri();
        let params =
            json!({"textDocument": {"uri": uri, "version": 2}, "contentChanges": [{"text": text}]});
        self.tell("textDocument/didChange", params);
    }

    /// The mistakes that the server tells of next, each as `line:from-to message`.
    fn mistakes(&mut self) -> Vec<String> {
        let told = if self.told.is_empty() {
            self.receive()
        } else {
            self.told.remove(0)
        };
        assert_eq!(told["method"], "textDocument/publishDiagnostics");
        let all = told["params"]["diagnostics"].as_array().unwrap();
        let shown = all.iter().map(|one| {
            let (start, end) = (&one["range"]["start"], &one["range"]["end"]);
            let message = one["message"].as_str().unwrap();
            format!(
                "{}:{}-{} {message}",
                start["line"], start["character"], end["character"]
            )
        });
        shown.collect()
    }

    /// The labels that are offered at a place.
    fn offered(&mut self, line: u32, character: u32) -> Vec<String> {
        let found = self.at("completion", line, character, json!({}));
        let found = found["result"].as_array().unwrap().clone();
        found
            .iter()
            .map(|one| one["label"].as_str().unwrap().to_owned())
            .collect()
    }

    fn hovered(&mut self, line: u32, character: u32) -> String {
        let found = self.at("hover", line, character, json!({}));
        found["result"]["contents"]["value"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    fn end(mut self) {
        assert_eq!(self.ask("shutdown", Value::Null), Value::Null);
        self.tell("exit", Value::Null);
        assert_eq!(self.server.wait().unwrap().code(), Some(0));
    }
}

/// `line:from-to` of each.
fn places(found: &Value) -> Vec<String> {
    let all = found.as_array().unwrap().iter();
    let shown = all.map(|one| {
        let (start, end) = (&one["range"]["start"], &one["range"]["end"]);
        format!(
            "{}:{}-{}",
            start["line"], start["character"], end["character"]
        )
    });
    shown.collect()
}

const SCRIPT: &str = r#"import "cables" as cables;
import "std/lab" as lab;
let parent = param("parent", "eth0", "interface");
let a = netns("a");
let b = netns("b");
/// Twice of it.
fn double(x) { x * 2 }
let v = a.veth("e0", b, "e0", #{addr: "10.0.0.1/24"});
for i in 1..=3 { print(`é ${i} ${double(i)}`); }
cables::wire(a, b);
"#;

#[test]
fn mistakes_are_told_while_typing_and_taken_back() {
    let mut editor = Editor::open("let a = netnsx(\"a\");\nprint(a);\n");
    assert_eq!(
        editor.mistakes(),
        ["0:8-14 there is no word `netnsx`\nhint: did you mean `netns`?"]
    );
    editor.change("let a = netns(\"a\");\nlet =");
    assert_eq!(editor.mistakes().len(), 1);
    editor.change("let a = netns(\"a\");\n");
    assert_eq!(editor.mistakes(), [""; 0]);
    editor.end();
}

#[test]
fn a_mistake_in_a_module_is_told_where_it_is_imported() {
    let mut editor = Editor::open("");
    assert_eq!(editor.mistakes(), [""; 0]);
    editor
        .place
        .write("cables.rhai", "fn wire(a, b) { netnsx(a) }");
    editor.change("let x = 1;\nimport \"cables\" as cables;\n");
    let file = editor.place.path().join("cables.rhai");
    assert_eq!(
        editor.mistakes(),
        [format!(
            "1:7-15 {}:1: there is no word `netnsx`\nhint: did you mean `netns`?",
            file.display()
        )]
    );
    editor.end();
}

#[test]
fn completion_knows_what_variables_are() {
    let typed = format!("{SCRIPT}v.;\na.;\nwithin b {{ let inner = v; inn\n");
    let mut editor = Editor::open(&typed);
    let of_link = editor.offered(10, 2);
    assert!(
        of_link.contains(&"mtu".to_owned()) && of_link.contains(&"addr".to_owned()),
        "{of_link:?}"
    );
    let of_namespace = editor.offered(11, 2);
    assert!(
        of_namespace.contains(&"ipvlan".to_owned()) && !of_namespace.contains(&"is_up".to_owned()),
        "{of_namespace:?}"
    );
    assert_eq!(editor.offered(12, 29), ["inner"]);
    // What is declared further down, or inside of a block that has ended, is not offered.
    assert_eq!(editor.offered(3, 4), [""; 0]);
    editor.change("let a = netns(\"a\");\na.veth(\"x\", #{ad");
    let keys = editor.offered(1, 16);
    assert!(keys.contains(&"addr".to_owned()), "{keys:?}");
    editor.end();
}

#[test]
fn hover_shows_the_manual_and_what_the_script_declares() {
    let mut editor = Editor::open(SCRIPT);
    assert!(
        editor
            .hovered(7, 11)
            .starts_with("```rhai\nnet.veth(name: string, peer_name: string) -> Link\n")
    );
    assert_eq!(editor.hovered(7, 4), "```rhai\nlet v: Link\n```");
    assert_eq!(editor.hovered(2, 5), "```rhai\nlet parent: string\n```");
    assert_eq!(
        editor.hovered(8, 34),
        "```rhai\nfn double(x)\n```\nTwice of it."
    );
    assert!(
        editor
            .hovered(7, 33)
            .contains("addresses, with their prefix lengths")
    );
    assert_eq!(editor.hovered(7, 31), "");
    editor.end();
}

#[test]
fn the_call_at_the_cursor_shows_its_forms_and_the_argument() {
    let mut editor = Editor::open(SCRIPT);
    let help = editor.at("signatureHelp", 7, 22, json!({}))["result"].take();
    let best = usize::try_from(help["activeSignature"].as_u64().unwrap()).unwrap();
    let form = &help["signatures"][best];
    assert!(
        form["label"]
            .as_str()
            .unwrap()
            .starts_with("net.veth(name: string, peer_")
    );
    assert_eq!(form["activeParameter"], 1);
    assert_eq!(form["parameters"][0]["label"], "name: string");
    editor.end();
}

#[test]
fn definitions_are_found_in_the_script_and_in_its_modules() {
    let mut editor = Editor::open(SCRIPT);
    editor.place.write(
        "cables.rhai",
        "// Cables.\nfn other() {}\nfn wire(a, b) { a }\n",
    );
    let here = editor.uri();
    let there = here.replace("lab.rhai", "cables.rhai");
    for (line, character, uri, place) in [
        (7, 8, &here, "3:4-5"),
        (8, 34, &here, "6:3-9"),
        (9, 9, &there, "2:3-7"),
        (0, 9, &there, "0:0-0"),
    ] {
        let found = editor.at("definition", line, character, json!({}))["result"].take();
        assert_eq!(found["uri"], **uri, "{line}:{character}");
        assert_eq!(places(&json!([found])), [place], "{line}:{character}");
    }
    let of_standard = editor.at("definition", 1, 9, json!({}));
    assert_eq!(of_standard["result"], Value::Null);
    editor.end();
}

#[test]
fn a_name_is_renamed_wherever_it_means_the_same() {
    let mut editor = Editor::open(SCRIPT);
    let uri = editor.uri();
    let renamed = editor.at("rename", 4, 4, json!({"newName": "right"}));
    assert_eq!(
        places(&renamed["result"]["changes"][&uri]),
        ["4:4-5", "7:21-22", "9:16-17"]
    );
    let renamed = editor.at("rename", 8, 4, json!({"newName": "count"}));
    assert_eq!(
        places(&renamed["result"]["changes"][&uri]),
        ["8:4-5", "8:29-30", "8:41-42"]
    );
    for (name, why) in [
        ("a", "`a` is declared in this script already"),
        ("let", "`let` can't be a name"),
        ("1x", "`1x` can't be a name"),
    ] {
        let refused = editor.at("rename", 4, 4, json!({"newName": name}));
        assert_eq!(refused["error"]["message"], why);
    }
    let word = editor.at("rename", 7, 11, json!({"newName": "x"}));
    assert_eq!(
        word["error"]["message"],
        "only what the script itself declares can be renamed"
    );
    editor.end();
}

#[test]
fn the_outline_and_the_style_are_those_of_the_script() {
    let mut editor = Editor::open(SCRIPT);
    let uri = editor.uri();
    let document = json!({"textDocument": {"uri": uri}});
    let outline = editor.ask("textDocument/documentSymbol", document);
    let names: Vec<_> = outline
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["cables", "lab", "parent", "a", "b", "double", "v"]);
    let wanted =
        json!({"textDocument": {"uri": uri}, "options": {"tabSize": 4, "insertSpaces": true}});
    assert_eq!(
        editor.ask("textDocument/formatting", wanted.clone()),
        json!([])
    );
    editor.change("let a=1;\n");
    let edits = editor.ask("textDocument/formatting", wanted);
    assert_eq!(edits[0]["newText"], "let a = 1;\n");
    editor.end();
}

#[test]
fn what_is_not_known_is_refused_and_the_server_goes_on() {
    let mut editor = Editor::open(SCRIPT);
    let refused = editor.answer("textDocument/nothing", json!({}));
    assert_eq!(
        refused["error"]["message"],
        "`textDocument/nothing` is not known to this server"
    );
    let refused = editor.answer("textDocument/hover", json!({"textDocument": 1}));
    assert!(refused["error"]["message"].is_string());
    let elsewhere = json!({"textDocument": {"uri": "file:///nowhere.rhai"}, "position": {"line": 0, "character": 0}});
    let refused = editor.answer("textDocument/hover", elsewhere);
    assert_eq!(
        refused["error"]["message"],
        "`file:///nowhere.rhai` is not open"
    );
    assert_eq!(
        editor.at("hover", 9999, 9999, json!({}))["result"],
        Value::Null
    );
    editor.end();
}
