#!/bin/bash
# Files of a namespace
# needs: nothing
mkdir -p /etc/netns/hf1
cat > /etc/netns/hf1/hosts <<END
127.0.0.1 localhost
10.9.8.1 other
END
echo "nameserver 10.9.8.1" > /etc/netns/hf1/resolv.conf
ip netns add hf1
