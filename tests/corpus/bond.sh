#!/bin/bash
# A bond
# needs: bond
ip netns add bd1
ip -n bd1 link add s0 type dummy
ip -n bd1 link add s1 type dummy
ip -n bd1 link add bond0 type bond mode 802.3ad miimon 100 lacp_rate fast xmit_hash_policy layer3+4
for s in s0 s1; do ip -n bd1 link set $s master bond0; done
ip -n bd1 link set bond0 up
