//! Where blanks stand between the tokens of a line.

use super::token::{Kind, Token};

/// What a token does in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A value, a word, a comment, a bracket.
    Plain,
    /// Stands before what it acts on, as `-` of `-1`.
    Prefix,
    /// Stands between two.
    Infix,
    /// Ties what it stands between: `.`, `::`, `..`.
    Tie,
    /// The bar before the parameters of a closure, and the one behind.
    BarBefore,
    BarBehind,
    /// `,` `;` `:`.
    Stop,
    /// One that the language has no use for: it stays as it stands.
    Unknown,
    /// A bracket around statements.
    Block,
}

/// The role of each token.
pub(super) fn roles(tokens: &[Token]) -> Vec<Role> {
    let mut roles = Vec::with_capacity(tokens.len());
    // Whether a value has just ended, so that an operator stands between two.
    let mut ended = false;
    // The brackets that are open, and whether each is around statements.
    let mut open = Vec::new();
    // How many brackets were open where the parameters of a closure began.
    let mut bar = None;
    for token in tokens {
        let role = match token.kind {
            Kind::Open if token.is("{") => Role::Block,
            Kind::Close if open.last() == Some(&true) => Role::Block,
            Kind::Operator => operator(token, ended, &mut bar, open.len()),
            _ => Role::Plain,
        };
        match token.kind {
            Kind::Open => {
                open.push(token.is("{"));
                ended = false;
            }
            // Behind statements something new begins; behind a value it goes on.
            Kind::Close => ended = open.pop() == Some(false),
            Kind::Keyword | Kind::Operator => ended = false,
            Kind::Name | Kind::Number | Kind::Text => ended = true,
            Kind::LineComment | Kind::BlockComment => {}
        }
        roles.push(role);
    }
    roles
}

fn operator(token: &Token, ended: bool, bar: &mut Option<usize>, depth: usize) -> Role {
    match token.text {
        "." | "?." | "::" | ".." | "..=" => Role::Tie,
        "," | ";" | ":" => Role::Stop,
        "|" if *bar == Some(depth) => {
            *bar = None;
            Role::BarBehind
        }
        "|" if !ended => {
            *bar = Some(depth);
            Role::BarBefore
        }
        "||" if !ended => Role::BarBehind,
        "-" | "+" | "!" if !ended => Role::Prefix,
        "@" | "$" | "#" | "\\" | "~" | "?" => Role::Unknown,
        _ => Role::Infix,
    }
}

/// Whether a blank stands between two tokens of a line, `before` and `behind`.
pub(super) fn is_apart(before: (&Token, Role), behind: (&Token, Role)) -> bool {
    let ((left, left_role), (right, right_role)) = (before, behind);
    if left_role == Role::Unknown || right_role == Role::Unknown {
        return !right.is_glued;
    }
    if matches!(right.text, "," | ";" | ":") && right.kind == Kind::Operator {
        return false;
    }
    if left.kind == Kind::Open || right.kind == Kind::Close {
        let is_around_nothing = left.kind == Kind::Open && right.kind == Kind::Close;
        let is_block = (left.kind == Kind::Open && left_role == Role::Block)
            || (right.kind == Kind::Close && right_role == Role::Block);
        return is_block && !is_around_nothing;
    }
    if left_role == Role::Tie || right_role == Role::Tie {
        return left.kind == Kind::Keyword || left.is_comment() || right.is_comment();
    }
    if matches!(left_role, Role::Prefix | Role::BarBefore) || right_role == Role::BarBehind {
        // The bars of a closure without parameters are one token.
        return right.is("||") && !matches!(left_role, Role::Prefix | Role::BarBefore);
    }
    if right.kind == Kind::Open && matches!(right.text, "(" | "[" | "?[") {
        let takes_it = match left.kind {
            Kind::Name | Kind::Text => true,
            Kind::Close => left_role != Role::Block,
            _ => false,
        };
        return !takes_it;
    }
    // Two texts that touch are one to the parser.
    !(left.kind == Kind::Text && right.kind == Kind::Text && right.is_glued)
}
