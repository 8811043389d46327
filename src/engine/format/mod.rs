//! Writes scripts in one style: `ipvsh fmt`.
//!
//! Lines stay where the author ends them, and comments behind code in their column. What is set is how far each line is set in, the
//! blanks within it, and empty lines. The tokens of what comes out are those of what went in, or nothing comes out.

mod spacing;
pub(super) mod token;

use self::spacing::{Role, is_apart, roles};
use self::token::{Kind, Token};

/// How far what is inside of brackets is set in, and what goes on behind the end of a line.
const STEP: usize = 4;

/// The script in one style; `None` where its pieces would not be the same, which would be a fault of this module.
pub fn script(text: &str) -> Option<String> {
    let tokens = token::all(text);
    let written = write(&tokens);
    let again = token::all(&written);
    let same = tokens.len() == again.len()
        && std::iter::zip(&tokens, &again)
            .all(|(token, again)| (token.kind, token.text) == (again.kind, again.text));
    same.then_some(written)
}

/// A bracket that is open.
struct Opened {
    /// How far what closes it is set in.
    indent: usize,
}

/// A line of the script.
struct Line<'a> {
    tokens: &'a [Token<'a>],
    roles: &'a [Role],
}

impl Line<'_> {
    /// Whether it is nothing but comments.
    fn is_comment(&self) -> bool {
        self.tokens.iter().all(Token::is_comment)
    }

    /// Whether it goes on with the line before.
    fn goes_on(&self) -> bool {
        match self.roles.first() {
            Some(Role::Infix) => true,
            Some(Role::Tie) => !self.tokens[0].text.starts_with(".."),
            _ => false,
        }
    }

    /// Whether it ends in the middle of an expression.
    fn is_unfinished(&self) -> bool {
        let last = std::iter::zip(self.tokens, self.roles).rfind(|(token, _)| !token.is_comment());
        last.is_some_and(|(token, role)| {
            matches!(role, Role::Infix | Role::Tie | Role::Prefix) || token.is(":")
        })
    }

    /// Its code, and the comment at its end.
    fn text(&self) -> (String, Option<&Token<'_>>) {
        let mut text = String::new();
        for (index, token) in self.tokens.iter().enumerate() {
            if index > 0 {
                if token.kind == Kind::LineComment {
                    return (text, Some(token));
                }
                let before = (&self.tokens[index - 1], self.roles[index - 1]);
                if is_apart(before, (token, self.roles[index])) {
                    text.push(' ');
                }
            }
            text.push_str(token.text);
        }
        (text, None)
    }
}

fn write(tokens: &[Token]) -> String {
    let roles = roles(tokens);
    let mut starts: Vec<usize> = (0..tokens.len())
        .filter(|index| *index == 0 || tokens[*index].newlines > 0)
        .collect();
    starts.push(tokens.len());
    let lines: Vec<Line> = starts
        .windows(2)
        .map(|ends| Line {
            tokens: &tokens[ends[0]..ends[1]],
            roles: &roles[ends[0]..ends[1]],
        })
        .collect();
    let mut open: Vec<Opened> = Vec::new();
    let mut text = String::new();
    // Whether the last line of code ends in the middle of an expression, and whether the line above opens a bracket.
    let (mut unfinished, mut opens) = (false, true);
    for (index, line) in lines.iter().enumerate() {
        let closes = line.tokens[0].kind == Kind::Close;
        if line.tokens[0].newlines > 1 && !opens && !closes {
            text.push('\n');
        }
        // A comment stands as the code below it does.
        let code = lines[index..].iter().find(|line| !line.is_comment());
        let goes_on = unfinished || code.is_some_and(Line::goes_on);
        let closing = line
            .tokens
            .iter()
            .take_while(|token| token.kind == Kind::Close);
        let base = open.last().map_or(0, |inner| inner.indent + STEP);
        let indent = if closes {
            let keep = open.len().saturating_sub(closing.count());
            open.drain(keep..).next().map_or(0, |outer| outer.indent)
        } else if goes_on {
            base + STEP
        } else {
            base
        };
        // The block of a condition that takes several lines is set in as the condition's first line is.
        let of_block = if unfinished || line.goes_on() && line.roles[0] == Role::Infix {
            base
        } else {
            indent
        };
        brackets(line, closes, indent, of_block, &mut open);
        put(&mut text, line, indent);
        if !line.is_comment() {
            unfinished = line.is_unfinished();
        }
        opens = line
            .tokens
            .last()
            .is_some_and(|last| last.kind == Kind::Open);
    }
    text
}

