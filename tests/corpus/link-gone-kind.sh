#!/bin/bash
# A link that is taken away with its kind and options, and one that is moved to where the script runs
# needs: veth
ip netns add lk1
ip -n lk1 link add lk0 type veth peer name lk2
ip link del lk7 type veth 2>/dev/null
ip link del lk8 type vxlan id 5 2>/dev/null
ip -n lk1 link set lk2 netns $$
ip link set lk2 up
