#!/usr/bin/env bash
# Every bench of Cargo.toml in turn, beside its rivals where they are installed. Figures are
# printed, nothing is judged: machines differ. `.ci/bench.sh NAME...` runs only these.
set -euo pipefail
cd "$(dirname "$0")/.."
export XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-$(mktemp -d)}
names=("$@")
if [ ${#names[@]} = 0 ]; then
  mapfile -t names < <(sed -n '/^\[\[bench\]\]/,/^harness/s/^name = "\(.*\)"/\1/p' Cargo.toml)
fi
for name in "${names[@]}"; do
  printf '\n== %s (%s)\n' "$name" "$(date +%H:%M:%S)"
  cargo bench --profile dev --bench "$name"
done
