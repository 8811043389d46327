#!/bin/bash
# A link that is moved, renamed and comes up
# needs: veth
ip netns add vr1
ip link add vr-a type veth peer name vr-b
ip link set vr-b netns vr1 name eth0
ip -n vr1 link set eth0 up
