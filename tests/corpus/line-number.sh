#!/bin/bash
# A function that says in which line it was called
# needs: nothing
say() {
    for word in $@; do
        if [ -z "$where" ]; then
            local where=$word
        else
            local all="$all $word"
        fi
    done
    echo "$where:$all"
    $all
}
say $LINENO ip netns add ln1
say $LINENO ip -n ln1 link set lo up
