#!/bin/bash
# A loop over words
# needs: veth
for host in lw1 lw2 lw3; do
    ip netns add $host
    ip -n $host link set lo up
done
