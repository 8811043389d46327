#!/bin/bash
# Next hops by number
# needs: veth
ip netns add nh1
ip -n nh1 link add n0 type veth peer name n1
ip -n nh1 addr add 10.26.0.1/24 dev n0
ip -n nh1 link set n0 up; ip -n nh1 link set n1 up
ip -n nh1 nexthop add id 1 via 10.26.0.2 dev n0
ip -n nh1 nexthop add id 2 via 10.26.0.3 dev n0
ip -n nh1 nexthop add id 10 group 1/2
ip -n nh1 route add 10.27.0.0/16 nhid 10
