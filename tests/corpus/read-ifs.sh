#!/bin/bash
# A line that is cut at a sign of its own
# needs: nothing
while IFS=: read -r name address; do
    ip netns add $name
    ip -n $name addr add $address/32 dev lo
done <<< "ri1:10.4.0.1
ri2:10.4.0.2"
