#!/bin/bash
# A function that runs what it is given, with eval
# needs: nothing
run() { echo "+ $*"; eval "$@"; }
run ip netns add fr1
run "ip -n fr1 link set lo up"
