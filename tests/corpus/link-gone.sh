#!/bin/bash
# Links that are taken away before they are made, without a word about those that are not there
# needs: veth
for i in 1 2; do
    ip netns del lg$i
    ip link del lg-out$i
    ip netns add lg$i
    ip link add lg-out$i type veth peer name eth0 netns lg$i
done
ip -n lg1 link del eth9
