# See `make demo` for what ipvsh does. Each target installs what is missing on Debian and Ubuntu.

# Where rustup puts cargo, and .ci/prepare what cargo lacks.
export PATH := $(PATH):$(HOME)/.cargo/bin:$(CURDIR)/target/tools/bin

# What is built once is not built again: neither the state for that nor lines in backtraces are worth their time.
ifdef CI
export CARGO_INCREMENTAL := 0
export CARGO_PROFILE_DEV_DEBUG := false
endif

.PHONY: demo check test attack bench dist pictures

# Runs a script in a throw-away place: nothing of this machine's network is touched.
demo:
	@.ci/prepare demo
	cargo build --profile demo
	cargo run --profile demo --quiet -- vm install --if-needed
	cargo run --profile demo --quiet -- --sandbox scripts/l3.rhai

# The tests that take no root and no kernel of their own: to be run before each commit.
check:
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	cargo test --quiet --lib --test architecture --test language

# Runs all tests; what can't run here is a failure. Kernels without ipvlan have the micro-VM for it.
test:
	@.ci/prepare test
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	cargo deny check bans licenses sources
	cargo test --quiet --no-run
	cargo run --quiet -- vm install
	IPVSH_REQUIRE=all cargo test

# The rings that attack ipvsh at random, or at every request to the kernel, each with seeds of its own; and those that try the same
# cases each time, which go on over and over.
SEEDED = random truth faults session reasons import
TYPED = typing
STEADY = foreign owners rollback journal interrupt ending process bounds
RINGS = $(SEEDED) $(TYPED) $(STEADY)

# Attacks ipvsh for MINUTES in each ring, the seeded ones and the typing from SEED on; a failure names its seed. TRIES says how many times
# instead: `make attack SEED=7 TRIES=1 RINGS=truth` tries that one again.
attack:
	@.ci/prepare test
	cargo build --tests
	@for ring in $(filter $(SEEDED) $(TYPED),$(RINGS)); do \
	    echo "== $$ring"; \
	    case $$ring in typing) test='repl -- random_typing' ;; *) test="kernel -- $$ring::" ;; esac; \
	    IPVSH_SEED=$(or $(SEED),1) $(if $(TRIES),IPVSH_TRIES=$(TRIES),IPVSH_MINUTES=$(or $(MINUTES),2)) \
	        nice -n 10 cargo test --quiet --test $$test || failed=1; \
	done; \
	for ring in $(filter-out $(SEEDED) $(TYPED),$(RINGS)); do \
	    echo "== $$ring"; \
	    rounds=0; failures=0; until=$$(($$(date +%s) + 60 * $(or $(MINUTES),2))); \
	    while $(if $(TRIES),[ $$rounds -lt $(TRIES) ],[ $$(date +%s) -lt $$until ]); do \
	        rounds=$$((rounds + 1)); \
	        nice -n 10 cargo test --quiet --test kernel -- $$ring:: || { failed=1; failures=$$((failures + 1)); }; \
	    done; \
	    echo "$$ring: $$rounds rounds, $$failures failures"; \
	done; test -z "$$failed"

# Writes the book's chapter of the stories anew, with their pictures.
pictures:
	cargo run --quiet -- vm install --if-needed
	mkdir -p docs/pictures
	IPVSH_BLESS=1 cargo test --quiet --test vm -- look_as
	IPVSH_BLESS=1 cargo test --quiet --test language -- book::

# Makes what is handed out, in target/dist, for both architectures, and installs each of this one's in a clean root (which takes
# root): the archive, the .deb, the .rpm, the wheel.
dist:
	@.ci/prepare dist
	packaging/build
	packaging/test

# Measures: making labs against ip and ip -batch, round-trip times against ping, throughput against iperf3, captures against tcpdump.
bench:
	@.ci/prepare bench
	cargo bench
