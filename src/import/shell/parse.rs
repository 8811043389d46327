//! The commands of a shell script as a tree.

use std::ops::Range;
use std::rc::Rc;

use crate::import::lex::{Kind, Piece, Token, is_name, is_redirection};

/// A word, in its pieces.
pub(super) type Word = Vec<Piece>;

/// A command, or what stands between commands.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) what: What,
    pub(super) line: usize,
    /// The bytes of the script.
    pub(super) range: Range<usize>,
}

/// What a node is.
#[derive(Debug)]
pub(super) enum What {
    Blank,
    Comment(String),
    Simple(Simple),
    /// `[[ … ]]`: words and operators.
    Test(Vec<Token>),
    /// `((…))`
    Arithmetic(String),
    Pipe(Vec<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Not(Box<Node>),
    Background(Box<Node>),
    Group(Vec<Node>),
    Subshell(Vec<Node>),
    /// Tests with what is done where they hold, and what is done else.
    If(Vec<(Vec<Node>, Vec<Node>)>, Vec<Node>),
    /// `while`, or `until` where the flag is set.
    While(bool, Vec<Node>, Vec<Node>),
    For(String, Option<Vec<Word>>, Vec<Node>),
    /// `for ((…; …; …))`
    Count([String; 3], Vec<Node>),
    Case(Word, Vec<(Vec<Word>, Vec<Node>)>),
    Function(String, Rc<Vec<Node>>),
    /// A compound command that reads or writes elsewhere.
    Redirected(Box<Node>, Vec<Redirection>),
    /// What is not understood, and why.
    Broken(String),
}

/// `NAME=VALUE`, `NAME+=VALUE` or `NAME=(…)`.
#[derive(Clone, Debug)]
pub(super) struct Assignment {
    pub(super) name: String,
    pub(super) is_added: bool,
    pub(super) value: Vec<Word>,
    pub(super) is_list: bool,
}

/// A redirection: the operator, and where to or from.
#[derive(Clone, Debug)]
pub(super) struct Redirection {
    /// The number in front of it.
    pub(super) descriptor: Option<u8>,
    pub(super) operator: &'static str,
    pub(super) target: Word,
    /// Whether the target is the text itself.
    pub(super) is_text: bool,
}

/// A plain command.
#[derive(Debug, Default)]
pub(super) struct Simple {
    pub(super) assignments: Vec<Assignment>,
    pub(super) words: Vec<Word>,
    pub(super) redirections: Vec<Redirection>,
}

/// How deep commands may stand in one another.
const DEEPEST: usize = 60;

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
}

type Parsed<T> = Result<T, String>;

/// The tree of the tokens. What is not understood is a node of its own.
pub(super) fn parse(tokens: &[Token]) -> Vec<Node> {
    let mut parser = Parser {
        tokens,
        at: 0,
        depth: 0,
    };
    let mut nodes = Vec::new();
    while parser.at < tokens.len() {
        let start = parser.at;
        parser.depth = 0;
        match parser.list(&[], &mut nodes) {
            Ok(()) if parser.at >= tokens.len() => break,
            // A word such as `done` where nothing is open.
            Ok(()) => parser.skip_line(&mut nodes, parser.at, "not a plain command"),
            Err(why) => {
                // What was read of this list before is kept: the fault begins behind it.
                let start = nodes.last().map_or(start, |last: &Node| {
                    let end = last.range.end;
                    let next = tokens.iter().position(|token| token.range.start >= end);
                    next.unwrap_or(tokens.len()).max(start)
                });
                parser.skip_line(&mut nodes, start, &why);
            }
        }
    }
    nodes
}

