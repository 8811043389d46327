#!/bin/bash
# Programs in the background, ended by their jobs and by their names
# needs: nothing
ip netns add a
( ip netns exec a sleep 300 ) &
ip netns exec a sleep 400 &
ip netns exec a sleep 500 &
kill %1
pkill -f "sleep 400"
ip -n a link set lo up
