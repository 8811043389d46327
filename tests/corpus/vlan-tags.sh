#!/bin/bash
# VLANs on VLANs
# needs: vlan
ip netns add vt1
ip -n vt1 link add p0 type dummy
ip -n vt1 link set p0 up
ip -n vt1 link add link p0 name p0.100 type vlan proto 802.1ad id 100
ip -n vt1 link add link p0.100 name p0.100.7 type vlan id 7 egress-qos-map 1:2
ip -n vt1 link set p0.100 up
