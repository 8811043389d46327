//! What is written for the one that starts things at boot, and how words are quoted there.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::value::{fingerprint, shell};

/// Who starts things at boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manager {
    /// systemd, by a unit.
    Systemd,
    /// cron, by an `@reboot` line.
    Cron,
}

impl Manager {
    /// That of this machine.
    pub(super) fn here() -> Self {
        // As sd_booted(3) does.
        if Path::new("/run/systemd/system").is_dir() {
            Self::Systemd
        } else {
            Self::Cron
        }
    }

    /// Where its files lie.
    pub(super) fn folder(self) -> &'static Path {
        Path::new(match self {
            Self::Systemd => "/etc/systemd/system",
            Self::Cron => "/etc/cron.d",
        })
    }
}

/// How the first line of each file of ours begins; the script is behind it.
const MARK: &str = "# Written by `ipvsh enable` for ";

/// The script that a file of ours is for; none where the file is not ours.
pub(super) fn script_of(text: &str) -> Option<String> {
    let line = text.lines().next()?.strip_prefix(MARK)?;
    Some(line.to_owned())
}

/// The lab of a script that is to be made at boot.
#[derive(Clone, Debug)]
pub(super) struct Boot {
    /// What the lab is called.
    pub(super) lab: String,
    /// Whether the command line says so.
    pub(super) is_named: bool,
    /// The script, by its whole path.
    pub(super) script: PathBuf,
    /// Its parameters, as they were typed.
    pub(super) arguments: Vec<String>,
    /// This program.
    pub(super) program: PathBuf,
    /// The folder that it is run in.
    pub(super) folder: PathBuf,
}

/// The file of the lab of that name.
pub(super) fn path_of(lab: &str, manager: Manager) -> PathBuf {
    manager.folder().join(file_name(lab, manager))
}

/// What has the unit at `path` wanted at boot.
pub(super) fn wanted_of(path: &Path) -> PathBuf {
    let folder = Manager::Systemd.folder().join("multi-user.target.wants");
    folder.join(path.file_name().unwrap_or_default())
}

/// A name that both take: cron passes over files with a dot, and systemd knows few signs.
fn file_name(lab: &str, manager: Manager) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    let mut name: String = lab
        .chars()
        .map(|letter| if is_plain(letter) { letter } else { '_' })
        .collect();
    if name != lab || name.len() > 100 {
        name.truncate(100);
        let number = fingerprint::of(lab.as_bytes()) & 0xff_ffff;
        let _ = write!(name, "-{number:06x}");
    }
    match manager {
        Manager::Systemd => format!("ipvsh-{name}.service"),
        Manager::Cron => format!("ipvsh-{name}"),
    }
}

impl Boot {
    pub(super) fn file_name(&self, manager: Manager) -> String {
        file_name(&self.lab, manager)
    }

    pub(super) fn path(&self, manager: Manager) -> PathBuf {
        path_of(&self.lab, manager)
    }

    pub(super) fn wanted(&self) -> PathBuf {
        wanted_of(&self.path(Manager::Systemd))
    }

    /// The words of the command, this program first.
    fn words(&self) -> Result<Vec<String>> {
        let mut words = vec![text(&self.program)?];
        if self.is_named {
            words.extend(["--lab".to_owned(), self.lab.clone()]);
        }
        words.push(text(&self.script)?);
        words.extend(self.arguments.iter().cloned());
        match words.iter().find(|word| word.contains(['\n', '\r', '\0'])) {
            None => Ok(words),
            Some(word) => Err(Error::invalid(format!(
                "`{}` holds a line end, which can't be said there",
                word.escape_debug()
            ))),
        }
    }

    /// What the file says.
    pub(super) fn text(&self, manager: Manager) -> Result<String> {
        let words = self.words()?;
        let script = text(&self.script)?;
        let folder = text(&self.folder)?;
        if folder.contains(['\n', '\r']) {
            return Err(Error::invalid("the work folder's name holds a line end"));
        }
        Ok(match manager {
            Manager::Systemd => self.unit(&script, &folder, &words),
            Manager::Cron => {
                let words: Vec<String> = words
                    .iter()
                    .map(|word| shell::word(word).into_owned())
                    .collect();
                let command = format!("cd {} && {}", shell::word(&folder), words.join(" "));
                // A `%` is a line end to cron.
                let command = command.replace('%', "\\%");
                format!(
                    "{MARK}{script}\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n@reboot root {command}\n"
                )
            }
        })
    }

