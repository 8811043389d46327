#!/bin/bash
# An end where a command fails
# needs: veth
set -e
check() {
    [ "$1" = yes ]
}
ip netns add ee-a
ip link add ee0 type veth peer name ee1 netns ee-a
ip addr add 10.0.0.1/24 dev ee0
ip link set ee0 up
ip -n ee-a addr add 10.0.0.2/24 dev ee1
ip -n ee-a link set ee1 up
ip netns exec ee-a ping -c 1 -W 5 10.0.0.1
ping -c 1 -W 1 10.0.0.9 > /dev/null || echo "nobody is there"
[ 1 = 2 ] && ip netns add ee-never
if check no; then ip netns add ee-never; fi
check no || ip netns add ee-b
check yes
check no
ip netns add ee-never
