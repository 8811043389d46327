#!/bin/bash
# Taken away where it is there
# needs: nothing
ip netns add cg1
if ip netns list | grep -q cg1; then ip netns del cg1; fi
ip netns add cg1
ip netns del cg2 2>/dev/null || true
