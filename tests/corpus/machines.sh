#!/bin/bash
# One file for several machines: each has a function
# needs: vxlan
tunnel() {
    ip link add vx5 type vxlan id 5 remote "$1" dstport 4789
    ip addr add "$2" dev vx5
    ip link set vx5 up
}
north() { tunnel 10.0.0.2 10.5.0.1/24; }
south() { tunnel 10.0.0.1 10.5.0.2/24; }
case "$(hostname -s)" in
    north*) north ;;
    south*) south ;;
esac
