#!/bin/bash
# A bridge with ports of two hosts
# needs: veth bridge
ip link add br-bp type bridge
ip addr add 10.11.0.1/24 dev br-bp
ip link set br-bp up
for i in 1 2; do
    ip netns add bp$i
    ip link add bp-p$i type veth peer name bp-c$i
    ip link set bp-c$i netns bp$i
    ip -n bp$i link set bp-c$i name eth0
    ip -n bp$i addr add 10.11.0.1$i/24 dev eth0
    ip -n bp$i link set eth0 up
    ip link set bp-p$i master br-bp
    ip link set bp-p$i up
    ip -n bp$i route add default via 10.11.0.1
done
