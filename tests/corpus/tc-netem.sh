#!/bin/bash
# Delay and loss
# needs: netem
ip netns add tn1
ip -n tn1 link add t0 type veth peer name t1
tc -n tn1 qdisc add dev t0 root netem delay 20ms 5ms 25% loss 1%
tc -n tn1 qdisc change dev t0 root netem delay 40ms
