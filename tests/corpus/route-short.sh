#!/bin/bash
# Prefixes that leave out their last numbers
# needs: veth
ip netns add rs1
ip -n rs1 link add rs2 type veth peer name rs3
ip -n rs1 addr add 10.1.0.1/24 dev rs2
ip -n rs1 link set rs2 up
ip -n rs1 link set rs3 up
ip -n rs1 route add 10.3/16 via 10.1.0.2
ip -n rs1 route add 172/8 via 10.1.0.2
