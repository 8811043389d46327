# See `make demo` for what ipvsh does. Each target installs what is missing on Debian and Ubuntu.

# Where rustup puts cargo.
export PATH := $(PATH):$(HOME)/.cargo/bin

.PHONY: demo test bench

# Runs a script in a throw-away place: nothing of this machine's network is touched.
demo:
	@.ci/prepare demo
	cargo build --release
	cargo run --release --quiet -- vm install --if-needed
	cargo run --release --quiet -- --sandbox scripts/l3.rhai

# Runs all tests; what can't run here is a failure. Kernels without ipvlan have the micro-VM for it.
test:
	@.ci/prepare test
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	cargo run --quiet -- vm install
	IPVSH_REQUIRE=all cargo test

# Measures: making labs against ip and ip -batch, round-trip times against ping.
bench:
	@.ci/prepare bench
	cargo bench
