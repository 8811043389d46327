#!/bin/bash
# Loops in one another that make a mesh
# needs: veth
HOSTS="lm1 lm2 lm3"
for h in $HOSTS; do ip netns add $h; done
for a in 1 2 3; do
    for b in 1 2 3; do
        [ $a -lt $b ] || continue
        ip link add m$a$b netns lm$a type veth peer name m$b$a netns lm$b
        ip -n lm$a addr add 10.2.$a$b.1/24 dev m$a$b
        ip -n lm$b addr add 10.2.$a$b.2/24 dev m$b$a
        ip -n lm$a link set m$a$b up; ip -n lm$b link set m$b$a up
    done
done
