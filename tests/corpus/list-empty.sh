#!/bin/bash
# A list that is empty at first
# needs: nothing
HOSTS=()
for i in 1 2; do
    HOSTS+=("le$i")
done
MORE=( )
ip netns add le0
for h in "${HOSTS[@]}" "${MORE[@]}"; do
    ip netns add $h
done
