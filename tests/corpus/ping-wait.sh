#!/bin/bash
# Waiting for an answer
# needs: veth
ip netns add pw1
ip -n pw1 link set lo up
until ip netns exec pw1 ping -c 1 -W 1 127.0.0.1 > /dev/null; do sleep 0.1; done
