#!/bin/bash
# A condition that only a run knows
# needs: nothing
ip netns add uc1
if systemctl is-active --quiet network; then ip netns add uc2; fi
