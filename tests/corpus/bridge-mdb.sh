#!/bin/bash
# What there is no word for: a group of multicast
# needs: veth bridge
ip netns add bm1
ip -n bm1 link add br0 type bridge
ip -n bm1 link add p0 type veth peer name p1
ip -n bm1 link set p0 master br0
ip -n bm1 link set p0 up
ip -n bm1 link set p1 up
ip -n bm1 link set br0 up
bridge -n bm1 mdb add dev br0 port p0 grp 239.1.1.1 permanent
