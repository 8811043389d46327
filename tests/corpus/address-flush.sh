#!/bin/bash
# What there is no word for: all addresses away
# needs: veth
ip netns add af1
ip -n af1 link add a0 type veth peer name a1
ip -n af1 addr add 10.21.3.1/24 dev a0
ip -n af1 addr flush dev a0
ip -n af1 addr add 10.21.4.1/24 dev a0
