use super::*;

const LIMIT: Duration = Duration::from_secs(60);

fn seen_of(script: &str) -> (Vec<Seen>, i32) {
    let mut command = Command::new("sh");
    command
        .args(["-c", script])
        .stdin(std::process::Stdio::null());
    let (told, code) = follow(&mut command, LIMIT).expect("ptrace");
    assert!(!told.is_cut);
    (told.seen.unwrap(), code)
}

fn programs(seen: &[Seen]) -> Vec<(String, Option<i32>)> {
    let of = |seen: &Seen| match &seen.what {
        What::Ran { words, code, .. } => (words.join(" "), *code),
        What::Wrote { setting, value } => (format!("{setting} = {value}"), None),
        What::WroteOfLink { path, value } => (format!("{path} = {value}"), None),
    };
    seen.iter().map(of).collect()
}

#[test]
fn programs_are_seen_in_order_with_their_ends_and_what_became_another_is_not() {
    let (seen, code) =
        seen_of("true 1; env true 2; (true 3; false); /bin/sh -c 'exec false 4'; exit 7");
    assert_eq!(code, 7);
    let of = programs(&seen);
    let plain: Vec<(&str, Option<i32>)> = of
        .iter()
        .skip(1)
        .map(|(text, code)| (text.as_str(), *code))
        .collect();
    assert_eq!(plain, [("true 2", Some(0)), ("false 4", Some(1))]);
}

#[test]
fn what_a_program_reads_is_seen_whatever_way_it_comes() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("batch");
    std::fs::write(&file, "link show\n").expect("written");
    let file = file.display();
    let script = format!(
        "printf 'address show\\n' | ip -b -\nip -batch {file}\nip -b - <<E\nlink show lo\nE\nip -b - < {file}"
    );
    let (seen, _) = seen_of(&script);
    let inputs: Vec<_> = seen
        .iter()
        .filter_map(|seen| match &seen.what {
            What::Ran { words, input, .. } if words[0] == "ip" => {
                Some((words[1..].join(" "), input.clone().unwrap_or_default()))
            }
            _ => None,
        })
        .collect();
    let wanted = [
        ("-b -", "address show\n"),
        ("-batch -", "link show\n"),
        ("-b -", "link show lo\n"),
        ("-b -", "link show\n"),
    ];
    assert_eq!(
        inputs,
        wanted.map(|(words, input)| (words.to_owned(), input.to_owned()))
    );
}

#[test]
fn a_shell_tells_its_lines_and_a_signal_ends_as_it_does_else() {
    let mut command = Command::new("bash");
    let trap = format!("set -T; trap 'printf \"{LINE}%s %s\" \"$LINENO\" here > /dev/null' DEBUG");
    command.args([
        "-c",
        &format!("{trap}\nf() {{\n/bin/true 1\n}}\nf\n/bin/true 2\nkill -TERM $$"),
    ]);
    let (told, code) = follow(&mut command, LIMIT).expect("ptrace");
    let seen = told.seen.unwrap();
    assert_eq!(code, 128 + 15);
    let lines: Vec<_> = seen
        .iter()
        .skip(1)
        .map(|seen| seen.line.as_ref().map(|line| line.1))
        .collect();
    assert_eq!(lines, [Some(3), Some(6)]);
}

#[test]
fn a_text_for_a_file_of_a_link_or_of_the_network_is_one_of_the_network() {
    let path = "/sys/class/net/br0/bridge/stp_state".to_owned();
    let value = "1".to_owned();
    for file in [
        "/sys/devices/virtual/net/br0/bridge/stp_state",
        "/sys/devices/pci0000:00/0000:00:03.0/net/br0/bridge/stp_state",
        path.as_str(),
    ] {
        let (path, value) = (path.clone(), value.clone());
        let wanted = What::WroteOfLink { path, value };
        assert_eq!(wrote(file, b"1\n"), Some(wanted), "{file}");
    }
    let setting = "net/ipv4/ip_forward".to_owned();
    let wanted = What::Wrote { setting, value };
    assert_eq!(wrote("/proc/sys/net/ipv4/ip_forward", b"1\n"), Some(wanted));
    for file in [
        "/proc/sys/kernel/panic",
        "/sys/class/net/bonding_masters",
        "/sys/power/state",
    ] {
        assert_eq!(wrote(file, b"1\n"), None, "{file}");
    }
}

#[test]
fn what_does_not_end_is_ended() {
    let mut command = Command::new("sh");
    command.args(["-c", "true one; sleep 1000"]);
    let (told, code) = follow(&mut command, Duration::from_millis(100)).expect("ptrace");
    assert_eq!(code, 128 + 9);
    assert_eq!(
        programs(&told.seen.unwrap()).last(),
        Some(&("sleep 1000".to_owned(), None))
    );
}
