#!/bin/bash
# A device whose far end is a program
# needs: nothing
ip netns add tn1
ip netns exec tn1 ip tuntap add dev tun0 mode tun
ip -n tn1 addr add 10.20.0.1/24 dev tun0
ip -n tn1 link set tun0 up
