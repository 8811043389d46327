#!/bin/bash
# A table that is read line by line
# needs: veth
while read -r ns dev addr; do
    ip netns add $ns
    ip link add $dev-h type veth peer name $dev netns $ns
    ip -n $ns addr add $addr dev $dev
    ip -n $ns link set $dev up
    ip link set $dev-h up
done <<EOF
rt1 rta 10.3.1.1/24
rt2 rtb 10.3.2.1/24
EOF
