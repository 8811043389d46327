#!/bin/bash
# Options
# needs: nothing
LINKS=1
while getopts "n:v" option; do
    case $option in
        n) LINKS=$OPTARG ;;
        v) set -x ;;
    esac
done
shift $((OPTIND - 1))
for i in $(seq $LINKS); do ip netns add ag$i; done
