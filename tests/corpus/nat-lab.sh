#!/bin/bash
# A container by hand
# needs: veth
NS=nl1 HOST=nl-h GUEST=nl-c NET=10.32.0
ip netns add $NS
ip link add $HOST type veth peer name $GUEST
ip link set $GUEST netns $NS
ip addr add $NET.1/24 dev $HOST
ip link set $HOST up
ip netns exec $NS ip addr add $NET.2/24 dev $GUEST
ip netns exec $NS ip link set $GUEST up
ip netns exec $NS ip route add default via $NET.1
echo 1 > /proc/sys/net/ipv4/ip_forward
