#!/bin/bash
# A program that nobody knows
# needs: nothing
ip netns add up1
frobnicate --all up1
ip -n up1 link set lo up
