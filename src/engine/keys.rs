//! Keywords as keys: `#{switch: true}` is a map, though `switch` is a keyword of Rhai's. `spawn`, which Rhai keeps for
//! itself and has no use for, is a word.

use std::cell::RefCell;

use rhai::{Engine, Position, Token};

use crate::engine::words;

/// The word of ours that Rhai reserves.
const SPAWN: &str = "spawn";

/// Where the parser is, as far as its brackets tell.
#[derive(Default)]
struct Place {
    /// The brackets that are open, outermost first.
    open: Vec<Token>,
    /// Whether the next token is the key of a map, or a property.
    is_key: bool,
    /// How much of `help(` stands before the next token.
    help: Help,
    /// Where the token before was, to notice that another text is parsed.
    position: Position,
}

/// How much of `help(` has been read.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Help {
    #[default]
    Nothing,
    Word,
    Bracket,
}

impl Place {
    /// `help(ipvlan)` asks for a word and needs no quotes: the name of a word behind `help(` is a text.
    fn read_help(&mut self, token: Token) -> Token {
        let before = std::mem::take(&mut self.help);
        match (&token, before) {
            (Token::Identifier(name), _) if name.as_str() == "help" => self.help = Help::Word,
            (Token::LeftParen, Help::Word) => self.help = Help::Bracket,
            (Token::Identifier(name) | Token::Reserved(name), Help::Bracket) if is_word(name) => {
                return Token::StringConstant(Box::new(name.as_str().into()));
            }
            (Token::Custom(name), Help::Bracket) => {
                return Token::StringConstant(Box::new(name.as_str().into()));
            }
            _ => {}
        }
        token
    }

    fn read(&mut self, token: Token, position: Position) -> Token {
        if position <= self.position {
            self.open.clear();
            self.is_key = false;
            self.help = Help::Nothing;
        }
        self.position = position;
        let token = match self.read_help(token) {
            Token::Reserved(name) if name.as_str() == SPAWN => Token::Identifier(name),
            token => token,
        };
        let is_key = std::mem::take(&mut self.is_key);
        match &token {
            Token::MapStart => {
                self.open.push(token.clone());
                self.is_key = true;
            }
            Token::LeftBrace | Token::LeftParen | Token::LeftBracket => {
                self.open.push(token.clone());
            }
            Token::RightBrace | Token::RightParen | Token::RightBracket => {
                self.open.pop();
            }
            Token::Comma => self.is_key = matches!(self.open.last(), Some(Token::MapStart)),
            Token::Period => self.is_key = true,
            word if is_key && is_keyword(word) => {
                return Token::Identifier(Box::new(word.literal_syntax().into()));
            }
            _ => {}
        }
        token
    }
}

/// Whether `name` is a word or a type of ipvsh.
fn is_word(name: &str) -> bool {
    let words = || {
        words::forms()
            .into_iter()
            .map(|(_, entry, ..)| entry.name())
    };
    ["Link", "Netns", "help", "within"].contains(&name) || words().any(|word| word == name)
}

fn is_keyword(token: &Token) -> bool {
    token.is_literal() && token.literal_syntax().starts_with(char::is_alphabetic)
}

/// Lets keywords be keys of maps and names of properties.
pub(crate) fn allow_keywords(engine: &mut Engine) {
    let place = RefCell::new(Place::default());
    #[expect(
        deprecated,
        reason = "not deprecated but volatile, says its documentation"
    )]
    engine.on_parse_token(move |token, position, _| place.borrow_mut().read(token, position));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eval(text: &str) -> String {
        let mut engine = Engine::new();
        allow_keywords(&mut engine);
        engine.register_fn("spawn", |x: i64| x + 1);
        // An unfinished text before must leave no trace.
        let _ = engine.compile("[#{a: ");
        engine
            .eval::<rhai::Dynamic>(text)
            .map_or_else(|error| error.to_string(), |value| value.to_string())
    }

    #[test]
    fn a_keyword_is_a_key_and_a_property() {
        assert_eq!(eval("#{switch: true}.switch"), "true");
        assert_eq!(eval("#{a: [1, 2], in: 3, b: #{if: 4}}.b.if"), "4");
    }

    #[test]
    fn spawn_is_a_name_like_any_other() {
        assert_eq!(eval("spawn(1) + 1.spawn()"), "4");
        assert_eq!(eval("#{spawn: 1}.spawn"), "1");
    }

    #[test]
    fn elsewhere_a_keyword_is_a_keyword() {
        assert_eq!(eval("#{a: [1, switch 1 { 1 => 2, _ => 3 }]}.a[1]"), "2");
        assert_eq!(eval("`${#{switch: `x${1}`}.switch}y`"), "x1y");
    }
}