    fn unit(&self, script: &str, folder: &str, words: &[String]) -> String {
        let start: Vec<String> = words.iter().map(|word| in_unit(word)).collect();
        // One script can make several labs, each with a name that was given.
        let stopped = if self.is_named { &self.lab } else { script };
        let stop: Vec<String> = [&words[0], "down", stopped]
            .iter()
            .map(|word| in_unit(word))
            .collect();
        let lab: String = self.lab.chars().filter(|c| !c.is_control()).collect();
        format!(
            "{MARK}{script}\n\
             [Unit]\n\
             Description=Network lab {}\n\
             After=network.target\n\
             \n\
             [Service]\n\
             Type=oneshot\n\
             RemainAfterExit=yes\n\
             WorkingDirectory={}\n\
             ExecStart={}\n\
             ExecStop={}\n\
             \n\
             [Install]\n\
             WantedBy=multi-user.target\n",
            lab.replace('%', "%%"),
            folder.replace('%', "%%"),
            start.join(" "),
            stop.join(" ")
        )
    }
}

fn text(path: &Path) -> Result<String> {
    path.to_str()
        .map(str::to_owned)
        .ok_or_else(|| Error::invalid(format!("`{}` is not UTF-8 text", path.to_string_lossy())))
}

/// A word of a command in a unit: see systemd.service(5) and systemd.syntax(7).
fn in_unit(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./=:,+@".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) && !word.starts_with(['-', '@', ':', '+']) {
        return word.to_owned();
    }
    let mut quoted = String::from("\"");
    for letter in word.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            '%' => quoted.push_str("%%"),
            '$' => quoted.push_str("$$"),
            '\t' => quoted.push_str("\\t"),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boot() -> Boot {
        Boot {
            lab: "two hosts".to_owned(),
            is_named: false,
            script: "/srv/my labs/two hosts.rhai".into(),
            arguments: vec![
                "--text".into(),
                "50% of \"$HOME\" \\ it's".into(),
                String::new(),
            ],
            program: "/usr/local/bin/ipvsh".into(),
            folder: "/srv/my labs".into(),
        }
    }

    #[test]
    fn a_unit_says_the_words_as_they_were_typed() {
        insta::assert_snapshot!(boot().text(Manager::Systemd).unwrap(), @r#"
        # Written by `ipvsh enable` for /srv/my labs/two hosts.rhai
        [Unit]
        Description=Network lab two hosts
        After=network.target

        [Service]
        Type=oneshot
        RemainAfterExit=yes
        WorkingDirectory=/srv/my labs
        ExecStart=/usr/local/bin/ipvsh "/srv/my labs/two hosts.rhai" "--text" "50%% of \"$$HOME\" \\ it's" ""
        ExecStop=/usr/local/bin/ipvsh down "/srv/my labs/two hosts.rhai"

        [Install]
        WantedBy=multi-user.target
        "#);
    }

    #[test]
    fn a_lab_that_was_given_its_name_is_taken_down_by_it() {
        let boot = Boot {
            is_named: true,
            ..boot()
        };
        let unit = boot.text(Manager::Systemd).unwrap();
        let stop = unit.lines().find(|line| line.starts_with("ExecStop="));
        assert_eq!(
            stop,
            Some("ExecStop=/usr/local/bin/ipvsh down \"two hosts\"")
        );
    }

    #[test]
    fn a_line_of_cron_says_them_too() {
        insta::assert_snapshot!(boot().text(Manager::Cron).unwrap(), @r#"
        # Written by `ipvsh enable` for /srv/my labs/two hosts.rhai
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
        @reboot root cd '/srv/my labs' && /usr/local/bin/ipvsh '/srv/my labs/two hosts.rhai' --text '50\% of "$HOME" '"\\ it's" ''
        "#);
    }

    #[test]
    fn the_name_of_the_file_is_one_that_both_take_and_no_other_lab_has() {
        assert_eq!(file_name("lab-2", Manager::Systemd), "ipvsh-lab-2.service");
        let blank = file_name("two hosts", Manager::Cron);
        assert!(blank.starts_with("ipvsh-two_hosts-"), "{blank}");
        assert_ne!(blank, file_name("two.hosts", Manager::Cron));
        assert!(!file_name("a.b", Manager::Cron).contains('.'));
    }

    #[test]
    fn what_no_line_can_hold_is_refused() {
        let boot = Boot {
            arguments: vec!["a\nb".to_owned()],
            ..boot()
        };
        assert_eq!(
            boot.text(Manager::Systemd).unwrap_err().to_string(),
            "`a\\nb` holds a line end, which can't be said there"
        );
    }
}
