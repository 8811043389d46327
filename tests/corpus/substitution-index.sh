#!/bin/bash
# The name of a link by what ip prints
# needs: veth
ip netns add si1
ip -n si1 link add si-a type veth peer name si-b
IF=$(ip -n si1 -o link show type veth | head -n1 | awk -F': ' '{print $2}' | cut -d@ -f1)
ip -n si1 link set $IF mtu 1400
