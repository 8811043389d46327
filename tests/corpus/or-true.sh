#!/bin/bash
# What may fail
# needs: nothing
ip link del ot-nothing 2>/dev/null || true
ip netns add ot1
ip -n ot1 addr add 10.9.4.1/32 dev lo || :
ip -n ot1 link del ot-nothing 2>/dev/null
ip -n ot1 link set lo up
