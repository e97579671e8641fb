# What the commands of this folder share; each sources it first.
# shellcheck shell=bash
set -euo pipefail
export LC_ALL=C.UTF-8

top=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." >/dev/null && pwd -P)
me=tools/${0##*/}

# Speaks to the person on standard error: standard output is for results.
say() { printf '%s: %s\n' "$me" "$*" >&2; }
die() {
  say "$*"
  exit 1
}

# Prints the comment at the head of the calling command.
usage() { awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0"; }

refuse_argument() {
  say "unknown argument: $1"
  usage >&2
  exit 2
}

milliseconds() { printf '%s' $((${EPOCHREALTIME/./} / 1000)); }
# Prints milliseconds as seconds with one decimal.
as_seconds() { printf '%d.%d' $(($1 / 1000)) $(($1 % 1000 / 100)); }

# Sets the array `as_root` to what must stand before a command that needs root; fails if there is no way.
find_root() {
  as_root=()
  [ "$(id -u)" = 0 ] && return 0
  command -v sudo >/dev/null || return 1
  # shellcheck disable=SC2034 # for those that source this file
  as_root=(sudo)
  sudo -n true 2>/dev/null && return 0
  [ -t 0 ] || return 1 # nobody there to type a password
  say "sudo may ask for your password"
}

# Runs a command silently; shows the end of its output if it fails.
quietly() {
  local log output status=0
  log=$(mktemp)
  exec {output}<>"$log"
  rm -f "$log" # gone however this ends; the descriptor still reads and writes it
  "$@" </dev/null >&"$output" 2>&1 || status=$?
  if [ "$status" != 0 ]; then
    say "failed with status $status: $*"
    tail -n 40 "/dev/fd/$output" >&2
  fi
  exec {output}>&-
  return "$status"
}

# For the self-tests of checks: the command must fail and say the sentence. Counts in `planted`.
planted=0
must_catch() {
  local sentence=$1 answer status=0
  shift
  planted=$((planted + 1))
  answer=$("$@" 2>&1) || status=$?
  [ "$status" != 0 ] && [[ "$answer" == *"$sentence"* ]] && return 0
  die "self-test: planted mistake $planted should be answered with '$sentence'; status $status, answer: $answer"
}

# configure PRESET [options of cmake...]
configure() {
  say "configuring (preset $1)"
  (cd "$top" && quietly cmake --preset "$@")
}

# compile PRESET [targets...]: all that the preset names without targets.
compile() {
  local preset=$1 targets=() output=()
  shift
  [ $# = 0 ] || targets=(--target "$@")
  [ -t 1 ] || output=(-- --quiet)
  say "building (preset $preset)"
  (cd "$top" && cmake --build --preset "$preset" "${targets[@]}" "${output[@]}")
}

# The processors this process may use, one build job and one test each.
processors=$(nproc)
export CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$processors}
if command -v ccache >/dev/null; then
  # Takes effect when a build folder is made. The sloppiness is what ccache's manual asks for with precompiled headers.
  export CMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER:-ccache}
  export CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS:-pch_defines,time_macros}
fi
