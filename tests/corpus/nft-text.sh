#!/bin/bash
# Rules for packets
# needs: nft
ip netns add nt1
ip netns exec nt1 nft add table inet lab
ip netns exec nt1 nft add chain inet lab input '{ type filter hook input priority 0; policy accept; }'
ip netns exec nt1 nft add rule inet lab input tcp dport 22 accept
