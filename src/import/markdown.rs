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
    /// The machines that its prompts name, with their lines; one that only the text above it names has its first.
    pub(crate) hosts: Vec<(String, usize)>,
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
        let found = prompt(line, true, false).or_else(|| prompt(line, true, true));
        let line = found.map_or(line, |(_, command)| command).trim_start();
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
    // The text above a block, and the machine that it names.
    let (mut above, mut host) = (String::new(), None);
    for (event, range) in Parser::new(page).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                heading = Some((level, String::new()));
                host = None;
            }
            Event::Start(Tag::Paragraph) => above.clear(),
            Event::End(TagEnd::Paragraph) => host = on_host(&above).or(host),
            Event::End(TagEnd::Heading(_)) => {
                if let Some((level, text)) = heading.take() {
                    headings.retain(|(above, _)| *above < level);
                    host = on_host(&format!("on {text}:"));
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
                    let mut hosts = hosts_of(&language, &text, line);
                    // In namespaces all of them may be on one machine.
                    if hosts.is_empty() && !text.contains("netns") && !text.contains("ip -n") {
                        hosts.extend(host.clone().map(|host| (host, line)));
                    }
                    blocks.push(Block {
                        hosts,
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
                } else {
                    above.push_str(&text);
                }
            }
            Event::SoftBreak => above.push('\n'),
            _ => {}
        }
    }
    blocks
}

/// The commands of a block. Where a prompt stands before one, all lines without are what the commands printed.
fn commands(language: &str, text: &str) -> String {
    let is_session = SESSIONS.contains(&language);
    // Where no session is declared, `# ` begins a comment.
    let is_named = has_named_prompts(text);
    let behind = |line: &str| {
        let found = prompt(line, is_session, is_named)?;
        Some(found.1.to_owned())
    };
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

/// The machine that the last line of a text says that what follows is run on: `On node A:`, `on the second host:`.
fn on_host(text: &str) -> Option<String> {
    const KINDS: [&str; 12] = [
        "host",
        "node",
        "server",
        "machine",
        "router",
        "client",
        "peer",
        "vm",
        "box",
        "site",
        "computer",
        "hypervisor",
    ];
    const ORDER: [&str; 9] = [
        "first", "second", "third", "other", "local", "remote", "left", "right", "physical",
    ];
    let line = text.trim_end().lines().next_back()?.to_lowercase();
    let line = line.strip_suffix(':')?;
    let words: Vec<&str> = line
        .split(|c: char| c.is_whitespace() || ",()*`".contains(c))
        .filter(|word| !word.is_empty())
        .collect();
    let at = words.iter().rposition(|word| *word == "on")?;
    let rest = &words[at + 1..];
    let has_article = rest
        .first()
        .is_some_and(|word| ["the", "your", "each", "every"].contains(word));
    let rest = &rest[usize::from(has_article)..];
    let is_kind = |word: &str| KINDS.contains(&word.trim_end_matches(|c: char| c.is_ascii_digit()));
    match rest {
        [order, kind] if ORDER.contains(order) && is_kind(kind) => Some(format!("{order} {kind}")),
        [kind] if is_kind(kind) => Some((*kind).to_owned()),
        [kind, name] if is_kind(kind) && name.len() < 16 && !name.contains("namespace") => {
            Some(format!("{kind} {name}"))
        }
        _ => None,
    }
}

/// The machines that the prompts of a block name.
fn hosts_of(language: &str, text: &str, line: usize) -> Vec<(String, usize)> {
    let is_session = SESSIONS.contains(&language);
    let is_named = has_named_prompts(text);
    let lines = text.lines().enumerate();
    let found = lines.filter_map(|(index, text)| {
        let (prompt, _) = prompt(text, is_session, is_named)?;
        let prompt = prompt.trim_start_matches('[');
        let host = prompt.split_once('@').map_or(prompt, |(_, host)| host);
        let host = host.split([' ', ':', ']']).next().unwrap_or_default();
        (!host.is_empty()).then(|| (host.to_owned(), line + index))
    });
    found.collect()
}

/// Whether prompts of a block are names of machines alone: `node1# ip link`.
fn has_named_prompts(text: &str) -> bool {
    text.lines().any(|line| {
        let command = prompt(line, false, true).map(|(_, command)| command);
        let first = command.and_then(|command| command.split_whitespace().next());
        first.is_some_and(|first| PROGRAMS.contains(&first))
    })
}

/// The prompt of a line and what stands behind it: `$ `, `[root@host ~]# `, `root@host:~# `, in a session also `# `, and `host# ` where
/// prompts are names.
fn prompt(line: &str, is_session: bool, is_named: bool) -> Option<(&str, &str)> {
    let line = line.trim_start();
    if let Some(command) = line.strip_prefix("$ ") {
        return Some(("", command));
    }
    if is_session && let Some(command) = line.strip_prefix("# ") {
        return Some(("", command));
    }
    let (prompt, command) = line.split_once("# ").or_else(|| line.split_once("$ "))?;
    let is_word = |text: &str| {
        !text.is_empty()
            && text
                .chars()
                .all(|c| c.is_alphanumeric() || "-_.".contains(c))
    };
    let in_brackets = prompt.starts_with('[') && prompt.ends_with(']');
    let Some((user, _)) = prompt.trim_start_matches('[').split_once('@') else {
        let is_host = is_word(prompt) && prompt.starts_with(|c: char| c.is_alphabetic());
        return (is_named && is_host).then_some((prompt, command));
    };
    (is_word(user) && (in_brackets || !prompt.contains(' '))).then_some((prompt, command))
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
                    line: 4,
                    hosts: Vec::new(),
                },
                Block {
                    headings: vec!["A".into(), "C".into()],
                    text: "# x\nip l\n".into(),
                    line: 11,
                    hosts: Vec::new(),
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

    #[test]
    fn the_machines_are_those_of_the_prompts_or_of_the_text_above() {
        let page = "## Node 1\n```sh\nip link add br0 type bridge\n```\nNow, on the second host:\n\n```sh\nip l\n```\n\
             On its own:\n```sh\nroot@h1:~# ip l\n1: lo\n[me@h2 ~]$ ip a\n```\n## All\n```console\nh3# ip a\nh3# cat x\n$ ls\n```\n\
             ## On server a\n```sh\nip netns add a\n```\nOn each namespace:\n```sh\nip l\n```\n";
        let blocks = blocks(page);
        let hosts: Vec<Vec<(&str, usize)>> = blocks
            .iter()
            .map(|block| {
                block
                    .hosts
                    .iter()
                    .map(|(host, line)| (host.as_str(), *line))
                    .collect()
            })
            .collect();
        let none = Vec::new;
        let wanted = [
            vec![("node 1", 3)],
            vec![("second host", 8)],
            vec![("h1", 12), ("h2", 14)],
            vec![("h3", 18), ("h3", 19)],
            none(),
            vec![("server a", 28)],
        ];
        assert_eq!(hosts, wanted);
        assert_eq!(blocks[3].text, "ip a\ncat x\nls\n");
    }
}
