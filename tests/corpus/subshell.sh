#!/bin/bash
# A shell in the shell
# needs: nothing
NS=sb1
( NS=sb2; ip netns add $NS )
ip netns add $NS
