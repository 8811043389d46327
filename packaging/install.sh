#!/bin/sh
# Installs ipvsh from this archive, for all or for one user:
#
#     sudo ./install.sh                      # below /usr/local
#     PREFIX=~/.local ./install.sh           # for you alone
#     sudo ./install.sh --uninstall          # takes away just that
set -eu
here=$(cd "$(dirname "$0")" && pwd)
prefix=${PREFIX:-/usr/local}

case ${1-} in
'') ;;
--uninstall) ;;
*)
    echo "usage: [PREFIX=DIR] ./install.sh [--uninstall]" >&2
    exit 2
    ;;
esac

files() { (cd "$here" && find share -type f); }

if [ "${1-}" = --uninstall ]; then
    rm -f "$prefix/bin/ipvsh"
    files | while IFS= read -r file; do rm -f "$prefix/$file"; done
    # Only what is empty: other programs keep theirs.
    rmdir "$prefix/share/doc/ipvsh" 2>/dev/null || :
    echo "ipvsh is gone from $prefix"
    exit 0
fi

mkdir -p "$prefix/bin" 2>/dev/null && [ -w "$prefix/bin" ] || {
    echo "cannot write to $prefix: run this with sudo, or set PREFIX=\$HOME/.local" >&2
    exit 3
}
# A new file, then its name: one that runs is not written to.
cp "$here/ipvsh" "$prefix/bin/.ipvsh.new"
chmod 755 "$prefix/bin/.ipvsh.new"
mv -f "$prefix/bin/.ipvsh.new" "$prefix/bin/ipvsh"
files | while IFS= read -r file; do
    mkdir -p "$prefix/$(dirname "$file")"
    cp "$here/$file" "$prefix/$file"
    chmod 644 "$prefix/$file"
done
echo "installed: $prefix/bin/ipvsh"
case :$PATH: in
*:"$prefix/bin":*) ;;
*) echo "$prefix/bin is not in your PATH: add it" ;;
esac
