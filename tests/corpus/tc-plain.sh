#!/bin/bash
# A queue of the kernel's own
# needs: veth
ip netns add tp1
ip -n tp1 link add t0 type veth peer name t1
tc -n tp1 qdisc add dev t0 root pfifo limit 40
