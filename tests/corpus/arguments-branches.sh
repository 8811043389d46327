#!/bin/bash
# Conditions and loops that variables from outside decide
# needs: veth
NS=${NS:-ab}
: "${COUNT:=2}"
MODE=${MODE:-routed}
ip netns add "$NS"
for i in $(seq 1 "$COUNT"); do
    ip link add "ab$i" type veth peer name "e$i" netns "$NS"
    ip -n "$NS" addr add "10.0.$i.2/24" dev "e$i"
    if [ "$COUNT" -gt 1 ]; then
        ip -n "$NS" link set "e$i" mtu "${MTU:-1400}"
    fi
done
case $MODE in
    bridged) ip -n "$NS" link add br0 type bridge ;;
    routed | nat)
        ip netns exec "$NS" sysctl -w net.ipv4.ip_forward=1
        ;;
    *)
        echo "no mode $MODE"
        exit 1
        ;;
esac
if [ -n "$VERBOSE" ]; then
    ip -n "$NS" link add debug0 type bridge
fi
for ((n = 0; n < COUNT; n++)); do
    ip netns add "$NS-$n"
done
