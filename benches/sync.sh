#!/bin/sh
# Measures picture against sound on a PulseAudio null sink of its own, which is recorded.
# Needs: pulseaudio pulseaudio-utils libasound2-plugins.
# Usage: benches/sync.sh [SECONDS PER PART]; benches/sync.sh unplug takes the server away and back.
set -eu
cd "$(dirname "$0")/.."
XDG_RUNTIME_DIR=$(mktemp -d)
export XDG_RUNTIME_DIR
chmod 700 "$XDG_RUNTIME_DIR"
unset PULSE_SERVER || true
trap 'kill "$pulse" 2>/dev/null || true; rm -rf "$XDG_RUNTIME_DIR"' EXIT INT TERM
pulseaudio -n --daemonize=no --use-pid-file=no --exit-idle-time=-1 --log-level=error \
    --load="module-native-protocol-unix auth-anonymous=1" \
    --load="module-null-sink sink_name=rec rate=48000 channels=2 format=s16le" &
pulse=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do
    pactl info >/dev/null 2>&1 && break
    sleep 0.3
done
${FNAC_SYNC_BENCH:-cargo bench --profile dev --bench sync --} "${1:-60}"
