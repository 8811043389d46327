#!/bin/bash
# A function that wraps a program of its name, and commands that are functions
# needs: veth
ip() {
    echo "[#] ip" "$@"
    command ip "$@"
}
up() {
    ip netns add "$1"
    ip link add fw0 type veth peer name fw1 netns "$1"
}
down() {
    ip netns del "$1"
}
"${1:-up}" "${2:-fw}"
