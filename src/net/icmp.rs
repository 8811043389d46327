//! ICMP echo: what `ping` sends, and what comes back.
