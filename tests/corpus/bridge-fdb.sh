#!/bin/bash
# Entries of a forwarding database
# needs: veth bridge
ip netns add bf1
ip -n bf1 link add br0 type bridge
ip -n bf1 link add p0 type veth peer name p1
ip -n bf1 link set p0 master br0
bridge -n bf1 fdb add 02:00:00:00:0b:01 dev p0 master static
