#!/bin/bash
# What a bridge and its ports are told
# needs: veth bridge
ip netns add bo1
ip -n bo1 link add br0 type bridge stp_state 0 ageing_time 1000
ip -n bo1 link add p0 type veth peer name p1
ip -n bo1 link set p0 master br0
ip -n bo1 link set br0 type bridge forward_delay 400
bridge -n bo1 link set dev p0 hairpin on cost 7
ip -n bo1 link set p0 type bridge_slave isolated on
