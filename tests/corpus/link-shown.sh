#!/bin/bash
# A link that is looked at before it is moved
# needs: veth
ip netns add ls-a
ip link add ls0 type veth peer name ls1
ip link show ls1
ip link set ls1 netns ls-a
ip link add ls2 type veth peer name ls3
ip -n ls-a link show lo
ip link set ls3 netns ls-a
ip link add ls4 type veth peer name ls5
ip netns list
ip link show ls4
ip link set ls5 netns ls-a
