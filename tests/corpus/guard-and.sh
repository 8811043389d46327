#!/bin/bash
# What hangs on what was before
# needs: nothing
CLEAN=0
ip netns add ga1 && ip -n ga1 link set lo up
[ "$CLEAN" = 1 ] && ip netns del ga1
true
