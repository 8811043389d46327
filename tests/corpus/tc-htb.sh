#!/bin/bash
# What there is no word for: classes
# needs: htb
ip netns add th1
ip -n th1 link add t0 type veth peer name t1
tc -n th1 qdisc add dev t0 root handle 1: htb default 11
tc -n th1 class add dev t0 parent 1: classid 1:1 htb rate 10mbit
tc -n th1 class add dev t0 parent 1:1 classid 1:11 htb rate 5mbit ceil 10mbit
tc -n th1 qdisc add dev t0 parent 1:11 handle 11: netem delay 5ms
tc -n th1 filter add dev t0 protocol ip parent 1: prio 1 u32 match ip dst 10.28.0.0/16 flowid 1:11
