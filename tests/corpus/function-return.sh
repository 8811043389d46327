#!/bin/bash
# A function that says whether, and one that is left early
# needs: nothing
wanted() { [ "$1" != fx2 ]; }
make() {
    wanted $1 || return 0
    ip netns add $1
}
make fx1; make fx2; make fx3
