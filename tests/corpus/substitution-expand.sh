#!/bin/bash
# Addresses that are taken apart by the shell itself
# needs: nothing
CIDR=10.9.2.1/24
ip netns add se1
ip -n se1 addr add ${CIDR%/*}/32 dev lo
ip -n se1 addr add ${CIDR%.*}.9/32 dev lo
P=eth; printf -v LAST '%s%02d' $P 7
ip netns add se-$LAST-${#CIDR}-${P^^}
