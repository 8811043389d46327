#!/bin/bash
# Many commands in one line
# needs: nothing
ip netns add ol1; ip -n ol1 l s lo up && ip -n ol1 a a 10.9.12.1/32 dev lo
