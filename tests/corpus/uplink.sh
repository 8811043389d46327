#!/bin/bash
# A link of the machine
# needs: veth macvlan htb
WAN=eth0
ip netns add up-a
ip link add link $WAN name up0 netns up-a type macvlan mode bridge
ip -n up-a addr add 10.0.0.2/24 dev up0
ip -n up-a link set up0 up
ip addr add 10.0.0.1/24 dev $WAN
tc qdisc add dev eth0 root handle 1: htb default 10
