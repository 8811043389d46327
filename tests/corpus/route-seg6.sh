#!/bin/bash
# Segment routing
# needs: veth
ip netns add rs1
ip netns exec rs1 sysctl -qw net.ipv6.conf.all.seg6_enabled=1
ip -n rs1 link add r0 type veth peer name r1
ip -n rs1 link set r0 up; ip -n rs1 link set r1 up
ip -n rs1 addr add fd00:24::1/64 dev r0 nodad
ip -n rs1 -6 route add fd00:25::/64 via fd00:24::2
