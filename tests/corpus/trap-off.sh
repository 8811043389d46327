#!/bin/bash
# A trap that is taken back
# needs: nothing
trap 'ip netns del to1' EXIT
ip netns add to1
trap - EXIT
