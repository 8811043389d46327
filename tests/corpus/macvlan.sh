#!/bin/bash
# macvlan and macvtap on a cable
# needs: veth macvlan
ip netns add mv1
ip link add mv-a type veth peer name mv-b
ip link set mv-a up; ip link set mv-b up
ip link add link mv-a name mv-0 type macvlan mode bridge
ip link set mv-0 netns mv1
ip -n mv1 addr add 10.13.0.1/24 dev mv-0
ip -n mv1 link set mv-0 up
ip link add link mv-a mv-t type macvtap mode private
