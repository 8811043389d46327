#!/bin/bash
# Commands that only look
# needs: nothing
ip netns add sp1
ip netns list | grep sp1
ip -n sp1 -br addr | awk '{print $1}'
ip -n sp1 -s -d link show lo
