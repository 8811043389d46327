#!/bin/bash
# A command in all namespaces
# needs: nothing
ip netns add an1
ip netns add an2
ip -all netns exec ip link set lo up
