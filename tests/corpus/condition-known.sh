#!/bin/bash
# Conditions that the script itself decides
# needs: nothing
MODE=routed
DEBUG=
[ -n "$DEBUG" ] && set -x
if [ "$MODE" = bridged ]; then
    ip netns add ck-bridged
elif [[ $MODE == rout* && -z $DEBUG ]]; then
    ip netns add ck-routed
else
    ip netns add ck-none
fi
