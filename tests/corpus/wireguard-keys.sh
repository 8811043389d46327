#!/bin/bash
# WireGuard with keys of the script
# needs: wireguard
KEY=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=
ip netns add wk1
ip -n wk1 link add wg0 type wireguard
ip netns exec wk1 wg set wg0 private-key <(echo $KEY) listen-port 51821
