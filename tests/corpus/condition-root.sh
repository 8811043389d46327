#!/bin/bash
# Who runs it
# needs: nothing
if [ "$EUID" -ne 0 ]; then echo "only root"; exit 1; fi
[ "$(id -u)" = 0 ] || { echo "only root"; exit 1; }
ip netns add cr1
