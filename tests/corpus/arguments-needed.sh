#!/bin/bash
# Arguments that can't be left out
# needs: nothing
if [ $# -lt 1 ]; then
    echo "usage: $0 NAMESPACE"
    exit 1
fi
ip netns add "$1"
ip netns add an-always
for i in 1 2; do ip netns add "$1-$i"; done
