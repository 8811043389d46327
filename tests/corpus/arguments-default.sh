#!/bin/bash
# Arguments that may be left out
# needs: nothing
NAME=${1:-ad1}
COUNT="${2-2}"
ip netns add $NAME
for i in $(seq $COUNT); do ip netns add $NAME-$i; done
