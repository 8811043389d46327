#!/bin/bash
# What only a run knows, put into a command
# needs: veth
ip netns add sr1
ip link add sr-h type veth peer name sr-c netns sr1
ip addr add 10.9.3.1/24 dev sr-h
ip link set sr-h address 02:00:00:09:03:01 up
MAC=$(cat /sys/class/net/sr-h/address)
ip -n sr1 addr add 10.9.3.2/24 dev sr-c
ip -n sr1 link set sr-c up
ip -n sr1 neigh add 10.9.3.1 lladdr $MAC dev sr-c nud permanent
