#!/bin/bash
# A function of which one command is not understood
# needs: nothing
prepare() {
    ip netns add fu1
    pkill -f nothing-like-it-runs
}
prepare
if true; then
    ip netns add fu2
    pkill -f nothing-like-it-runs
fi
ip netns add fu3
