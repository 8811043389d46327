#!/bin/bash
# A function with arguments, and one that calls it
# needs: veth
new_host() {
    local name=$1 address=${2:-10.7.0.1}
    ip netns add "$name"
    ip -n "$name" addr add "$address/32" dev lo
}
function pair {
    new_host $1
    new_host "$2" 10.7.0.2
    ip link add e0 netns $1 type veth peer name e0 netns $2
}
pair fa1 fa2
