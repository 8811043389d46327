//! The arithmetic of a shell: whole numbers of 64 bits, variables, assignments.

/// Where the variables are.
pub(super) trait Numbers {
    /// The value of a variable.
    fn number(&mut self, name: &str) -> Result<i64, String>;
    /// Sets a variable.
    fn set_number(&mut self, name: &str, value: i64);
}

/// Operators of two sides with what binds them, loosest first; longer ones before those that they begin with.
const BINARY: &[(&str, u8)] = &[
    ("||", 2),
    ("&&", 3),
    ("==", 7),
    ("!=", 7),
    ("<=", 8),
    (">=", 8),
    ("<<", 9),
    (">>", 9),
    ("<", 8),
    (">", 8),
    ("|", 4),
    ("^", 5),
    ("&", 6),
    ("+", 10),
    ("-", 10),
    ("**", 12),
    ("*", 11),
    ("/", 11),
    ("%", 11),
];

/// The same with `=` behind it.
const ASSIGNING: &[&str] = &["<<", ">>", "+", "-", "*", "/", "%", "&", "|", "^", ""];

struct Reader<'a> {
    text: &'a str,
    numbers: &'a mut dyn Numbers,
    depth: usize,
}

type Number = Result<i64, String>;

/// The value of an expression.
pub(super) fn calculate(text: &str, numbers: &mut dyn Numbers) -> Number {
    let mut reader = Reader {
        text: text.trim(),
        numbers,
        depth: 0,
    };
    let mut value = reader.sum(0, true)?;
    while reader.takes(",") {
        value = reader.sum(0, true)?;
    }
    reader.blank();
    if reader.text.is_empty() {
        Ok(value)
    } else {
        Err(format!("the expression {text}"))
    }
}

