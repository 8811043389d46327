#!/bin/bash
# Braces with zeros and letters
# needs: nothing
for i in {08..10} {a..c}; do ip netns add lb-$i; done
