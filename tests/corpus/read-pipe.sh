#!/bin/bash
# Words that come through a pipe to a loop
# needs: nothing
printf '%s\n' rp1 rp2 | while read ns; do ip netns add $ns; done