/// Notes the brackets that the line opens and closes; those that it begins with are closed already.
fn brackets(line: &Line, closes: bool, indent: usize, of_block: usize, open: &mut Vec<Opened>) {
    let mut is_leading = closes;
    for (at, token) in line.tokens.iter().enumerate() {
        is_leading &= token.kind == Kind::Close;
        match token.kind {
            Kind::Open => {
                let is_closure = at > 0 && line.roles[at - 1] == Role::BarBehind;
                let is_block = line.roles[at] == Role::Block && !is_closure;
                open.push(Opened {
                    indent: if is_block { of_block } else { indent },
                });
            }
            Kind::Close if !is_leading => drop(open.pop()),
            _ => {}
        }
    }
}

/// Writes a line. A comment behind code stays in its column, two blanks behind the code at least.
fn put(text: &mut String, line: &Line, indent: usize) {
    let start = text.len();
    text.push_str(&" ".repeat(indent));
    let (code, comment) = line.text();
    text.push_str(&code);
    if let Some(comment) = comment {
        let start = text[start..]
            .rfind('\n')
            .map_or(start, |end| start + end + 1);
        let width = text[start..].chars().count();
        let blanks = comment.column.saturating_sub(width).max(2);
        text.push_str(&" ".repeat(blanks));
        text.push_str(comment.text);
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn becomes(given: &str, wanted: &str) {
        assert_eq!(script(given).as_deref(), Some(wanted));
        assert_eq!(script(wanted).as_deref(), Some(wanted), "not at rest");
    }

    #[test]
    fn blanks_within_a_line_are_set() {
        becomes(
            "let a=-1+b*(c- 2) ;\nlet m = #{ a :1,b:[ 1,2 ] };\nf ( a , !b , m . a )[ 0 ]\n",
            "let a = -1 + b * (c - 2);\nlet m = #{a: 1, b: [1, 2]};\nf(a, !b, m.a)[0]\n",
        );
        becomes(
            "for i in 1 ..= n{print( i )}\nif(a||b)&&c{}else{ d }\n",
            "for i in 1..=n { print(i) }\nif (a || b) && c {} else { d }\n",
        );
        becomes(
            "a.map(| x,y |x+y).each(||{ f( ) });\nswitch x{1|2=>-1,_ if y=>0}\n",
            "a.map(|x, y| x + y).each(|| { f() });\nswitch x { 1 | 2 => -1, _ if y => 0 }\n",
        );
        becomes(
            "import\"std/lab\"as lab;\nlab :: uplink (`a${ b }`)?.c??d\nwithin\"a\"{}",
            "import \"std/lab\" as lab;\nlab::uplink(`a${ b }`)?.c ?? d\nwithin \"a\" {}\n",
        );
    }

    #[test]
    fn lines_are_set_in_by_the_brackets_and_chains_they_are_in() {
        becomes(
            "if a {\nnet.ipvlan(p, \"v\", #{\nmtu: 1400\n})\n.addr(x)\n// why\n.up();\n} else if b &&\nc {\nd(|x| {\nx\n})\n}\n",
            "if a {\n    net.ipvlan(p, \"v\", #{\n        mtu: 1400\n    })\n        .addr(x)\n        // why\n        .up();\n} else if b &&\n    c {\n    d(|x| {\n        x\n    })\n}\n",
        );
        becomes(
            "let x =\n1 +\n2;\nlet y = a\n&& b;\n",
            "let x =\n    1 +\n    2;\nlet y = a\n    && b;\n",
        );
    }

    #[test]
    fn comments_and_texts_stay_as_they_are() {
        becomes(
            "#!/usr/bin/env ipvsh\n\n\n//! Head.  \n  // one\nlet a  = 1; // two\nlet b = 1;      // three\n/* a\n  b */ f(`x\n   y`);\n",
            "#!/usr/bin/env ipvsh\n\n//! Head.\n// one\nlet a = 1;  // two\nlet b = 1;      // three\n/* a\n  b */ f(`x\n   y`);\n",
        );
    }

    #[test]
    fn empty_lines_stand_alone_and_never_beside_brackets() {
        becomes(
            "\n\na();\n\n\n\nif b {\n\n    c();\n\n}\n\n",
            "a();\n\nif b {\n    c();\n}\n",
        );
        becomes("", "");
    }
}