impl Reader<'_> {
    fn blank(&mut self) {
        self.text = self.text.trim_start();
    }

    fn takes(&mut self, operator: &str) -> bool {
        self.blank();
        let rest = self.text.strip_prefix(operator);
        self.text = rest.unwrap_or(self.text);
        rest.is_some()
    }

    fn fault(&self) -> String {
        format!("the expression near `{}`", self.text)
    }

    /// Reads what binds at least as `least`; `is_done` is false where only its form counts.
    fn sum(&mut self, least: u8, is_done: bool) -> Number {
        self.depth += 1;
        if self.depth > 100 {
            return Err("an expression too deep".to_owned());
        }
        let mut left = self.one(is_done)?;
        loop {
            self.blank();
            if least <= 1 && self.text.starts_with('?') {
                self.takes("?");
                let yes = self.sum(0, is_done && left != 0)?;
                if !self.takes(":") {
                    return Err(self.fault());
                }
                let no = self.sum(1, is_done && left == 0)?;
                left = if left == 0 { no } else { yes };
                continue;
            }
            let found = BINARY
                .iter()
                .filter(|(operator, _)| self.text.starts_with(operator));
            let Some((operator, binds)) = found.max_by_key(|(operator, _)| operator.len()) else {
                break;
            };
            if *binds < least {
                break;
            }
            self.text = &self.text[operator.len()..];
            let right_counts = match *operator {
                "&&" => is_done && left != 0,
                "||" => is_done && left == 0,
                _ => is_done,
            };
            // Of powers the right one is taken first.
            let above = if *operator == "**" { *binds } else { binds + 1 };
            let right = self.sum(above, right_counts)?;
            left = if is_done {
                apply(operator, left, right).ok_or_else(|| self.fault())?
            } else {
                0
            };
        }
        self.depth -= 1;
        Ok(left)
    }

    fn one(&mut self, is_done: bool) -> Number {
        self.depth += 1;
        if self.depth > 100 {
            return Err("an expression too deep".to_owned());
        }
        let value = self.operand(is_done);
        self.depth -= 1;
        value
    }

    fn operand(&mut self, is_done: bool) -> Number {
        self.blank();
        for (sign, step) in [("++", 1), ("--", -1)] {
            if self.takes(sign) {
                let name = self.name().ok_or_else(|| self.fault())?;
                return self.add(&name, step, is_done);
            }
        }
        if self.takes("!") {
            return Ok(i64::from(self.one(is_done)? == 0));
        }
        if self.takes("-") {
            return Ok(self.one(is_done)?.wrapping_neg());
        }
        if self.takes("~") {
            return Ok(!self.one(is_done)?);
        }
        if self.takes("+") {
            return self.one(is_done);
        }
        if self.takes("(") {
            let value = self.sum(0, is_done)?;
            return if self.takes(")") {
                Ok(value)
            } else {
                Err(self.fault())
            };
        }
        if self.text.starts_with(|c: char| c.is_ascii_digit()) {
            return self.literal();
        }
        let name = self.name().ok_or_else(|| self.fault())?;
        self.blank();
        for (sign, step) in [("++", 1), ("--", -1)] {
            if self.takes(sign) {
                return Ok(self.add(&name, step, is_done)?.wrapping_sub(step));
            }
        }
        for operator in ASSIGNING {
            let rest = self.text.strip_prefix(operator);
            let Some(rest) = rest.and_then(|rest| rest.strip_prefix('=')) else {
                continue;
            };
            if operator.is_empty() && rest.starts_with('=') {
                break;
            }
            self.text = rest;
            let right = self.sum(0, is_done)?;
            if !is_done {
                return Ok(0);
            }
            let value = if operator.is_empty() {
                right
            } else {
                let left = self.numbers.number(&name)?;
                apply(operator, left, right).ok_or_else(|| self.fault())?
            };
            self.numbers.set_number(&name, value);
            return Ok(value);
        }
        if is_done {
            self.numbers.number(&name)
        } else {
            Ok(0)
        }
    }

    fn add(&mut self, name: &str, step: i64, is_done: bool) -> Number {
        if !is_done {
            return Ok(0);
        }
        let value = self.numbers.number(name)?.wrapping_add(step);
        self.numbers.set_number(name, value);
        Ok(value)
    }

    fn name(&mut self) -> Option<String> {
        self.blank();
        let rest = self.text.strip_prefix('$').unwrap_or(self.text);
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        let is_name = end > 0 && !rest.starts_with(|c: char| c.is_ascii_digit());
        is_name.then(|| {
            self.text = &rest[end..];
            rest[..end].to_owned()
        })
    }

    fn literal(&mut self) -> Number {
        let end = self
            .text
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '#')
            .unwrap_or(self.text.len());
        let (text, rest) = self.text.split_at(end);
        let value = if let Some(digits) = text.strip_prefix("0x").or(text.strip_prefix("0X")) {
            i64::from_str_radix(digits, 16).ok()
        } else if let Some((base, digits)) = text.split_once('#') {
            let base = base.parse().ok().filter(|base| (2..=36).contains(base));
            base.and_then(|base| i64::from_str_radix(digits, base).ok())
        } else if text.len() > 1 && text.starts_with('0') {
            i64::from_str_radix(text, 8).ok()
        } else {
            text.parse().ok()
        };
        let value = value.ok_or_else(|| self.fault())?;
        self.text = rest;
        Ok(value)
    }
}

fn apply(operator: &str, left: i64, right: i64) -> Option<i64> {
    Some(match operator {
        "+" => left.wrapping_add(right),
        "-" => left.wrapping_sub(right),
        "*" => left.wrapping_mul(right),
        "/" => left.checked_div(right)?,
        "%" => left.checked_rem(right)?,
        "**" => left.checked_pow(u32::try_from(right).ok()?)?,
        "<<" => left.checked_shl(u32::try_from(right).ok()?)?,
        ">>" => left.checked_shr(u32::try_from(right).ok()?)?,
        "&" => left & right,
        "|" => left | right,
        "^" => left ^ right,
        "&&" => i64::from(left != 0 && right != 0),
        "||" => i64::from(left != 0 || right != 0),
        "==" => i64::from(left == right),
        "!=" => i64::from(left != right),
        "<" => i64::from(left < right),
        ">" => i64::from(left > right),
        "<=" => i64::from(left <= right),
        ">=" => i64::from(left >= right),
        _ => return None,
    })
}
