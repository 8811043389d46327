#!/bin/bash
# Addresses that are taken apart
# needs: nothing
CIDR=10.9.1.1/24
IP=$(echo $CIDR | cut -d/ -f1)
NET=$(echo $IP | awk -F. '{print $1"."$2"."$3}')
TAG=$(echo $IP | tr . -)
ip netns add sc-$TAG
ip -n sc-$TAG addr add $IP/32 dev lo
ip -n sc-$TAG addr add $NET.2/32 dev lo
ip -n sc-$TAG addr add $(echo $CIDR | sed 's|\.1/24|.3/32|') dev lo
