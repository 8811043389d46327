#!/bin/bash
# Namespaces that are taken away before they are made, and one that never was
# needs: veth
ip netns del a 2>/dev/null
ip netns del b 2>/dev/null || true
ip netns add a
ip link add v0 type veth peer name v1 netns a
ip netns del c
