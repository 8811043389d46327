#!/bin/bash
# The older tool for bridges
# needs: bridge
ip netns add bx1
ip netns exec bx1 ip link add p0 type veth peer name p1
ip netns exec bx1 brctl addbr br0
ip netns exec bx1 brctl addif br0 p0
ip netns exec bx1 brctl stp br0 on
