#!/bin/bash
# The older rules for packets
# needs: iptables
ip netns add it1
ip netns exec it1 iptables -t nat -A POSTROUTING -s 10.29.0.0/24 -j MASQUERADE
ip netns exec it1 iptables -P FORWARD DROP
