#!/bin/bash
# What there is no word for: MPTCP
# needs: nothing
ip netns add mp1
ip -n mp1 mptcp limits set subflow 2 add_addr_accepted 2
ip -n mp1 mptcp endpoint show
