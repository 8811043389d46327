#!/bin/bash
# Offloads
# needs: veth
ip netns add et1
ip -n et1 link add e0 type veth peer name e1
ip netns exec et1 ethtool -K e0 tx off gro off > /dev/null 2>&1
