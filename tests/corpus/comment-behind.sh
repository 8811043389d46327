#!/bin/bash
# Comments at the end of lines, and lines that go on
# needs: nothing
ip netns add cb1 # the first
ip -n cb1 \
    addr add 10.9.11.1/32 \
    dev lo   # behind a long one
