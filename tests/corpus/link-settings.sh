#!/bin/bash
# What a link is told
# needs: veth
ip netns add ln1
ip -n ln1 link add l0 address 02:00:00:00:1f:01 mtu 1400 type veth peer name l1
ip -n ln1 link set l0 alias "to the left" txqueuelen 500
ip -n ln1 link set dev l1 arp off multicast off
ip -n ln1 link set l0 promisc on
ip -n ln1 link property add dev l0 altname left-side
