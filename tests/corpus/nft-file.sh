#!/bin/bash
# Rules for packets from a text
# needs: nft
ip netns add nf1
ip netns exec nf1 nft -f - <<END
table ip nat {
    chain post {
        type nat hook postrouting priority 100;
        oifname "up0" masquerade
    }
}
END
