#!/bin/bash
# A variable by its name
# needs: nothing
FIRST=in1; WHICH=FIRST
ip netns add ${!WHICH}
