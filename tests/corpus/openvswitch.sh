#!/bin/bash
# What there is no word for: Open vSwitch
# needs: veth
ip link add ov-a type veth peer name ov-b
ovs-vsctl add-br ov-br
ovs-vsctl add-port ov-br ov-a tag=10
