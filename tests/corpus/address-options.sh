#!/bin/bash
# What an address is told
# needs: veth
ip netns add ad1
ip -n ad1 link add a0 type veth peer name a1
ip -n ad1 addr add 10.21.0.1/24 brd + dev a0 label a0:1
ip -n ad1 addr add 10.21.1.1 peer 10.21.1.2 dev a0
ip -n ad1 addr add fd00:21::1/64 dev a0 nodad noprefixroute
ip -n ad1 addr add 10.21.2.1/24 dev a0 valid_lft 1000 preferred_lft 500 2>/dev/null
