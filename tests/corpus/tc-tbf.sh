#!/bin/bash
# A queue in a queue
# needs: tbf netem
ip netns add tt1
ip -n tt1 link add t0 type veth peer name t1
tc -n tt1 qdisc add dev t0 root handle 1: tbf rate 1mbit burst 32kbit latency 400ms
tc -n tt1 qdisc add dev t0 parent 1:1 handle 10: netem delay 10ms
