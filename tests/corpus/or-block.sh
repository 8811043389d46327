#!/bin/bash
# A way out that is not taken
# needs: nothing
ip netns add ob1 || { echo "failed"; ip netns del ob1; exit 1; }
ip -n ob1 link set lo up
