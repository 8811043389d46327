#!/bin/bash
# Namespaces that somebody else has made
# needs: nothing
ip netns exec nf1 ip link set lo up
ip -n nf2 addr add 10.40.0.1/32 dev lo
ip netns del nf3
