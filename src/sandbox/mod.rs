//! Throw-away places to run a script in: private namespaces of this kernel, or a micro-VM with its own.
