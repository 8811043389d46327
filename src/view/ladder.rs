//! The way of packets as a ladder: a rung for each namespace, and at the bottom what mends the broken one.

use colored::Colorize;

use crate::view::paint::paint;

/// A namespace on the way.
#[derive(Clone, Copy, Debug)]
pub struct Rung<'a> {
    /// Where: `a:e0`.
    pub spot: &'a str,
    /// The address there.
    pub address: &'a str,
    /// Whether packets get on from there.
    pub is_good: bool,
    /// What is known of it.
    pub text: &'a str,
}

/// Draws the ladder below its title, with the line that mends it where there is one.
pub fn draw(title: &str, rungs: &[Rung], mend: Option<&str>, color: bool) -> String {
    let width = |of: fn(&Rung) -> usize| rungs.iter().map(of).max().unwrap_or(0);
    let spots = width(|rung| rung.spot.chars().count());
    let addresses = width(|rung| rung.address.chars().count());
    let mut lines = vec![paint(color, &format!("why: {title}"), Colorize::bold)];
    for rung in rungs {
        let sign = if rung.is_good {
            paint(color, "✔", Colorize::green)
        } else {
            paint(color, "✘", |text| text.red().bold())
        };
        lines.push(format!(
            "  {:spots$}  {:addresses$}  {sign} {}",
            rung.spot, rung.address, rung.text
        ));
    }
    lines.extend(mend.map(|mend| format!("mend: {mend}")));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ladder_breaks_at_its_last_rung() {
        let rungs = [
            Rung {
                spot: "a:e0",
                address: "10.0.1.1",
                is_good: true,
                text: "route via 10.0.1.254",
            },
            Rung {
                spot: "r:e10",
                address: "10.0.1.254",
                is_good: false,
                text: "r does not forward IPv4 (Ip:InAddrErrors +2)",
            },
        ];
        insta::assert_snapshot!(draw("a → 10.0.2.2", &rungs, Some("netns(\"r\").forward()"), false), @r#"
        why: a → 10.0.2.2
          a:e0   10.0.1.1    ✔ route via 10.0.1.254
          r:e10  10.0.1.254  ✘ r does not forward IPv4 (Ip:InAddrErrors +2)
        mend: netns("r").forward()
        "#);
    }
}
