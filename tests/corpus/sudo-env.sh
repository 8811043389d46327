#!/bin/bash
# Who runs it, and with what around it
# needs: nothing
sudo ip netns add sv1
sudo -E env LANG=C ip netns exec sv1 ip link set lo up
/sbin/ip -n sv1 addr add 10.9.9.1/32 dev lo
