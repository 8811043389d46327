#!/bin/bash
# A loop that is left, and one that skips
# needs: nothing
for i in 1 2 3 4 5; do
    [ $i -eq 2 ] && continue
    [ $i -eq 4 ] && break
    ip netns add lk$i
done
