#!/bin/bash
# Commands whose output goes somewhere together
# needs: nothing
{
    ip netns add go1
    ip netns add go2
} > /dev/null 2>&1
( ip netns add go3 ) 2>&1 | tee /dev/null
