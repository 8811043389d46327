#!/bin/bash
# What commands print, read as a file
# needs: nothing
while read -r n; do ip netns add ps$n; done < <(seq 1 2)
