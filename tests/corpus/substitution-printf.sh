#!/bin/bash
# Addresses that awk puts together
# needs: veth
net=10.46.7.0
first=$(echo $net | awk -F. '{printf("%s.%s.%s.1", $1, $2, $3)}')
second=$(echo $net | awk -F'.' '{printf "%s.%s.%d.%s\n", $1, $2, $3, "2"}')
ip netns add sp1
ip link add sp-a type veth peer name sp-b netns sp1
ip addr add $first/24 dev sp-a
ip -n sp1 addr add $second/24 dev sp-b
