#!/bin/bash
# A counter in a while, and another one with until
# needs: nothing
n=0
while [ $n -lt 2 ]; do
    ip netns add lw-a$n
    n=$((n + 1))
done
until (( n == 4 )); do ip netns add lw-b$n; ((n++)); done
