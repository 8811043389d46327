//! The examples in doc comments: what they run, and what they say comes out.

use crate::dsl::script::print;
use crate::engine::Interpreter;

/// An example of the manual.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// The word whose example it is.
    pub word: String,
    /// The script.
    pub code: String,
    /// What comes out, where it says so on its last line.
    pub expected: Option<Expected>,
    /// Whether it can be run anywhere: ```` ```rhai,no_run ```` marks one that can't.
    pub runs: bool,
}

/// What an example says about its outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// `// => VALUE`: the value of the last expression, as a script writes it.
    Value(String),
    /// `// !! TEXT`: it fails, with that in the message.
    Failure(String),
}

impl Example {
    /// Runs it in `interpreter`, and says what differs from what it says about itself.
    pub fn check(&self, interpreter: &Interpreter) -> Result<(), String> {
        let result = interpreter.eval(&self.word, &self.code);
        let shown = match &result {
            Ok(value) => print::value(Some(interpreter.session()), value).literal(),
            Err(failure) => failure.report.draw(false),
        };
        let fits = match (&self.expected, &result) {
            (None, Ok(_)) => true,
            (Some(Expected::Value(expected)), Ok(_)) => shown == *expected,
            (Some(Expected::Failure(expected)), Err(failure)) => {
                failure.report.message.contains(expected.as_str())
            }
            _ => false,
        };
        if fits {
            Ok(())
        } else {
            Err(format!(
                "the example of `{}` is wrong:\n{}\nwhat comes out:\n{shown}",
                self.word, self.code
            ))
        }
    }
}

/// The examples in the documentation `doc` of `word`, or in a page.
pub fn in_doc(word: &str, doc: &str) -> Vec<Example> {
    let mut examples = Vec::new();
    let mut current: Option<(Vec<&str>, bool)> = None;
    for line in doc.lines() {
        match &mut current {
            None => {
                if let Some(marks) = line.strip_prefix("```rhai") {
                    current = Some((Vec::new(), !marks.contains("no_run")));
                }
            }
            Some((code, runs)) if line.starts_with("```") => {
                examples.push(Example {
                    word: word.to_owned(),
                    expected: code.last().and_then(|last| expected(last)),
                    code: code.join("\n"),
                    runs: *runs,
                });
                current = None;
            }
            Some((code, _)) => code.push(line),
        }
    }
    examples
}

fn expected(line: &str) -> Option<Expected> {
    if let Some((_, value)) = line.rsplit_once("// => ") {
        return Some(Expected::Value(value.trim().to_owned()));
    }
    let (_, text) = line.rsplit_once("// !! ")?;
    Some(Expected::Failure(text.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_says_what_comes_out() {
        let doc = "Returns it.\n\n```rhai\nlet a = 1;\na    // => 1\n```\n\n```rhai,no_run\nb\n```";
        let found = in_doc("it", doc);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].code, "let a = 1;\na    // => 1");
        assert_eq!(found[0].expected, Some(Expected::Value("1".to_owned())));
        assert!(found[0].runs);
        assert_eq!(found[1].expected, None);
        assert!(!found[1].runs);
        assert_eq!(
            expected("f()  // !! no such link"),
            Some(Expected::Failure("no such link".to_owned()))
        );
    }
}
