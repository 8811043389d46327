#!/bin/bash
# A function that nobody calls
# needs: nothing
teardown() { ip netns del fn1; }
ip netns add fn1
