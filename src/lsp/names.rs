//! Names of a text and what they mean: variables with their blocks, functions, modules. It reads the pieces, not the syntax tree, as
//! a text that is being typed has none.

use super::extent::{
    closing, end_of, end_of_argument, end_of_statement, is_closure, parameters, value,
};
use crate::repl::lex::{Kind, Piece, pieces};

/// What a name was declared as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Means {
    /// `let`, the variable of a `for`, of a `catch`, or of a closure.
    Variable,
    /// `const`.
    Constant,
    /// A parameter of a function.
    Parameter,
    /// A function.
    Function,
    /// What `import … as` names.
    Module,
}

/// A name that the text declares.
#[derive(Clone, Debug)]
pub(super) struct Declaration {
    pub(super) name: String,
    pub(super) means: Means,
    /// Where the name stands.
    pub(super) start: usize,
    /// What it is set to, or what a `for` goes through, as two places in the text; empty where nothing is known.
    pub(super) value: (usize, usize),
    /// The whole declaration, for an outline.
    pub(super) whole: (usize, usize),
    /// Whether it stands outside of all blocks.
    pub(super) is_outermost: bool,
    /// The names of a function's parameters.
    pub(super) parameters: Vec<String>,
}

impl Declaration {
    /// What it is set to, as it is written in the text.
    pub(super) fn value<'a>(&self, text: &'a str) -> &'a str {
        let (start, end) = self.value;
        text.get(start..end).unwrap_or_default().trim()
    }
}

/// A place where a name stands, and which declaration it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Use {
    pub(super) start: usize,
    pub(super) declaration: usize,
}

/// The names of a text.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) declarations: Vec<Declaration>,
    /// All places where they stand, that of the declaration too, in order.
    pub(super) uses: Vec<Use>,
    /// Those that can be seen at the end of the text.
    pub(super) visible: Vec<usize>,
}

/// Words that no name can be.
pub(super) const KEYWORDS: [&str; 30] = [
    "as", "break", "case", "catch", "const", "continue", "default", "do", "else", "export",
    "false", "fn", "for", "if", "import", "in", "let", "loop", "new", "private", "return",
    "static", "switch", "this", "throw", "true", "try", "var", "while", "within",
];

impl Names {
    /// Reads a text.
    pub(super) fn of(text: &str) -> Self {
        let mut reader = Reader::default();
        // Functions are known in the whole file, before they are declared too.
        let all = solid(text, 0);
        reader.functions(&all);
        reader.read(&all);
        reader.names.visible = reader.visible();
        reader.names.uses.sort_by_key(|one| one.start);
        reader.names.uses.dedup();
        reader.names
    }

    /// The declaration of the name at a place.
    pub(super) fn at(&self, offset: usize) -> Option<usize> {
        let found = self.uses.iter().find(|one| {
            let end = one.start + self.declarations[one.declaration].name.len();
            (one.start..=end).contains(&offset)
        });
        found.map(|one| one.declaration)
    }
}

/// The pieces that are more than blanks and comments, with those inside of `${…}`, at their places in the text.
pub(super) fn solid(text: &str, base: usize) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    for piece in pieces(text) {
        match piece.kind {
            Kind::Blank | Kind::Comment { .. } => {}
            Kind::Text { .. } if piece.text.starts_with('`') => {
                let start = base + piece.start;
                found.push(Piece { start, ..piece });
                found.extend(inside(piece.text, start));
            }
            _ => found.push(Piece {
                start: base + piece.start,
                ..piece
            }),
        }
    }
    found
}

/// The pieces of the code inside of a text with `${…}`, each part between brackets of its own.
fn inside(text: &str, base: usize) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(open) = text[from..].find("${") {
        let start = from + open + 2;
        let mut depth = 0_usize;
        let code = pieces(&text[start..]).into_iter().take_while(|piece| {
            match piece.kind {
                Kind::Open('{' | '#') => depth += 1,
                Kind::Close('}') if depth == 0 => return false,
                Kind::Close('}') => depth -= 1,
                _ => {}
            }
            true
        });
        let end = code
            .last()
            .map_or(start, |last| start + last.start + last.text.len());
        let sign = |text| Piece {
            kind: Kind::Sign,
            text,
            start: base + start,
        };
        // What stands before is no part of the expression.
        found.push(sign(";"));
        found.extend(solid(&text[start..end], base + start));
        found.push(sign(";"));
        from = end;
    }
    found
}

