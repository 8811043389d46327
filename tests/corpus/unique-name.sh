#!/bin/bash
# A name that nobody else has
# needs: nothing
NS=un-$$
ip netns add $NS
ip netns add un-$(mktemp -u XXXXXX)
