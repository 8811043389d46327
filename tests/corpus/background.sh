#!/bin/bash
# A program that goes on beside the others
# needs: veth
ip netns add bg1
ip -n bg1 link set lo up
ip netns exec bg1 sleep 600 &
