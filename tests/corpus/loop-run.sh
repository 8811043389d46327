#!/bin/bash
# A loop over what only a run knows
# needs: veth
ip netns add lr1
ip -n lr1 link add l0 type veth peer name l1
for dev in $(ip netns exec lr1 ls /sys/class/net); do ip -n lr1 link set $dev up; done
