#!/bin/bash
# A word that stands for the beginning of a command
# needs: nothing
shopt -s expand_aliases
alias inside='ip netns exec' up="ip link set up"
add() {
    ip netns add $1
    inside $1 ip link set lo up
}
add as1
up lo
unalias up
up lo
