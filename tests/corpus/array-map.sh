#!/bin/bash
# Lists with names
# needs: veth
declare -A ADDRESS PEER
ADDRESS[am1]=10.6.0.1
ADDRESS[am2]=10.6.0.2
PEER=([am1]=am2 [am2]=am1)
ip netns add am1
ip netns add am2
ip link add eth0 netns am1 type veth peer name eth0 netns am2
for node in "${!ADDRESS[@]}"; do
    ip -n $node addr add ${ADDRESS[$node]}/24 dev eth0
    ip -n $node link set eth0 up
done
for node in am1 am2; do ip -n $node route add 10.66.0.0/16 via ${ADDRESS[${PEER[$node]}]}; done
