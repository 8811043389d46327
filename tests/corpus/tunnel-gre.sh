#!/bin/bash
# GRE by both commands
# needs: gre
ip netns add tg1
ip -n tg1 addr add 10.17.0.1/32 dev lo
ip -n tg1 link set lo up
ip -n tg1 link add gre1 type gre local 10.17.0.1 remote 10.17.0.2 ttl 64 key 7
ip -n tg1 tunnel add gre2 mode gre local 10.17.0.1 remote 10.17.0.3 ttl 32
ip -n tg1 link set gre1 up
