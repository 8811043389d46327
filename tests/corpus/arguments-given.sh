#!/bin/bash
# Arguments that are given
# needs: nothing
# arguments: ag-a ag-b
for ns in "$@"; do ip netns add $ns; done
ip -n $1 addr add 10.10.0.$#/32 dev lo
shift
ip -n "$1" addr add 10.10.1.1/32 dev lo
