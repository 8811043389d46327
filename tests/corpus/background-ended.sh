#!/bin/bash
# Programs in the background, waited for and ended
# needs: nothing
ip netns add be-a
ip netns exec be-a sleep 300 &
SERVER=$!
ip netns exec be-a sleep 0.1 &
wait $!
ip -n be-a addr add 10.0.0.1/32 dev lo
sleep 0.2 &
sleep 301 > /dev/null 2>&1 &
IDS="$SERVER $!"
kill $IDS
wait
ip -n be-a addr add 10.0.0.2/32 dev lo
ip netns exec be-a sleep 302 &
ip netns exec be-a sh -c "sleep 303 &"
