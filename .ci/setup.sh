#!/usr/bin/env bash
# Installs what is missing on this machine.
#   .ci/setup.sh build   what building and running need
#   .ci/setup.sh test    also what the checks need: software Vulkan, Xvfb, a null sound device
# Debian and Ubuntu are handled here; elsewhere it says what to install. Nothing is removed or
# upgraded, and nothing is installed when all of it is there.
set -euo pipefail
want=${1:-build}

build_packages=(
  build-essential pkg-config clang libclang-dev
  libavcodec-dev libavformat-dev libavutil-dev libavfilter-dev libswscale-dev libswresample-dev
  libasound2-dev libxkbcommon-dev libxkbcommon-x11-0 libwayland-dev
  libvulkan1 mesa-vulkan-drivers libgl1-mesa-dri libegl1 libgl1
)
test_packages=(
  ffmpeg xvfb xdotool x11-utils pulseaudio pulseaudio-utils libasound2-plugins
)

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else
    echo "setup: need root to run: $*" >&2
    exit 1
  fi
}

setup_apt() {
  local packages=("${build_packages[@]}") missing=()
  [ "$want" = test ] && packages+=("${test_packages[@]}")
  for p in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
  done
  [ ${#missing[@]} = 0 ] && return
  echo "setup: installing ${missing[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
}

setup_brew() {
  # Not tried on macOS.
  local missing=()
  for p in ffmpeg pkg-config llvm; do brew list "$p" >/dev/null 2>&1 || missing+=("$p"); done
  [ ${#missing[@]} = 0 ] || brew install "${missing[@]}"
}

if command -v apt-get >/dev/null; then
  setup_apt
elif command -v brew >/dev/null; then
  setup_brew
else
  cat >&2 <<TXT
setup: this system's packages are not known to the script. Install with its package manager:
  a C compiler, pkg-config, clang with libclang, the FFmpeg development files (libavcodec,
  libavformat, libavutil, libavfilter, libswscale, libswresample; version 5.1 to 8), ALSA, xkbcommon
  and Wayland development files, and a Vulkan or OpenGL driver. For the checks also: the ffmpeg
  program, Xvfb, xdotool, PulseAudio.
TXT
fi

if ! command -v cargo >/dev/null; then
  echo "setup: Rust is missing (1.95 or later): install it from https://rustup.rs and start again" >&2
  exit 1
fi
