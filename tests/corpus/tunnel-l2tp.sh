#!/bin/bash
# What there is no word for: L2TP
# needs: l2tp
ip netns add tl1
ip netns exec tl1 ip l2tp add tunnel tunnel_id 1 peer_tunnel_id 1 encap udp local 10.17.2.1 remote 10.17.2.2 udp_sport 5000 udp_dport 5000
ip netns exec tl1 ip l2tp add session name l2e tunnel_id 1 session_id 1 peer_session_id 1
