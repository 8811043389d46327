#!/bin/bash
# Messages in colours
# needs: nothing
GREEN='\033[0;32m'
NONE='\033[0m'
ip netns add co1
echo -e "${GREEN}made${NONE} co1"
printf '\e[1m%s\e[0m\n' "done"
echo $'\x1b[31mred\x1b[0m'
