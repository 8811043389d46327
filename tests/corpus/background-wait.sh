#!/bin/bash
# A wait at the end
# needs: nothing
ip netns add bw-a
for i in 1 2; do
    ip netns exec bw-a sleep 0.$i &
done
wait
echo done
