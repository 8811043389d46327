#!/bin/bash
# A value that is set nowhere
# needs: nothing
ip netns add uv1
ip -n uv1 addr add $NOWHERE/24 dev lo
ip -n uv1 link set lo up
