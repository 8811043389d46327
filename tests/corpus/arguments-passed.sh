#!/bin/bash
# Arguments that a function is given
# needs: nothing
usage() {
    echo "usage: $0 NAME"
    exit 2
}
main() {
    [ -z "$1" ] && usage
    local name="$1"
    ip netns add "$name"
    [[ $name == hub ]] && ip netns add ap-hub
    ip -n "$name" addr add 10.0.0.1/32 dev lo
}
main "$@"
