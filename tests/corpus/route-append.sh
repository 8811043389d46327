#!/bin/bash
# What there is no word for: a route behind another one
# needs: veth
ip netns add ra1
ip -n ra1 link add r0 type veth peer name r1
ip -n ra1 addr add fd00:22::1/64 dev r0 nodad
ip -n ra1 link set r0 up; ip -n ra1 link set r1 up
ip -n ra1 -6 route add fd00:23::/64 via fd00:22::2
ip -n ra1 -6 route append fd00:23::/64 via fd00:22::3
