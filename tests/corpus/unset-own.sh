#!/bin/bash
# What is set only elsewhere is empty
# needs: nothing
if [ -n "$QUIET" ]; then
    say=:
else
    QUIET=1
fi
[ "$WAIT" ] && sleep 1
ip netns add uo$SUFFIX
case "$1" in
    slow) WAIT=1 ;;
    long) SUFFIX=-long ;;
esac
total=$((count + 2))
count=1
ip -n uo link set lo mtu $((total * 1000))
