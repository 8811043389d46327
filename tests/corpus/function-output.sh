#!/bin/bash
# What a function prints
# needs: nothing
address_of() { echo "10.8.0.$1/32"; }
ip netns add fo1
ip -n fo1 addr add $(address_of 7) dev lo