/// A block that is open while a text is read.
struct Block {
    /// How many variables could be seen before it.
    before: usize,
    /// Whether it is the body of a function, where only its own and what is constant is seen.
    is_function: bool,
    /// Whether it is a map: a name before a colon is a key.
    is_map: bool,
}

#[derive(Default)]
struct Reader {
    names: Names,
    /// The variables and modules that can be seen, the last ones first.
    seen: Vec<usize>,
    blocks: Vec<Block>,
    /// What is declared for the next block: parameters, the variable of a `for` or of a `catch`.
    coming: Vec<usize>,
    is_function_coming: bool,
}

impl Reader {
    fn declare(&mut self, piece: &Piece, means: Means, value: (usize, usize), end: usize) -> usize {
        let declaration = Declaration {
            name: piece.text.to_owned(),
            means,
            start: piece.start,
            value,
            whole: (piece.start, end.max(piece.start + piece.text.len())),
            is_outermost: self.blocks.is_empty(),
            parameters: Vec::new(),
        };
        self.names.declarations.push(declaration);
        let index = self.names.declarations.len() - 1;
        self.names.uses.push(Use {
            start: piece.start,
            declaration: index,
        });
        index
    }

    fn functions(&mut self, all: &[Piece]) {
        let named = all.windows(2).enumerate();
        for (index, pair) in named.filter(|(_, pair)| is_word(&pair[0], "fn")) {
            if pair[1].kind != Kind::Name {
                continue;
            }
            let end = all[index..]
                .iter()
                .position(|piece| piece.kind == Kind::Open('{'))
                .map(|open| end_of(all, index + open));
            let name = &pair[1];
            let end = end.unwrap_or(name.start + name.text.len());
            let function = self.declare(name, Means::Function, (0, 0), end);
            let (parameters, _) = parameters(all, index + 2);
            self.names.declarations[function].parameters =
                parameters.iter().map(|one| one.text.to_owned()).collect();
            self.names.declarations[function].whole.0 = pair[0].start;
        }
    }

    fn read(&mut self, all: &[Piece]) {
        let mut index = 0;
        while index < all.len() {
            index = self.step(all, index);
        }
    }

    /// Reads the piece at `index`, and returns the index of the next one to read.
    fn step(&mut self, all: &[Piece], index: usize) -> usize {
        let piece = &all[index];
        let next = all.get(index + 1);
        let next_is = |text: &str| next.is_some_and(|next| next.is(text));
        let is_member = index > 0 && [".", "?.", "::"].contains(&all[index - 1].text);
        match piece.kind {
            Kind::Open('{') => self.open(false),
            Kind::Open('#') => self.open(true),
            Kind::Close('}') => self.close(),
            Kind::Name if is_member => self.called(piece, next),
            Kind::Name => match piece.text {
                "let" | "const" => return self.variable(all, index),
                "for" => return self.turns(all, index),
                "fn" => {
                    let (parameters, end) = parameters(all, index + 2);
                    for one in parameters {
                        let declared = self.declare(one, Means::Parameter, (0, 0), 0);
                        self.coming.push(declared);
                    }
                    self.is_function_coming = true;
                    return end.max(index + 1);
                }
                "catch" => {
                    let (parameters, end) = parameters(all, index + 1);
                    for one in parameters {
                        let declared = self.declare(one, Means::Variable, (0, 0), 0);
                        self.coming.push(declared);
                    }
                    return end.max(index + 1);
                }
                "as" => {
                    if let Some(name) = next.filter(|next| next.kind == Kind::Name) {
                        let path = (all[index.saturating_sub(1)].start, piece.start);
                        let end = name.start + name.text.len();
                        let module = self.declare(name, Means::Module, path, end);
                        self.names.declarations[module].whole.0 = path.0;
                        self.seen.push(module);
                        return index + 2;
                    }
                }
                _ if self.blocks.last().is_some_and(|block| block.is_map) && next_is(":") => {}
                _ if next_is("(") => self.called(piece, next),
                _ => self.used(piece),
            },
            Kind::Sign if piece.is("|") && is_closure(all, index) => {
                return self.closure(all, index);
            }
            _ => {}
        }
        index + 1
    }

