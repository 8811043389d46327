#!/bin/bash
# A loop that never ends
# needs: nothing
# timeout: 1s
ip netns add en1
while true; do sleep 1; done
ip netns add en2
