#!/bin/bash
# Neighbours, and addresses that are answered for
# needs: veth
ip netns add ne1
ip -n ne1 link add n0 type veth peer name n1
ip -n ne1 link set n0 up
ip -n ne1 neigh add 10.25.0.2 lladdr 02:00:00:00:19:02 dev n0
ip -n ne1 neigh replace 10.25.0.3 lladdr 02:00:00:00:19:03 dev n0 nud permanent
ip -n ne1 neigh add proxy 10.25.0.4 dev n0
