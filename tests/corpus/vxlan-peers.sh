#!/bin/bash
# VXLAN with the far ends as entries
# needs: vxlan
ip netns add vx1
ip -n vx1 link set lo up
ip -n vx1 addr add 10.15.0.1/32 dev lo
ip -n vx1 link add vx0 type vxlan id 42 local 10.15.0.1 dstport 4789 nolearning
ip -n vx1 link set vx0 up
for peer in 10.15.0.2 10.15.0.3; do
    bridge -n vx1 fdb append 00:00:00:00:00:00 dev vx0 dst $peer
done
bridge -n vx1 fdb add 02:00:00:00:0f:02 dev vx0 dst 10.15.0.2
