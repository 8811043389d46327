#!/bin/bash
# Several tables and rules that choose one
# needs: veth
ip netns add rn1
ip -n rn1 link add r0 type veth peer name r1
ip -n rn1 addr add 10.23.0.1/24 dev r0
ip -n rn1 link set r0 up; ip -n rn1 link set r1 up
for t in 101 102; do
    ip -n rn1 route add default via 10.23.0.$t table $t
    ip -n rn1 rule add from 10.23.$t.0/24 lookup $t priority $((1000 + t))
done
ip -n rn1 rule add fwmark 0x10/0xff table 101
ip -n rn1 rule add iif lo to 10.24.0.0/16 lookup 102 pref 900
ip -n rn1 -6 rule add from fd00::/8 lookup 101
