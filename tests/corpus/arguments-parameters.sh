#!/bin/bash
# Arguments that become parameters
# needs: veth
set -e
NS=${1:-ap}
ADDRESS=${2:-10.20.0.1}
MTU=${3:-1400}
ip netns add "$NS"
ip link add ap0 type veth peer name "$NS-1"
ip link set "$NS-1" netns "$NS" mtu $MTU
ip addr add $ADDRESS/24 dev ap0
ip link set ap0 up
ip -n $NS addr add 10.20.0.9/24 dev $NS-1
ip -n $NS link set $NS-1 up
ip -n $NS route add default via ${ADDRESS} dev $NS-1
echo "the namespace is \"$NS\""
