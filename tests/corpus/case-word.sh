#!/bin/bash
# A case
# needs: nothing
KIND=leaf
case "$KIND" in
    spine | super) ip netns add cw-spine ;;
    le*) ip netns add cw-leaf ;;
    *) exit 1 ;;
esac
