#!/bin/bash
# Options that are given
# needs: nothing
# arguments: -n 2 -v rest
COUNT=1
while getopts "n:v" option; do
    case $option in
        n) COUNT=$OPTARG ;;
        v) echo "more words" ;;
    esac
done
shift $((OPTIND - 1))
for i in $(seq $COUNT); do ip netns add ao-$1$i; done
