#!/bin/bash
# IPv6 in IPv4, IPv4 in IPv4, and anything in IPv6
# needs: sit
ip netns add ts1
ip -n ts1 link add sit1 type sit local 10.17.1.1 remote 10.17.1.2 ttl 64
ip -n ts1 link add ipip1 type ipip local 10.17.1.1 remote 10.17.1.3
ip -n ts1 link add ip6t type ip6tnl local fd00:17::1 remote fd00:17::2 mode any
ip -n ts1 addr add fd00:17:1::1/64 dev sit1
