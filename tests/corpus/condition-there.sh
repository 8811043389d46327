#!/bin/bash
# Made where it is not there yet
# needs: nothing
if ! ip netns list | grep -qw ct1; then
    ip netns add ct1
fi
ip netns list | grep -q ct2 || ip netns add ct2
[ -e /var/run/netns/ct3 ] || ip netns add ct3
