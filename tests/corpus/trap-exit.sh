#!/bin/bash
# What is taken away again at the end
# needs: nothing
cleanup() { ip netns del tx1; }
trap cleanup EXIT
trap 'echo stopped' INT TERM
ip netns add tx1
ip netns add tx2
