#!/bin/bash
# A loop over seq, with sums in the addresses
# needs: veth
COUNT=3
for i in $(seq 1 $COUNT); do
    ip netns add ls$i
    ip link add ls-h$i type veth peer name eth0 netns ls$i
    ip addr add 10.1.$((i * 4)).1/30 dev ls-h$i
    ip -n ls$i addr add 10.1.$((i * 4)).2/30 dev eth0
    ip link set ls-h$i up
    ip -n ls$i link set eth0 up
done
