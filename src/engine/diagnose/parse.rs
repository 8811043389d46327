//! Scripts that can't be parsed.

use rhai::{LexError, ParseErrorType, Position};

use super::{Context, habits, lower, unknown_alias, unknown_variable};
use crate::view::error::Report;

/// Explains a syntax error, and moves its place to where a reader would look for it.
pub(super) fn explain(context: &mut Context, kind: &ParseErrorType) -> Report {
    match kind {
        ParseErrorType::VariableUndefined(name) => return unknown_variable(context, name),
        ParseErrorType::ModuleUndefined(name) => return unknown_alias(context, name),
        ParseErrorType::MissingToken(..) | ParseErrorType::UnexpectedEOF => {
            context.move_to_end_of_previous();
        }
        _ => {}
    }
    match kind {
        ParseErrorType::UnexpectedEOF => Report::new("the script ends in the middle of something")
            .hint("look for a bracket or quote that isn't closed"),
        ParseErrorType::MissingToken(token, _) if token == ";" && context.is_at_end() => {
            Report::new("the script ends in the middle of a block")
                .hint("look for a `{` that isn't closed")
        }
        ParseErrorType::MissingToken(token, _)
            if token == "{" && context.before().trim_start().starts_with("within ") =>
        {
            Report::new("`within` takes a namespace and a block")
                .hint("write `within PLACE { … }`, such as `within \"net-1\" { … }`")
        }
        ParseErrorType::MissingToken(token, _) if token == "{" => {
            Report::new("the block is missing: it stands between `{` and `}`")
                .hint("write `if ready { … }`, `for i in 0..3 { … }`, `fn f(x) { … }`")
        }
        ParseErrorType::MissingToken(..) if context.bare_address().is_some() => address(context),
        ParseErrorType::MissingToken(token, what) => {
            let other = if token == "," && what.contains("arguments") {
                " or `)`"
            } else {
                ""
            };
            let what = lower(what.trim());
            Report::new(format!("`{token}`{other} is missing {what}"))
        }
        ParseErrorType::PropertyExpected | ParseErrorType::BadInput(_)
            if context.bare_address().is_some() =>
        {
            address(context)
        }
        ParseErrorType::BadInput(error) => lexical(error),
        ParseErrorType::Reserved(word) if context.receiver().is_some() => {
            habits::behind_dot(context, word)
        }
        ParseErrorType::Reserved(word) if habits::word(word).is_some() => {
            let here = habits::word(word).unwrap_or_default();
            Report::new(format!("there is no `{word}` in this language")).hint(here)
        }
        ParseErrorType::Reserved(word) if context.is_called_bare(word) => {
            Report::new(format!("the brackets of `{word}` are missing"))
                .hint(format!("write `{word}(…)`"))
        }
        ParseErrorType::Reserved(word) => Report::new(format!(
            "`{word}` is reserved by the language and can't be used as a name"
        ))
        .hint("choose another name"),
        ParseErrorType::MismatchedType(wanted, given) if wanted.contains("iterable") => {
            super::not_iterable(match given.as_str() {
                "a number" => "int",
                "an object map" => "map",
                _ => "value",
            })
        }
        ParseErrorType::UnknownOperator(sign) if ["++", "--"].contains(&sign.as_str()) => {
            let report = Report::new(format!("there is no operator `{sign}`"));
            report.hint(format!("a number is counted on by `x {}= 1`", &sign[..1]))
        }
        ParseErrorType::VariableExpected => Report::new("the name of a variable is missing"),
        ParseErrorType::PropertyExpected => Report::new("the name of a property is missing"),
        ParseErrorType::ExprExpected(what) => Report::new(format!("{what} is missing here")),
        ParseErrorType::AssignmentToConstant(name) if !name.is_empty() => {
            Report::new(format!("`{name}` is a constant and can't be assigned to"))
                .hint(format!("declare it with `let {name}`"))
        }
        ParseErrorType::WrongDocComment => {
            Report::new("a `///` comment stands before a function only")
                .hint("write `//` for a plain comment, `//!` for the head of the script")
        }
        ParseErrorType::FnDuplicatedDefinition(name, count) => Report::new(format!(
            "there is a function `{name}` with {count} parameters already"
        )),
        ParseErrorType::DuplicatedProperty(name) => {
            Report::new(format!("`{name}` stands in this map twice"))
        }
        ParseErrorType::ExprTooDeep => Report::new("this is nested too deep")
            .hint("take parts of it out into variables or functions"),
        ParseErrorType::LoopBreak => Report::new("`break` and `continue` stand in a loop only"),
        other => Report::new(lower(&other.to_string())),
    }
}

