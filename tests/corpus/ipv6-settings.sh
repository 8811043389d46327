#!/bin/bash
# IPv6 with addresses that the kernel makes
# needs: veth
ip netns add v61
ip -n v61 link add e0 type veth peer name e1
ip -n v61 link set e0 addrgenmode none
ip netns exec v61 sysctl -qw net.ipv6.conf.e1.accept_dad=0
ip netns exec v61 sysctl -qw net.ipv6.conf.e0.disable_ipv6=0
ip -n v61 link set e0 up; ip -n v61 link set e1 up
ip -n v61 -6 addr add fd00:30::1/64 dev e0 nodad
ip -n v61 -6 route add default via fd00:30::2 dev e0 metric 10
