#!/bin/bash
# Settings, in all ways to say them
# needs: nothing
ip netns add sf1
ip netns exec sf1 sysctl -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
ip netns exec sf1 sysctl -qw net/ipv4/conf/all/rp_filter=2
ip netns exec sf1 sh -c 'echo 1 > /proc/sys/net/ipv4/conf/all/proxy_arp'
echo 1 | ip netns exec sf1 tee /proc/sys/net/ipv4/conf/all/arp_ignore > /dev/null
for s in accept_ra autoconf; do ip netns exec sf1 sysctl -qw net.ipv6.conf.default.$s=0; done
