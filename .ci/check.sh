#!/usr/bin/env bash
# All checks, quick ones first. Dependencies are shared between the steps (one profile).
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never}
export XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-$(mktemp -d)}
step() { printf '\n== %s (%s)\n' "$1" "$(date +%H:%M:%S)"; }

step "format"
cargo fmt --check

step "one wgpu"
test "$(cargo tree -i wgpu --depth 0 --prefix none 2>/dev/null | sort -u | wc -l)" = 1

step "build of the tests"
cargo test --no-run

step "tests"
# What this machine promises (installed by .ci/setup.sh): a missing piece is a failure here,
# not a silent skip.
export FNAC_REQUIRE_GPU=${FNAC_REQUIRE_GPU:-1} FNAC_REQUIRE_DISPLAY=${FNAC_REQUIRE_DISPLAY:-1}
export FNAC_REQUIRE_FFMPEG=${FNAC_REQUIRE_FFMPEG:-1}
if command -v cargo-nextest >/dev/null; then
  cargo nextest run --no-fail-fast
else
  cargo test --no-fail-fast
fi

step "clippy"
cargo clippy --all-targets -- -D warnings

step "done"
