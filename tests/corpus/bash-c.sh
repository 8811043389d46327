#!/bin/bash
# Commands for a shell in the namespace
# needs: nothing
ip netns add bc1
ip netns exec bc1 bash -c 'ip link set lo up; ip addr add 10.9.5.1/32 dev lo && echo 1 > /proc/sys/net/ipv4/ip_forward'
