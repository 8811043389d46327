#!/bin/bash
# What is done is an argument
# needs: nothing
up() { ip netns add ac1; }
down() { ip netns del ac1; }
case "${1:-up}" in
    up) up ;;
    down) down ;;
    *) echo "usage: $0 up|down"; exit 1 ;;
esac
