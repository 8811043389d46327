#!/bin/bash
# A cable that is made here and moved
# needs: veth
ip netns add vm1; ip netns add vm2
ip link add vm-a type veth peer name vm-b
ip link set vm-a netns vm1
ip link set vm-b netns vm2 up
ip netns exec vm1 ip link set dev vm-a up mtu 1400
