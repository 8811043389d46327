#!/bin/bash
# What is done where a command fails
# needs: nothing
if ! ip netns add cd1; then
    echo "no namespace"
    exit 1
fi
ip netns add cd2 || { echo "no namespace"; exit 1; }
