# `make run` installs what is missing, builds, and opens the window.
# `make test` installs what the checks need and runs all of them, as CI does.

.PHONY: run build test check docs bench

run: build
	cargo run --quiet -- $(ARGS)

build:
	@.ci/setup.sh build
	cargo build

test:
	@.ci/setup.sh test
	.ci/check.sh

check: test

# Tables that the documentation takes from the code.
docs:
	FNAC_BLESS=1 cargo test --lib keys_md

bench:
	@.ci/setup.sh test
	.ci/bench.sh
