#!/bin/bash
# A map whose keys are put together
# needs: nothing
declare -A IF
for n in 1 2; do IF[p$n]=dev$n; done
ip netns add ai
for n in 1 2; do ip -n ai tuntap add ${IF[p$n]} mode tap; done