/// The words that end a list of commands.
const CLOSING: [&str; 8] = ["then", "elif", "else", "fi", "do", "done", "esac", "}"];

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at)
    }

    fn bare(&self) -> Option<&'a str> {
        self.peek().and_then(Token::bare)
    }

    fn is(&self, operator: &str) -> bool {
        self.peek().is_some_and(|token| token.is(operator))
    }

    fn takes(&mut self, operator: &str) -> bool {
        let is = self.is(operator);
        self.at += usize::from(is);
        is
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let is = self.bare() == Some(word);
        self.at += usize::from(is);
        is
    }

    fn expect(&mut self, word: &str) -> Parsed<()> {
        if self.takes_word(word) {
            Ok(())
        } else {
            Err(format!("`{word}` is missing"))
        }
    }

    /// Leaves all from `start` to the end of the line that was read last, or of the next one.
    fn skip_line(&mut self, nodes: &mut Vec<Node>, start: usize, why: &str) {
        let start = start.min(self.tokens.len() - 1);
        self.at = self.at.max(start + 1).max(self.end_of_compound(start));
        while self.peek().is_some_and(|token| token.kind != Kind::Newline) {
            self.at += 1;
        }
        let node = self.node(start, What::Broken(why.to_owned()));
        nodes.push(node);
    }

    /// Where all that begins in the line of `start` is closed: what stands in it must not become a command of the script.
    fn end_of_compound(&self, start: usize) -> usize {
        const COMPOUND: [(&str, &str); 7] = [
            ("if", "fi"),
            ("while", "done"),
            ("until", "done"),
            ("for", "done"),
            ("select", "done"),
            ("case", "esac"),
            ("{", "}"),
        ];
        const GOES_ON: [&str; 4] = ["do", "then", "else", "{"];
        let mut open: Vec<&str> = Vec::new();
        let mut is_start = true;
        for (index, token) in self.tokens.iter().enumerate().skip(start) {
            let bare = token.bare().filter(|_| is_start);
            if let Some((_, closes)) = COMPOUND.iter().find(|(begin, _)| bare == Some(begin)) {
                open.push(closes);
            } else if token.is("(") {
                open.push(")");
            } else if (token.is(")") && open.last() == Some(&")"))
                || (bare.is_some() && bare == open.last().copied())
            {
                open.pop();
            } else if token.kind == Kind::Newline && open.is_empty() && index >= self.at {
                return index;
            }
            is_start = match &token.kind {
                Kind::Newline | Kind::Comment(_) => true,
                Kind::Operator(one) => !is_redirection(one),
                _ => bare.is_some_and(|word| GOES_ON.contains(&word)),
            };
        }
        self.tokens.len()
    }

    fn node(&self, start: usize, what: What) -> Node {
        let start = start.min(self.tokens.len() - 1);
        let end = self.at.max(start + 1).min(self.tokens.len());
        let tokens = &self.tokens[start..end];
        let first = &tokens[0];
        let last = tokens.iter().map(|token| token.range.end).max();
        Node {
            what,
            line: first.line,
            range: first.range.start..last.unwrap_or(first.range.end),
        }
    }

    /// Reads commands up to one of the words, which is left.
    fn list(&mut self, ends: &[&str], nodes: &mut Vec<Node>) -> Parsed<()> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("commands stand too deep in one another".to_owned());
        }
        let mut is_first = true;
        while let Some(token) = self.peek() {
            let start = self.at;
            match &token.kind {
                Kind::Newline => {
                    self.at += 1;
                    if is_first {
                        nodes.push(self.node(start, What::Blank));
                    }
                    is_first = true;
                    continue;
                }
                Kind::Comment(text) => {
                    let is_shebang = token.line == 1 && text.starts_with('!');
                    let text = text.clone();
                    self.at += 1;
                    if !is_shebang {
                        nodes.push(self.node(start, What::Comment(text)));
                    }
                    is_first = false;
                    continue;
                }
                Kind::Operator(";") => {
                    self.at += 1;
                    continue;
                }
                Kind::Operator(")" | ";;" | ";&" | ";;&") => break,
                _ => {}
            }
            let word = token.bare();
            if word.is_some_and(|word| ends.contains(&word) || CLOSING.contains(&word)) {
                break;
            }
            is_first = false;
            let node = self.chain()?;
            nodes.push(node);
        }
        self.depth -= 1;
        Ok(())
    }

    fn block(&mut self, ends: &[&str]) -> Parsed<Vec<Node>> {
        let mut nodes = Vec::new();
        // What stands behind the word on its line begins no line of its own.
        if self.peek().is_some_and(|token| token.kind == Kind::Newline) {
            self.at += 1;
        }
        self.list(ends, &mut nodes)?;
        Ok(nodes)
    }

    fn newlines(&mut self) {
        while self
            .peek()
            .is_some_and(|token| matches!(token.kind, Kind::Newline | Kind::Comment(_)))
        {
            self.at += 1;
        }
    }

    /// Reads commands that are joined by `&&` and `||`.
    fn chain(&mut self) -> Parsed<Node> {
        let start = self.at;
        let mut node = self.pipe()?;
        loop {
            let is_and = self.is("&&");
            if !is_and && !self.is("||") {
                break;
            }
            self.at += 1;
            self.newlines();
            let next = self.pipe()?;
            let (left, right) = (Box::new(node), Box::new(next));
            node = self.node(
                start,
                if is_and {
                    What::And(left, right)
                } else {
                    What::Or(left, right)
                },
            );
        }
        if self.takes("&") {
            node = self.node(start, What::Background(Box::new(node)));
        }
        Ok(node)
    }

    fn pipe(&mut self) -> Parsed<Node> {
        let start = self.at;
        if self.takes_word("!") {
            self.depth += 1;
            if self.depth > DEEPEST {
                return Err("too many `!`".to_owned());
            }
            let inner = self.pipe()?;
            self.depth -= 1;
            return Ok(self.node(start, What::Not(Box::new(inner))));
        }
        self.takes_word("time");
        let mut parts = vec![self.command()?];
        while self.takes("|") {
            self.newlines();
            parts.push(self.command()?);
        }
        if parts.len() > 1 {
            return Ok(self.node(start, What::Pipe(parts)));
        }
        Ok(parts.remove(0))
    }

    fn command(&mut self) -> Parsed<Node> {
        let start = self.at;
        let Some(token) = self.peek() else {
            return Err("not a plain command".to_owned());
        };
        if let Kind::Arithmetic(text) = &token.kind {
            let text = text.clone();
            self.at += 1;
            return Ok(self.node(start, What::Arithmetic(text)));
        }
        let next_is_bracket = self
            .tokens
            .get(start + 1)
            .is_some_and(|next| next.is("(") && next.range.start >= token.range.end)
            && self.tokens.get(start + 2).is_some_and(|next| next.is(")"));
        let what = match token.bare() {
            _ if token.is("(") => {
                self.at += 1;
                let body = self.block(&[])?;
                if !self.takes(")") {
                    return Err("`)` is missing".to_owned());
                }
                What::Subshell(body)
            }
            Some("{") => {
                self.at += 1;
                let body = self.block(&["}"])?;
                self.expect("}")?;
                What::Group(body)
            }
            Some("if") => self.condition()?,
            Some(word @ ("while" | "until")) => {
                let is_until = word == "until";
                self.at += 1;
                let test = self.block(&["do"])?;
                self.expect("do")?;
                let body = self.block(&["done"])?;
                self.expect("done")?;
                What::While(is_until, test, body)
            }
            Some("for") => self.repetition()?,
            Some("select") => return Err("a question to the user".to_owned()),
            Some("case") => self.choice()?,
            Some("function") => {
                self.at += 1;
                let name = self.bare().ok_or("a function without a name")?.to_owned();
                self.at += 1;
                if self.takes("(") && !self.takes(")") {
                    return Err("`)` is missing".to_owned());
                }
                self.function(name)?
            }
            // `LIST=()` is a list without anything in it.
            Some(name) if next_is_bracket && !name.contains('=') => {
                let name = name.to_owned();
                self.at += 3;
                self.function(name)?
            }
            Some("[[") => {
                self.at += 1;
                let mut tokens = Vec::new();
                while self.bare() != Some("]]") {
                    tokens.push(self.peek().ok_or("`]]` is missing")?.clone());
                    self.at += 1;
                }
                self.at += 1;
                What::Test(tokens)
            }
            _ => What::Simple(self.simple()?),
        };
        if !matches!(what, What::Simple(_) | What::Function(..)) {
            return self.redirected(start, what);
        }
        Ok(self.node(start, what))
    }

    /// A compound command, with the redirections behind it.
    fn redirected(&mut self, start: usize, what: What) -> Parsed<Node> {
        let node = self.node(start, what);
        let mut simple = Simple::default();
        while let Some(token) = self.peek() {
            let descriptor = self.bare().and_then(|word| word.parse::<u8>().ok());
            let next = self.tokens.get(self.at + 1);
            if descriptor.is_some() && next.is_some_and(is_redirecting) {
                self.at += 1;
                self.redirection(&mut simple, descriptor)?;
            } else if is_redirecting(token) {
                self.redirection(&mut simple, None)?;
            } else {
                break;
            }
        }
        let is_plain = |redirection: &Redirection| {
            let target = match redirection.target.as_slice() {
                [Piece::Text { text, .. }] => text.as_str(),
                _ => "",
            };
            let is_shown = ["/dev/null", "1", "2", "/dev/stderr", "/dev/stdout"].contains(&target);
            redirection.operator.contains('>') && is_shown
        };
        // What it prints is nowhere looked at.
        if simple.redirections.iter().all(is_plain) {
            return Ok(self.node(start, node.what));
        }
        let what = What::Redirected(Box::new(node), simple.redirections);
        Ok(self.node(start, what))
    }

    fn condition(&mut self) -> Parsed<What> {
        let mut arms = Vec::new();
        loop {
            // Behind `if` or `elif`.
            self.at += 1;
            let test = self.block(&["then"])?;
            self.expect("then")?;
            let body = self.block(&["elif", "else", "fi"])?;
            arms.push((test, body));
            if self.bare() != Some("elif") {
                break;
            }
        }
        let otherwise = if self.takes_word("else") {
            self.block(&["fi"])?
        } else {
            Vec::new()
        };
        self.expect("fi")?;
        Ok(What::If(arms, otherwise))
    }

    fn repetition(&mut self) -> Parsed<What> {
        self.at += 1;
        if let Some(Token {
            kind: Kind::Arithmetic(text),
            ..
        }) = self.peek()
        {
            let parts: Vec<String> = text.split(';').map(|part| part.trim().to_owned()).collect();
            let parts: [String; 3] = parts.try_into().map_err(|_| "a loop of its own kind")?;
            self.at += 1;
            return Ok(What::Count(parts, self.body()?));
        }
        let name = self.bare().filter(|name| is_name(name));
        let name = name.ok_or("a loop without a variable")?.to_owned();
        self.at += 1;
        self.newlines();
        let words = if self.takes_word("in") {
            let mut words = Vec::new();
            while let Some(Kind::Word(pieces)) = self.peek().map(|token| &token.kind) {
                words.push(pieces.clone());
                self.at += 1;
            }
            Some(words)
        } else {
            None
        };
        Ok(What::For(name, words, self.body()?))
    }

    /// What stands between `do` and `done`.
    fn body(&mut self) -> Parsed<Vec<Node>> {
        while self.takes(";") {}
        self.newlines();
        let ends = if self.takes_word("{") { "}" } else { "done" };
        if ends == "done" {
            self.expect("do")?;
        }
        let body = self.block(&[ends])?;
        self.expect(ends)?;
        Ok(body)
    }

    fn choice(&mut self) -> Parsed<What> {
        self.at += 1;
        let word = self.word()?;
        self.newlines();
        self.expect("in")?;
        let mut arms = Vec::new();
        loop {
            self.newlines();
            if self.takes_word("esac") {
                break;
            }
            self.takes("(");
            let mut patterns = vec![self.word()?];
            while self.takes("|") {
                patterns.push(self.word()?);
            }
            if !self.takes(")") {
                return Err("`)` is missing".to_owned());
            }
            let body = self.block(&["esac"])?;
            if self.is(";&") || self.is(";;&") {
                return Err("a case that goes on in the next".to_owned());
            }
            self.takes(";;");
            arms.push((patterns, body));
        }
        Ok(What::Case(word, arms))
    }

    fn word(&mut self) -> Parsed<Word> {
        let Some(Kind::Word(pieces)) = self.peek().map(|token| &token.kind) else {
            return Err("a word is missing".to_owned());
        };
        let pieces = pieces.clone();
        self.at += 1;
        Ok(pieces)
    }

    fn function(&mut self, name: String) -> Parsed<What> {
        self.newlines();
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("commands stand too deep in one another".to_owned());
        }
        let body = self.command()?;
        self.depth -= 1;
        let body = match body.what {
            What::Group(body) => body,
            what => vec![Node { what, ..body }],
        };
        Ok(What::Function(name, Rc::new(body)))
    }

    fn simple(&mut self) -> Parsed<Simple> {
        let mut simple = Simple::default();
        let start = self.at;
        while let Some(token) = self.peek() {
            match &token.kind {
                Kind::Word(pieces) => {
                    let next = self.tokens.get(self.at + 1);
                    let descriptor = token.bare().and_then(|word| word.parse::<u8>().ok());
                    if let Some(descriptor) = descriptor
                        && next.is_some_and(|next| {
                            next.range.start == token.range.end && is_redirecting(next)
                        })
                    {
                        self.at += 1;
                        self.redirection(&mut simple, Some(descriptor))?;
                        continue;
                    }
                    let is_assigning = simple.words.is_empty() || declares(&simple.words);
                    if is_assigning && let Some(mut assignment) = assignment(pieces) {
                        self.at += 1;
                        let is_empty = assignment.value.iter().all(|word| {
                            word.iter()
                                .all(|piece| matches!(piece, Piece::Text { text, .. } if text.is_empty()))
                        });
                        let end = token.range.end;
                        if is_empty
                            && self
                                .peek()
                                .is_some_and(|next| next.is("(") && next.range.start == end)
                        {
                            self.at += 1;
                            assignment.is_list = true;
                            assignment.value.clear();
                            self.newlines();
                            while !self.takes(")") {
                                assignment.value.push(self.word()?);
                                self.newlines();
                            }
                        }
                        simple.assignments.push(assignment);
                        continue;
                    }
                    simple.words.push(pieces.clone());
                    self.at += 1;
                }
                Kind::Operator(_) if is_redirecting(token) => {
                    self.redirection(&mut simple, None)?;
                }
                _ => break,
            }
        }
        if self.at == start {
            return Err("not a plain command".to_owned());
        }
        Ok(simple)
    }

    fn redirection(&mut self, simple: &mut Simple, descriptor: Option<u8>) -> Parsed<()> {
        let Some(Token {
            kind: Kind::Operator(operator),
            ..
        }) = self.peek()
        else {
            return Err("a redirection".to_owned());
        };
        let operator = *operator;
        self.at += 1;
        let (target, is_text) = match self.peek().map(|token| &token.kind) {
            Some(Kind::Word(pieces)) => (pieces.clone(), false),
            Some(Kind::Here(pieces)) => (pieces.clone(), true),
            _ => return Err("a redirection to nowhere".to_owned()),
        };
        self.at += 1;
        simple.redirections.push(Redirection {
            descriptor,
            operator,
            target,
            is_text: is_text || operator == "<<<",
        });
        Ok(())
    }
}

