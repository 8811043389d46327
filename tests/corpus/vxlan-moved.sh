#!/bin/bash
# VXLAN that is made here and moved: the outer packets stay
# needs: vxlan
ip netns add vy1
ip link add vy0 type vxlan id 43 remote 127.0.0.1 dstport 4790
ip link set vy0 netns vy1
ip -n vy1 addr add 10.16.0.1/24 dev vy0
ip -n vy1 link set vy0 up
