#!/bin/bash
# Nothing behind the end
# needs: nothing
ip netns add ee1
exit 0
ip netns del ee1
