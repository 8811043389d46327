#!/bin/bash
# More of the older tools: classes, several addresses, flags
# needs: veth
ip netns add im1
ip link add im-a type veth peer name im-b netns im1
ifconfig im-a 192.168.40.1 txqueuelen 50 -multicast
ifconfig im-a 192.168.41.1
ifconfig im-a:1 10.41.0.1 netmask 255.255.0.0
ifconfig im-a inet6 add fd40::1/64
ip netns exec im1 ifconfig im-b 10.42.0.1/24
ip netns exec im1 ifconfig im-b 0.0.0.0 promisc up
ip netns exec im1 route add -net 10.43.0.0 netmask 255.255.0.0 dev im-b
ip netns exec im1 route add 10.44.0.5 dev im-b
