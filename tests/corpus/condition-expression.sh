#!/bin/bash
# An expression, and what its parts were
# needs: nothing
for dev in eth12 wlan0; do
    if [[ $dev =~ ^eth([0-9]+)$ ]]; then ip netns add "ce${BASH_REMATCH[1]}"; fi
done
