#!/bin/bash
# A shell in the namespace that reads its commands
# needs: nothing
ip netns add bs1
ip netns exec bs1 bash -s <<'END'
ip link set lo up
for i in 1 2; do ip addr add 10.9.6.$i/32 dev lo; done
END
