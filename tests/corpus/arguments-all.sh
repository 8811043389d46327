#!/bin/bash
# A loop over all arguments
# needs: nothing
for name in "$@"; do
    ip netns add "$name"
    ip -n "$name" link set lo up
done