    fn open(&mut self, is_map: bool) {
        let before = self.seen.len();
        if !is_map {
            self.seen.append(&mut self.coming);
        }
        let is_function = !is_map && std::mem::take(&mut self.is_function_coming);
        self.blocks.push(Block {
            before,
            is_function,
            is_map,
        });
    }

    fn close(&mut self) {
        if let Some(block) = self.blocks.pop() {
            self.seen.truncate(block.before);
        }
    }

    /// `let NAME = VALUE`: the name is seen behind the value.
    fn variable(&mut self, all: &[Piece], index: usize) -> usize {
        let Some(name) = all.get(index + 1).filter(|next| next.kind == Kind::Name) else {
            return index + 1;
        };
        let is_set = all.get(index + 2).is_some_and(|sign| sign.is("="));
        let from = index + if is_set { 3 } else { 2 };
        let end = end_of_statement(all, from);
        // What the value declares itself, in closures and blocks, is read with it.
        let mut at = from;
        while at < end {
            at = self.step(all, at);
        }
        let value = value(all, from, end);
        let means = if all[index].is("const") {
            Means::Constant
        } else {
            Means::Variable
        };
        let declared = self.declare(name, means, value, value.1);
        self.names.declarations[declared].whole.0 = all[index].start;
        self.seen.push(declared);
        at
    }

    /// `for NAME in VALUE {` and `for (NAME, COUNT) in VALUE {`.
    fn turns(&mut self, all: &[Piece], index: usize) -> usize {
        let in_brackets = all.get(index + 1).is_some_and(|next| next.is("("));
        let (names, at) = if in_brackets {
            parameters(all, index + 1)
        } else {
            let name = all.get(index + 1).filter(|next| next.kind == Kind::Name);
            (name.into_iter().collect(), index + 2)
        };
        let body = (at..all.len()).find(|&at| all[at].kind == Kind::Open('{'));
        let end = body.unwrap_or(all.len());
        let mut next = at;
        while next < end {
            next = self.step(all, next);
        }
        let through = value(all, at + 1, end);
        for (number, name) in names.into_iter().enumerate() {
            let through = if number == 0 { through } else { (0, 0) };
            let declared = self.declare(name, Means::Variable, through, 0);
            self.coming.push(declared);
        }
        next
    }

    /// `|a, b| …`: its parameters are seen up to the end of what the closure is in.
    fn closure(&mut self, all: &[Piece], index: usize) -> usize {
        let mut at = index + 1;
        while let Some(piece) = all.get(at) {
            at += 1;
            if piece.is("|") {
                break;
            }
            if piece.kind == Kind::Name {
                let declared = self.declare(piece, Means::Variable, (0, 0), 0);
                self.seen.push(declared);
            }
        }
        // Where a block follows, they end with it; else with the argument.
        let is_block = all.get(at).is_some_and(|next| next.kind == Kind::Open('{'));
        let end = if is_block {
            closing(all, at) + 1
        } else {
            end_of_argument(all, at)
        };
        let before = self.seen.len();
        let declared = before - names_between(all, index, at);
        while at < end.min(all.len()) {
            at = self.step(all, at);
        }
        self.seen.truncate(declared);
        at
    }

    fn visible(&self) -> Vec<usize> {
        let hides = self.blocks.iter().rfind(|block| block.is_function);
        let from = hides.map_or(0, |block| block.before);
        let is_seen = |(position, &index): (usize, &usize)| {
            let means = self.names.declarations[index].means;
            let is_own = position >= from || matches!(means, Means::Constant | Means::Module);
            is_own.then_some(index)
        };
        let mut all: Vec<usize> = self.seen.iter().enumerate().filter_map(is_seen).collect();
        all.extend(self.coming.iter().copied());
        let declarations = self.names.declarations.iter().enumerate();
        let functions = declarations.filter(|(_, one)| one.means == Means::Function);
        all.extend(functions.map(|(index, _)| index));
        all
    }

    fn used(&mut self, piece: &Piece) {
        let names = &self.names.declarations;
        let mut visible = self.visible();
        visible.retain(|&one| names[one].means != Means::Function);
        let found = visible
            .into_iter()
            .rfind(|&one| names[one].name == piece.text);
        self.note(piece, found);
    }

