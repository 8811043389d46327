#!/bin/bash
# Routes of all kinds
# needs: veth
ip netns add rk1
ip -n rk1 link add r0 type veth peer name r1
ip -n rk1 addr add 10.22.0.1/24 dev r0
ip -n rk1 link set r0 up; ip -n rk1 link set r1 up
ip -n rk1 route add 10.22.1.0/24 via 10.22.0.2
ip -n rk1 route add default via 10.22.0.254 metric 50 mtu 1400
ip -n rk1 route add default via 10.22.0.253 metric 60
ip -n rk1 route add blackhole 10.22.2.0/24
ip -n rk1 route add prohibit 10.22.3.0/24
ip -n rk1 route add 10.22.4.0/24 nexthop via 10.22.0.2 weight 1 nexthop via 10.22.0.3 weight 2
ip -n rk1 route replace 10.22.1.0/24 via 10.22.0.3
ip -n rk1 route del 10.22.3.0/24
