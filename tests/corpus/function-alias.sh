#!/bin/bash
# Functions that stand for a longer command
# needs: veth
ns1() { ip netns exec fl1 "$@"; }
ip netns add fl1
ns1 ip link set lo up
ns1 sysctl -qw net.ipv4.ip_forward=1