    /// A name before a bracket, or behind a dot: a function of the file where there is one.
    fn called(&mut self, piece: &Piece, next: Option<&Piece>) {
        if !next.is_some_and(|next| next.is("(")) {
            return;
        }
        let functions = self.names.declarations.iter();
        let found = functions
            .clone()
            .position(|one| one.means == Means::Function && one.name == piece.text);
        self.note(piece, found);
    }

    fn note(&mut self, piece: &Piece, declaration: Option<usize>) {
        if let Some(declaration) = declaration {
            self.names.uses.push(Use {
                start: piece.start,
                declaration,
            });
        }
    }
}

fn names_between(all: &[Piece], from: usize, to: usize) -> usize {
    let names = all[from..to.min(all.len())].iter();
    names.filter(|piece| piece.kind == Kind::Name).count()
}

fn is_word(piece: &Piece, word: &str) -> bool {
    piece.kind == Kind::Name && piece.is(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text with each use of a declared name as `name→line`, where the line is the one of the declaration.
    fn resolved(text: &str) -> Vec<String> {
        let names = Names::of(text);
        let line = |offset: usize| text[..offset].matches('\n').count() + 1;
        let uses = names.uses.iter();
        let shown = uses.map(|one| {
            let declaration = &names.declarations[one.declaration];
            format!(
                "{}:{}→{}",
                declaration.name,
                line(one.start),
                line(declaration.start)
            )
        });
        shown.collect()
    }

    #[test]
    fn a_name_means_the_declaration_that_can_be_seen_there() {
        let text = "\
let a = 1;
if true { let a = a + 1; print(a); }
print(a);
for i in 1..=3 { print(`${i} and ${a}`); }
print(i);";
        assert_eq!(
            resolved(text),
            [
                "a:1→1", "a:2→2", "a:2→1", "a:2→2", "a:3→1", "i:4→4", "i:4→4", "a:4→1"
            ]
        );
    }

    #[test]
    fn functions_are_seen_before_and_see_constants_only() {
        let text = "\
run(1);
const N = 2;
let v = 3;
fn run(x) { x + N + v }
let w = v.run();";
        assert_eq!(
            resolved(text),
            [
                "run:1→4",
                "N:2→2",
                "v:3→3",
                "run:4→4",
                "x:4→4",
                "x:4→4",
                "N:4→2",
                "w:5→5",
                "v:5→3",
                "run:5→4"
            ]
        );
    }

    #[test]
    fn keys_members_and_options_are_no_variables() {
        let text = "let mtu = 1; let l = link(\"a\").mtu(2); let m = #{mtu: mtu, up: l.mtu};";
        let found = resolved(text);
        assert_eq!(found.iter().filter(|one| one.starts_with("mtu")).count(), 2);
        assert_eq!(found.iter().filter(|one| one.starts_with("l:")).count(), 2);
    }

    #[test]
    fn closures_modules_and_what_is_caught_have_names_of_their_own() {
        let text = "\
import \"std/lab\" as lab;
let e = [1].map(|e| e + 1);
try { lab::uplink(e) } catch (e) { print(e) }
[1, 2].filter(|x| { x > e }).len(e)";
        assert_eq!(
            resolved(text),
            [
                "lab:1→1",
                "e:2→2",
                "e:2→2",
                "e:2→2",
                "lab:3→1",
                "e:3→2",
                "e:3→3",
                "e:3→3",
                "x:4→4",
                "x:4→4",
                "e:4→2",
                "e:4→2"
            ]
        );
    }

    #[test]
    fn a_text_that_is_being_typed_has_names_too() {
        for text in [
            "let a = netns(\"a\")\nlet b = a.",
            "fn f(a { let b",
            "for (a, i) in x { `${a",
            "|",
        ] {
            let names = Names::of(text);
            assert!(names.visible.len() <= names.declarations.len(), "{text}");
        }
        let names = Names::of("let a = netns(\"a\");\nwithin a { let c = 2; c");
        let visible = names.visible.iter();
        let visible: Vec<_> = visible
            .map(|&one| names.declarations[one].name.as_str())
            .collect();
        assert_eq!(visible, ["a", "c"]);
    }
}
