#!/bin/bash
# A list as one word, and an empty one as none
# needs: nothing
names=(lj-a lj-b)
none=()
for ns in "${names[@]}" "${none[@]}"; do ip netns add "$ns"; done
for all in "${names[*]}"; do
    for ns in $all-c; do ip netns add "$ns" 2> /dev/null; done
done
count() { ip netns add "lj-$#"; }
count "${none[@]}" "${names[*]}" "" "${none[*]}"
