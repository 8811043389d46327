//! Takes what a call says of a row out of its options, as the type that code works with.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use rhai::{Array, Dynamic, Map};

use super::{Form, Opt, text};
use crate::error::Result;
use crate::steps::Value;
use crate::value::options::{Options, wrong_type};
use crate::value::percent::Percent;
use crate::value::rate::Rate;
use crate::value::{duration, percent, prefix, rate, size};

impl Opt {
    /// A truth value.
    pub fn take_flag(&self, options: &mut Options) -> Result<Option<bool>> {
        let value = self.take("", options)?;
        Ok(value.map(|value| value == Value::Flag(true)))
    }

    /// A number that fits.
    pub fn take_number<T: TryFrom<i64>>(&self, options: &mut Options) -> Result<Option<T>> {
        self.take_numbered("", options)
    }

    /// The number of what `whose` option names.
    pub fn take_numbered<T: TryFrom<i64>>(
        &self,
        whose: &str,
        options: &mut Options,
    ) -> Result<Option<T>> {
        let value = self.take(whose, options)?;
        let number = value.and_then(|value| self.form.number(&value));
        Ok(number.and_then(|number| T::try_from(number).ok()))
    }

    /// A text.
    pub fn take_text(&self, options: &mut Options) -> Result<Option<String>> {
        self.take_named("", options)
    }

    /// The name that `whose` option has, or the number where there is no name for it.
    pub fn take_named(&self, whose: &str, options: &mut Options) -> Result<Option<String>> {
        let value = self.take(whose, options)?;
        Ok(value.map(|value| text(&value)))
    }

    /// An address.
    pub fn take_ip(&self, options: &mut Options) -> Result<Option<IpAddr>> {
        let text = self.take_text(options)?;
        text.map(|text| prefix::ip(&text)).transpose()
    }

    /// A prefix.
    pub fn take_prefix(&self, options: &mut Options) -> Result<Option<IpNet>> {
        let text = self.take_text(options)?;
        text.map(|text| prefix::destination(&text, None))
            .transpose()
    }

    /// A duration.
    pub fn take_duration(&self, options: &mut Options) -> Result<Option<Duration>> {
        let text = self.take_text(options)?;
        text.map(|text| duration::parse(&text)).transpose()
    }

    /// A rate.
    pub fn take_rate(&self, options: &mut Options) -> Result<Option<Rate>> {
        let text = self.take_text(options)?;
        text.map(|text| rate::parse(&text)).transpose()
    }

    /// A size.
    pub fn take_size(&self, options: &mut Options) -> Result<Option<u32>> {
        let text = self.take_text(options)?;
        text.map(|text| size::parse(&text)).transpose()
    }

    /// A percentage.
    pub fn take_percent(&self, options: &mut Options) -> Result<Option<Percent>> {
        let text = self.take_text(options)?;
        text.map(|text| percent::parse(&text)).transpose()
    }

    /// What is given, as far as its type is right, for code of its own to read.
    pub fn take_given(&self, options: &mut Options) -> Result<Option<Dynamic>> {
        let given = options.take(self.key);
        given
            .map(|given| {
                let type_name = type_of(&given);
                if self.form.types().contains(&type_name) {
                    Ok(given)
                } else {
                    let wanted = self.form.wanted();
                    Err(wrong_type(self.key, &wanted, given.type_name()))
                }
            })
            .transpose()
    }

    /// The options of a map that is given.
    pub fn take_map(&self, options: &mut Options) -> Result<Option<Options>> {
        let given = self.take_given(options)?;
        let map = given.and_then(Dynamic::try_cast::<Map>);
        map.map(|map| self.inner(map)).transpose()
    }

    /// The options of the maps in a list that is given.
    pub fn take_maps(&self, options: &mut Options) -> Result<Option<Vec<Options>>> {
        let given = self.take_given(options)?;
        let Some(list) = given.and_then(Dynamic::try_cast::<Array>) else {
            return Ok(None);
        };
        let maps = list.into_iter().map(|given| {
            let type_name = given.type_name();
            let map = given.try_cast::<Map>();
            self.inner(map.ok_or_else(|| wrong_type(self.key, &self.form.wanted(), type_name))?)
        });
        maps.collect::<Result<_>>().map(Some)
    }

    fn inner(&self, map: Map) -> Result<Options> {
        match self.form {
            Form::Map(rows) | Form::Maps(rows) => super::options(self.key, map, &[rows]),
            _ => Options::new(self.key, map, &[]),
        }
    }
}

/// The type of what a script gives, as [`Form::types`] names it.
fn type_of(given: &Dynamic) -> &str {
    match given.type_name() {
        "i64" => "int",
        "f64" => "float",
        "array" => "list",
        name => name.rsplit("::").next().unwrap_or(name),
    }
}
