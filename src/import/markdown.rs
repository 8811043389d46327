//! The commands in a Markdown page: its fenced blocks in a language of shells, less prompts and what commands printed.

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Parser, Tag, TagEnd};

/// A block of commands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// The headings above it, outermost first.
    pub(crate) headings: Vec<String>,
    /// Its lines; those that are no commands do nothing.
    pub(crate) text: String,
    /// The line of the page that it begins in.
    pub(crate) line: usize,
}

const LANGUAGES: &[&str] = &[
    "sh",
    "bash",
    "shell",
    "zsh",
    "console",
    "shell-session",
    "shellsession",
];

/// Languages in which a block is a session: a prompt in front of each command.
const SESSIONS: &[&str] = &["console", "shell-session", "shellsession"];

/// Programs whose names begin a line of commands, in a block that names no language.
const PROGRAMS: &[&str] = &[
    "ip", "sudo", "tc", "bridge", "brctl", "ifconfig", "route", "modprobe", "sysctl", "nsenter",
    "unshare", "iptables", "nft", "vconfig", "wg", "ping",
];

/// Whether a block that names no language has commands of a shell.
fn has_commands(text: &str) -> bool {
    text.lines().any(|line| {
        let line = behind_prompt(line, true).unwrap_or(line).trim_start();
        let mut words = line.split_whitespace();
        let first = words.next().unwrap_or_default();
        PROGRAMS.contains(&first) && words.next().is_some_and(|word| word != "is")
    })
}

/// Whether a text is a Markdown page with blocks of code: no shell script has such a line.
pub(crate) fn is_page(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim_start);
    lines.any(|line| line.starts_with("```") || line.starts_with("~~~"))
}

/// The blocks of commands in a page.
pub(crate) fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut headings: Vec<(HeadingLevel, String)> = Vec::new();
    let mut heading: Option<(HeadingLevel, String)> = None;
    let mut block: Option<(String, String, usize)> = None;
    for (event, range) in Parser::new(page).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { level, .. }) => heading = Some((level, String::new())),
            Event::End(TagEnd::Heading(_)) => {
                if let Some((level, text)) = heading.take() {
                    headings.retain(|(above, _)| *above < level);
                    headings.push((level, text));
                }
            }
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                let language = info.split([' ', ',', '{']).next().unwrap_or_default();
                let language = language.to_ascii_lowercase();
                let is_shell = language.is_empty() || LANGUAGES.contains(&language.as_str());
                // The line behind the fence.
                let line = page[..range.start].matches('\n').count() + 2;
                block = is_shell.then_some((language, String::new(), line));
            }
            Event::Start(Tag::CodeBlock(CodeBlockKind::Indented)) => {
                let line = page[..range.start].matches('\n').count() + 1;
                block = Some((String::new(), String::new(), line));
            }
            Event::End(TagEnd::CodeBlock) => {
                if let Some((language, text, line)) = block.take()
                    && (!language.is_empty() || has_commands(&text))
                {
                    blocks.push(Block {
                        headings: headings.iter().map(|(_, text)| text.clone()).collect(),
                        text: commands(&language, &text),
                        line,
                    });
                }
            }
            Event::Text(text) | Event::Code(text) => {
                if let Some((_, all, _)) = &mut block {
                    all.push_str(&text);
                } else if let Some((_, all)) = &mut heading {
                    all.push_str(&text);
                }
            }
            _ => {}
        }
    }
    blocks
}

/// The commands of a block. Where a prompt stands before one, all lines without are what the commands printed.
fn commands(language: &str, text: &str) -> String {
    let is_session = SESSIONS.contains(&language);
    // Where no session is declared, `# ` begins a comment.
    let behind = |line: &str| behind_prompt(line, is_session).map(str::to_owned);
    if !text.lines().any(|line| behind(line).is_some()) {
        return text.to_owned();
    }
    let mut goes_on = false;
    let lines = text.lines().map(|line| {
        let command = match behind(line) {
            Some(command) => command,
            None if goes_on => line.strip_prefix("> ").unwrap_or(line).to_owned(),
            // The command that does nothing keeps the numbers of the lines.
            None => ":".to_owned(),
        };
        goes_on = command.ends_with('\\');
        command + "\n"
    });
    lines.collect()
}

/// What stands behind a prompt: `$ `, `[root@host ~]# `, `root@host:~# `, and in a session also `# `.
fn behind_prompt(line: &str, is_session: bool) -> Option<&str> {
    let line = line.trim_start();
    if let Some(command) = line.strip_prefix("$ ") {
        return Some(command);
    }
    if is_session && let Some(command) = line.strip_prefix("# ") {
        return Some(command);
    }
    let (prompt, command) = line.split_once("# ").or_else(|| line.split_once("$ "))?;
    let in_brackets = prompt.starts_with('[') && prompt.ends_with(']');
    let (user, _) = prompt.trim_start_matches('[').split_once('@')?;
    let is_user = !user.is_empty()
        && user
            .chars()
            .all(|c| c.is_alphanumeric() || "-_.".contains(c));
    let is_prompt = is_user && (in_brackets || !prompt.contains(' '));
    is_prompt.then_some(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_blocks_of_a_shell_are_taken_each_with_its_headings() {
        let page = "# A\n## B\n```sh\nip netns add a\n```\n## C\n```text\nno\n```\n```bash\n# x\nip l\n```\n";
        assert_eq!(
            blocks(page),
            [
                Block {
                    headings: vec!["A".into(), "B".into()],
                    text: "ip netns add a\n".into(),
                    line: 4
                },
                Block {
                    headings: vec!["A".into(), "C".into()],
                    text: "# x\nip l\n".into(),
                    line: 11
                },
            ]
        );
    }

    #[test]
    fn where_there_are_prompts_the_rest_is_what_was_printed() {
        let text = "[root@x ~]# ping -c1 a\nPING a\n64 bytes\nme@y:~$ ip \\\n> link\n1: lo\n";
        assert_eq!(commands("sh", text), "ping -c1 a\n:\n:\nip \\\nlink\n:\n");
        assert_eq!(
            commands("sh", "# ip link\nip addr\n"),
            "# ip link\nip addr\n"
        );
        assert_eq!(commands("console", "# ip link\n1: lo\n"), "ip link\n:\n");
        assert_eq!(commands("sh", "$ ip link\n1: lo\n"), "ip link\n:\n");
    }
}
