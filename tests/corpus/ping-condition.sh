#!/bin/bash
# Pings on which a message hangs
# needs: veth
fail() { echo "FAIL: $1"; exit 1; }
ip netns add pc1
ip netns add pc2
ip link add pc3 netns pc1 type veth peer name pc4 netns pc2
ip -n pc1 addr add 10.0.0.1/24 dev pc3
ip -n pc2 addr add 10.0.0.2/24 dev pc4
ip -n pc1 link set pc3 up
ip -n pc2 link set pc4 up
ip netns exec pc1 ping -c 1 10.0.0.2 >/dev/null && echo PASS || echo FAIL
if ! ip netns exec pc1 ping -c 1 10.0.0.2 >/dev/null; then
    fail "no reply"
fi
ip netns exec pc1 ping -c 2 -i 0.2 10.0.0.2 | tail -2
