#!/bin/bash
# Routing tables of their own
# needs: vrf
ip netns add vf1
for color in red:10 blue:20; do
    name=${color%%:*}; table=${color##*:}
    ip -n vf1 link add $name type vrf table $table
    ip -n vf1 link set $name up
    ip -n vf1 link add $name-d type dummy
    ip -n vf1 link set $name-d vrf $name up
    ip -n vf1 addr add 10.19.$table.1/24 dev $name-d
    ip -n vf1 route add table $table unreachable default metric 4278198272
done
