#!/bin/bash
# Older tools for one thing each
# needs: vlan bond tun veth
ip link add ot-a type veth peer name ot-b
vconfig add ot-a 7
ifconfig ot-a.7 10.45.0.1/24
arp -i ot-a.7 -s 10.45.0.2 02:00:00:00:00:02
tunctl -t ot-tap -u root
ip link add ot-bond type bond
ifenslave ot-bond ot-b
vconfig rem ot-a.7
