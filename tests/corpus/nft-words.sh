#!/bin/bash
# Rules as words of the shell, with braces that stand for themselves
# needs: nft
nft add table inet nw
nft add chain inet nw in { type filter hook input priority 0 \; }
nft add set inet nw ports { type inet_service \; }
nft add element inet nw ports { 22, 80 }
nft add rule inet nw in tcp dport @ports accept
