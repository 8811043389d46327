#!/bin/bash
# A namespace by the process in it
# needs: veth
ip netns add vp1
ip link add vp-a type veth peer name vp-b
ip link set vp-b netns vp1
nsenter --net=/run/netns/vp1 ip link set vp-b up
