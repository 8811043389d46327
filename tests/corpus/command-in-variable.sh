#!/bin/bash
# Commands and their parts in variables
# needs: nothing
IP="ip -n cv1"
ADD="addr add"
ip netns add cv1
$IP link set lo up
$IP $ADD 10.9.10.1/32 dev lo
