#!/bin/bash
# A batch
# needs: nothing
ip netns add ba1
ip -n ba1 -b - <<END
link set lo up
addr add 10.9.7.1/32 dev lo
# and so on
addr add 10.9.7.2/32 dev lo
END
