#!/bin/bash
# The status of the command before
# needs: nothing
ip netns add cs1
if [ $? -ne 0 ]; then
    echo "no namespace"
    exit 1
fi
ip -n cs1 link set lo up || exit 1
