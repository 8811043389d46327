#!/bin/bash
# A list, by number and as a whole
# needs: nothing
NODES=(al1 al2)
NODES+=(al3)
for i in "${!NODES[@]}"; do
    ip netns add "${NODES[$i]}"
    ip -n "${NODES[i]}" addr add 10.5.0.$((i + 1))/32 dev lo
done
echo "made ${#NODES[@]} of them: ${NODES[*]}"
