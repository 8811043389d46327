#!/bin/bash
# ipvlan in two modes of forwarding
# needs: ipvlan
ip netns add iv1
ip netns add iv2
ip link add iv-p type dummy
ip link set iv-p up
ip link add link iv-p iv-a netns iv1 type ipvlan mode l3s bridge
ip link add link iv-p iv-b netns iv2 type ipvlan mode l3s bridge
ip -n iv1 addr add 10.14.1.1/24 dev iv-a
ip -n iv1 link set iv-a up
ip -n iv1 route add default dev iv-a
