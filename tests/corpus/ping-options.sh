#!/bin/bash
# Pings with options of their own
# needs: veth
ip netns add po1
ip -n po1 link set lo up
ip netns exec po1 ping -c 1 -W 1 127.0.0.1
ip netns exec po1 ping -c 1 -R 127.0.0.1
