#!/bin/bash
# The older tools
# needs: veth
ip netns add if1
ip link add if-a type veth peer name if-b netns if1
ifconfig if-a 10.12.0.1 netmask 255.255.255.0 up
ip netns exec if1 ifconfig if-b 10.12.0.2/24 up
ip netns exec if1 route add default gw 10.12.0.1
