#!/bin/bash
# The for of C
# needs: nothing
for ((i = 0, j = 10; i < 3; i++, j += 5)); do
    ip netns add lc$i-$j
done