/// An address that was written without quotes.
fn address(context: &Context) -> Report {
    let address = context.bare_address().unwrap_or_default();
    Report::new(format!(
        "an address is a text, and `{address}` stands without quotes"
    ))
    .hint(format!("write \"{address}\""))
}

fn lexical(error: &LexError) -> Report {
    match error {
        LexError::UnexpectedInput(text) => Report::new(format!("unexpected `{text}`")),
        LexError::UnterminatedString => Report::new("a text that isn't closed")
            .hint("a text between double quotes ends on its line; one between back-ticks may go over several"),
        LexError::MalformedEscapeSequence(text) => {
            Report::new(format!("`{text}` is no escape sequence"))
                .hint("write `\\\\` for a backslash")
        }
        LexError::MalformedNumber(text) => Report::new(format!("`{text}` is not a number")),
        LexError::MalformedChar(text) => {
            Report::new(format!("`'{text}'` is not a single character"))
                .hint("a text stands between double quotes")
        }
        LexError::ImproperSymbol(symbol, _) if symbol == "===" => {
            Report::new("unexpected `===`").hint("write `==`")
        }
        LexError::ImproperSymbol(symbol, explanation) if explanation.is_empty() => {
            Report::new(format!("unexpected `{symbol}`"))
        }
        LexError::ImproperSymbol(symbol, _) if symbol == "=" => {
            Report::new("unexpected `=`").hint("two values are compared by `==`")
        }
        LexError::ImproperSymbol(symbol, explanation) => {
            Report::new(format!("unexpected `{symbol}`")).hint(lower(explanation))
        }
        other => Report::new(lower(&other.to_string())),
    }
}

impl Context<'_> {
    /// Whether a value stands right behind the word, as behind a command of a shell.
    fn is_called_bare(&self, word: &str) -> bool {
        let behind = self.behind();
        let behind = behind.strip_prefix(word).unwrap_or_default();
        behind.starts_with(' ')
            && behind
                .trim_start()
                .starts_with(|c: char| c.is_alphanumeric() || "\"`'[".contains(c))
    }

    /// Whether nothing but blanks stands behind the place of the error.
    fn is_at_end(&self) -> bool {
        let (Some(line), Some(column)) = (self.position.line(), self.position.position()) else {
            return true;
        };
        let text = self.text();
        let mut rest = text.lines().skip(line - 1);
        let first = rest.next().unwrap_or_default();
        let behind: String = first.chars().skip(column.saturating_sub(1)).collect();
        behind.trim().is_empty() && rest.all(|line| line.trim().is_empty())
    }

    /// What is missing is missed at the next token, which can be lines below: the place is the end of what stands before it.
    fn move_to_end_of_previous(&mut self) {
        let text = self.text();
        let lines: Vec<&str> = text.lines().collect();
        let (row, column) = match (self.position.line(), self.position.position()) {
            (Some(line), column) => (line - 1, column.unwrap_or(1).saturating_sub(1)),
            (None, _) => (lines.len(), 0),
        };
        let before: String = lines
            .get(row)
            .map(|line| line.chars().take(column).collect())
            .unwrap_or_default();
        if !before.trim().is_empty() {
            return;
        }
        let previous = lines.iter().enumerate().take(row).rev();
        let mut with_code = previous.filter(|(_, line)| {
            let line = line.trim();
            !line.is_empty() && !line.starts_with("//")
        });
        if let Some((row, line)) = with_code.next()
            && let (Ok(row), Ok(end)) = (
                u16::try_from(row + 1),
                u16::try_from(line.trim_end().chars().count() + 1),
            )
        {
            self.position = Position::new(row, end);
        }
    }
}

/// Whether `text` is the beginning of something that goes on, so that an interactive session asks for the next line.
pub(crate) fn is_incomplete(kind: &ParseErrorType, position: Position, text: &str) -> bool {
    let ends_open = || {
        let last_line = text.lines().count().max(1);
        let last_length = text.lines().last().map_or(0, |line| line.chars().count());
        match (position.line(), position.position()) {
            (None, _) => true,
            (Some(line), column) => {
                line > last_line || (line == last_line && column.unwrap_or(0) > last_length)
            }
        }
    };
    match kind {
        ParseErrorType::UnexpectedEOF => true,
        ParseErrorType::BadInput(LexError::UnterminatedString) => {
            opened_by_back_tick(position, text)
        }
        ParseErrorType::BadInput(_) | ParseErrorType::VariableUndefined(_) => false,
        _ => ends_open(),
    }
}

/// A text between back-ticks may go over several lines, one between quotes may not.
fn opened_by_back_tick(position: Position, text: &str) -> bool {
    let Some(line) = position.line() else {
        return true;
    };
    let column = position.position().unwrap_or(1);
    let line = text.lines().nth(line - 1).unwrap_or_default();
    line.chars().nth(column.saturating_sub(1)) == Some('`')
}
