#!/usr/bin/env python3
"""Writes the licence texts of all crates that are part of the binary, each text once, to standard output.

A crate whose package brings no text is named with the SPDX expression that it declares.
"""

import json
import pathlib
import subprocess
import sys

NAMES = ("license", "licence", "copying", "unlicense", "notice", "copyright")


def linked() -> set[tuple[str, str]]:
    """Name and version of each crate that is linked, not of those that only the build takes."""
    command = ["cargo", "tree", "--edges", "normal", "--prefix", "none", "--format", "{p}"]
    command += ["--target", "x86_64-unknown-linux-musl"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    found = set()
    for line in lines:
        words = line.split()
        # Macros run in the compiler, and are no part of the binary.
        if "(proc-macro)" not in words:
            found.add((words[0], words[1].removeprefix("v")))
    return found


def main() -> int:
    command = ["cargo", "metadata", "--format-version", "1", "--locked"]
    packages = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["packages"]
    wanted = linked()
    texts: dict[str, list[str]] = {}
    without = []
    for package in sorted(packages, key=lambda package: (package["name"], package["version"])):
        if (package["name"], package["version"]) not in wanted or package["source"] is None:
            continue
        title = f"{package['name']} {package['version']} ({package['license'] or 'see its text'})"
        folder = pathlib.Path(package["manifest_path"]).parent
        files = [file for file in sorted(folder.iterdir()) if file.is_file() and file.name.lower().startswith(NAMES)]
        for file in files:
            texts.setdefault(file.read_text(errors="replace").strip(), []).append(title)
        if not files:
            without.append(title)
    print("ipvsh is linked with the crates below. Each text stands once, under the crates that bring it.")
    if without:
        print("\nWithout a text of their own in the package:\n")
        print("\n".join(f"  {title}" for title in without))
    for text, titles in sorted(texts.items(), key=lambda entry: entry[1]):
        print("\n" + "=" * 80)
        print("\n".join(dict.fromkeys(titles)))
        print("=" * 80 + "\n")
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
