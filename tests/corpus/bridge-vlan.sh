#!/bin/bash
# A bridge that knows VLANs
# needs: veth bridge vlan_filtering
ip netns add bv1
ip -n bv1 link add br0 type bridge vlan_filtering 1 vlan_default_pvid 0
for vid in 10 20; do
    ip -n bv1 link add p$vid type veth peer name h$vid
    ip -n bv1 link set p$vid master br0 up
    bridge -n bv1 vlan add dev p$vid vid $vid pvid untagged
done
bridge -n bv1 vlan add dev br0 vid 10 self
