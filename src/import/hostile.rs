//! What is imported may come from anybody: nothing of it becomes code that no command says.

use proptest::prelude::*;
use rhai::{Engine, Token};

use super::import;

/// A name that no command of these inputs makes one of the script: variables are in lower case, and the rest is text.
const MARK: &str = "PWNED";

/// What breaks out of comments, texts and words, in shells, in Markdown and in the language.
const PIECES: &[&str] = &[
    "\n",
    "\r",
    "\r\n",
    "\t",
    "\u{b}",
    "\u{c}",
    "\u{85}",
    "\u{2028}",
    "\u{2029}",
    "\u{0}",
    "\u{1b}[2K",
    "\u{202e}",
    " ",
    "'",
    "\"",
    "`",
    "\\",
    "\\\n",
    "$",
    "${",
    "}",
    "$(",
    "$((",
    "))",
    ")",
    "(",
    "//",
    "/*",
    "*/",
    "//!",
    "#",
    "##",
    "#{",
    ";",
    ";;",
    "&&",
    "||",
    "|",
    "&",
    ">",
    ">>",
    "<",
    "<<EOF",
    "<<-'EOF'",
    "EOF",
    "<<<",
    "{",
    "[",
    "]",
    "!",
    "=",
    ",",
    "PWNED(\"x\");",
    "PWNED",
    "exec(\"PWNED\");",
    "${PWNED(1)}",
    "\");PWNED();//",
    "`;PWNED();`",
    "x=PWNED",
    "x=$(true",
    "addr=",
    "$addr",
    "$1",
    "${2:-PWNED}",
    "PWNED=$1\n",
    "for i in 1 2; do",
    "done",
    "if true; then",
    "fi",
    "f() {",
    "set -e",
    "export A=",
    "local",
    "ip netns add ",
    "ip link add ",
    " type veth peer name ",
    " type dummy",
    "ip -n a link set ",
    " up",
    " alias ",
    "ip netns exec a ",
    "ip addr add ",
    " dev ",
    "10.0.0.1/24",
    "ip route add default via ",
    "ping -c 1 ",
    "echo ",
    "sysctl -w net.",
    "tc qdisc add dev v0 root netem delay ",
    "bridge vlan add dev ",
    " vid ",
    "sleep ",
    "brctl addbr ",
    "sh -c '",
    "bash -c \"",
    "true",
    "```sh\n",
    "\n```\n",
    "```\n",
    "~~~bash\n",
    "# ",
    "## ",
    "$ ",
    "root@h:~# ",
    "- ",
    "default",
];

fn input() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => prop::sample::select(PIECES).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 1..40).prop_map(|pieces| pieces.concat())
}

/// The names that the language reads in a script, outside of texts and comments.
fn names(engine: &Engine, script: &str) -> Vec<String> {
    let mut names = Vec::new();
    // The lexer alone does not know where in a text a variable ends: compiling it tells that.
    let variable = regex::Regex::new(r"\$\{[a-z_0-9]+\}").expect("an expression");
    let script = variable.replace_all(script, "_");
    for (token, _) in engine.lex(&[&*script]).0 {
        match token {
            Token::EOF => break,
            Token::Identifier(name) | Token::Reserved(name) | Token::Custom(name) => {
                names.push(name.to_string());
            }
            Token::LexError(error) => panic!("{error}:\n{script}"),
            _ => {}
        }
    }
    names
}

fn check(engine: &Engine, source: &str) {
    let Ok(imported) = import(source, None) else {
        return;
    };
    let script = imported.script;
    let active = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    assert!(!script.contains(active), "{source:?} became\n{script:?}");
    let names = names(engine, &script);
    assert!(
        names.iter().all(|name| !name.contains(MARK)),
        "{source:?} became\n{script}"
    );
    if let Err(error) = engine.compile(&script) {
        panic!("{source:?} became what is no script, {error}:\n{script}");
    }
}

fn engine() -> Engine {
    let mut engine = Engine::new();
    engine.set_max_expr_depths(0, 0);
    // A word of ours, which plain Rhai keeps for itself.
    #[expect(
        deprecated,
        reason = "not deprecated but volatile, says its documentation"
    )]
    engine.on_parse_token(|token, _, _| match token {
        Token::Reserved(name) if name.as_str() == "spawn" => Token::Identifier(name),
        token => token,
    });
    engine
}

#[test]
fn no_comment_and_no_reason_becomes_code() {
    let engine = engine();
    for source in [
        "addr=$(true\nPWNED(\"touch x\");\n//)\n",
        "# hello\rPWNED(\"touch x\");\n",
        "nonsense\rPWNED(\"touch x\");\n",
        "# a\u{2028}PWNED();\n",
        "ip link add \"a\nPWNED();//\" type dummy\n",
        "ip netns add \"`;PWNED();`\"\n",
        "cat <<EOF\nPWNED();\nEOF\n",
        "set -e \"\nPWNED();\"\n",
        "# heading `\r` PWNED()\n```sh\nip netns add a\n```\n",
        "# heading\n```sh\nip link set v0 alias '${PWNED()}'\n```\n",
        "export A=\"\rPWNED();\"\nfoo $A\n",
        "ip route add \"default\nPWNED();\" via 10.0.0.1\n",
    ] {
        check(&engine, source);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        // `IPVSH_ATTACK=100000` has it go on for long.
        cases: std::env::var("IPVSH_ATTACK").ok().and_then(|count| count.parse().ok()).unwrap_or(200),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_input_makes_a_line_that_no_command_and_no_comment_says(source in input()) {
        check(&engine(), &source);
    }
}
