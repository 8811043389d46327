#!/bin/bash
# seq with a step, with zeros, and downwards
# needs: nothing
for i in $(seq 0 2 4) $(seq -w 8 10) $(seq 2 -1 1); do ip netns add lt$i; done
