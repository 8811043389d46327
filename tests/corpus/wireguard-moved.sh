#!/bin/bash
# WireGuard that is made here and moved
# needs: wireguard
ip netns add wm1
ip link add wm0 type wireguard
ip link set wm0 netns wm1
ip -n wm1 addr add 10.18.0.1/24 dev wm0
ip netns exec wm1 wg set wm0 listen-port 51820
ip -n wm1 link set wm0 up
