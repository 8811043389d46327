#!/bin/bash
# A text for the reader
# needs: nothing
cat <<END
This makes one namespace.
END
ip netns add hp1