fn is_redirecting(token: &Token) -> bool {
    matches!(token.kind, Kind::Operator(one) if is_redirection(one))
}

/// Whether the command is one behind which assignments stand.
fn declares(words: &[Word]) -> bool {
    let first = words.first().and_then(|word| match word.as_slice() {
        [Piece::Text { text, .. }] => Some(text.as_str()),
        _ => None,
    });
    matches!(
        first,
        Some("export" | "readonly" | "local" | "declare" | "typeset")
    )
}

/// A word as an assignment.
fn assignment(pieces: &[Piece]) -> Option<Assignment> {
    // `NAME[$INDEX]=VALUE`: the index is text to be read later.
    let mut name = String::new();
    let mut rest = pieces.iter();
    let (left, right) = loop {
        match rest.next()? {
            Piece::Text { text, quoted } => {
                let is_index = name.contains('[');
                let at = match (is_index, text.find("]=").or(text.find("]+="))) {
                    (true, Some(at)) => text[at..].find('=').map(|sign| at + sign),
                    (true, None) => None,
                    (false, _) if *quoted => return None,
                    (false, _) => text.find('='),
                };
                if let Some(at) = at.filter(|_| !*quoted) {
                    break (format!("{name}{}", &text[..at]), text[at + 1..].to_owned());
                }
                if !is_index && !text.contains('[') {
                    return None;
                }
                name.push_str(text);
            }
            Piece::Variable { name: inner, .. } if name.contains('[') => {
                name.extend(["${", inner, "}"]);
            }
            Piece::Arithmetic(inner) if name.contains('[') => {
                name.extend(["$((", inner, "))"]);
            }
            _ => return None,
        }
    };
    let (name, is_added) = left
        .strip_suffix('+')
        .map_or((left.as_str(), false), |name| (name, true));
    let plain = name.split_once('[').map_or(name, |(name, _)| name);
    if !is_name(plain) || (plain != name && !name.ends_with(']')) {
        return None;
    }
    let mut value = vec![Piece::Text {
        text: right,
        quoted: false,
    }];
    value.extend(rest.cloned());
    Some(Assignment {
        name: name.to_owned(),
        is_added,
        value: vec![value],
        is_list: false,
    })
}
