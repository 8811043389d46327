//! What the value of a parameter may be.

use rhai::Dynamic;

use super::Kind;
use crate::dsl::script::param::{HELP, LEAST, MOST, ONE_OF};
use crate::dsl::script::print;
use crate::error::{Error, Result, nearest};
use crate::value::options::Options;
use crate::view::error::Report;

/// The values that a parameter takes.
#[derive(Clone, Debug, Default)]
pub struct Bounds {
    /// These only, where there are any.
    pub one_of: Vec<Dynamic>,
    /// The least number.
    pub least: Option<f64>,
    /// The largest number.
    pub most: Option<f64>,
}

/// A number, whole or not.
fn number(value: &Dynamic) -> Option<f64> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "bounds beyond 2^53 are none that anybody writes"
    )]
    let whole = value.as_int().ok().map(|whole| whole as f64);
    whole.or_else(|| value.as_float().ok())
}

fn literal(value: &Dynamic) -> String {
    print::value(None, value).literal()
}

fn listed(values: &[Dynamic]) -> String {
    values.iter().map(literal).collect::<Vec<_>>().join(", ")
}

impl Bounds {
    /// Reads what a declaration says: the help, and the bounds.
    pub(super) fn take(options: &mut Options) -> Result<(String, Self)> {
        let help = HELP.take_text(options)?.unwrap_or_default();
        let bound = |value: Option<Dynamic>| value.and_then(|value| number(&value));
        let one_of = ONE_OF
            .take_given(options)?
            .and_then(|list| list.into_array().ok());
        let least = bound(LEAST.take_given(options)?);
        let most = bound(MOST.take_given(options)?);
        let one_of = one_of.unwrap_or_default();
        Ok((
            help,
            Self {
                one_of,
                least,
                most,
            },
        ))
    }

    /// Fails where the bounds are none for values of `kind`, or where the default lies outside.
    pub(super) fn fit(&self, name: &str, kind: Kind, default: Option<&Dynamic>) -> Result<()> {
        let is_bounded = self.least.is_some() || self.most.is_some();
        if is_bounded && !matches!(kind, Kind::Int | Kind::Float) {
            return Err(Error::invalid(format!(
                "`least` and `most` are for numbers, and parameter `{name}` is none"
            )));
        }
        if let Some(other) = self
            .one_of
            .iter()
            .find(|one| Kind::of_value(one) != Some(kind))
        {
            return Err(Error::invalid(format!(
                "`one_of` of parameter `{name}` has {}, which is no {}",
                literal(other),
                kind.name()
            )));
        }
        let values = default.map(|value| match value.as_array_ref() {
            Ok(list) => list.to_vec(),
            Err(_) => vec![value.clone()],
        });
        for value in values.unwrap_or_default() {
            self.check(name, &value).map_err(|report| {
                Error::invalid(format!(
                    "the default of parameter `{name}` is not one that it takes"
                ))
                .hint(report.message)
            })?;
        }
        Ok(())
    }

    /// Fails where the value of the parameter `name`, or one of its items, lies outside.
    pub(super) fn check(&self, name: &str, value: &Dynamic) -> std::result::Result<(), Report> {
        let shown = value
            .as_immutable_string_ref()
            .map_or_else(|_| literal(value), |text| text.to_string());
        let is_listed = |one: &Dynamic| literal(one) == literal(value);
        if !self.one_of.is_empty() && !self.one_of.iter().any(is_listed) {
            let report = Report::new(format!(
                "`--{name}` takes one of {}, not `{shown}`",
                listed(&self.one_of)
            ));
            let texts: Vec<String> = self.one_of.iter().map(ToString::to_string).collect();
            return Err(match nearest(&shown, texts.iter().map(String::as_str)) {
                Some(near) => report.hint(format!("did you mean `--{name} {near}`?")),
                None => report,
            });
        }
        let Some(number) = number(value) else {
            return Ok(());
        };
        let is_outside = self.least.is_some_and(|least| number < least)
            || self.most.is_some_and(|most| number > most);
        if is_outside {
            return Err(Report::new(format!(
                "`--{name}` is {}, not {shown}",
                self.range()
            )));
        }
        Ok(())
    }

    fn range(&self) -> String {
        match (self.least, self.most) {
            (Some(least), Some(most)) => format!("{least} to {most}"),
            (Some(least), None) => format!("{least} at least"),
            (None, Some(most)) => format!("{most} at most"),
            (None, None) => String::new(),
        }
    }

    /// The bounds in words, for the help; nothing where there are none.
    pub(super) fn in_words(&self) -> String {
        let mut parts = Vec::new();
        if !self.one_of.is_empty() {
            parts.push(format!("one of {}", listed(&self.one_of)));
        }
        parts.push(self.range());
        parts.retain(|part| !part.is_empty());
        parts.join(", ")
    }
}
