#!/usr/bin/env bash
# Build the images and test them where there is neither a Docker engine nor a registry: on Debian,
# as root. Starts an engine of its own, which ends with this script, and makes the base images from
# Debian's packages. Bases and build cache stay in ~/.cache/poseline/docker. The arguments are
# pytest's, by default `tests/images -m images`.
set -euo pipefail
cd "$(dirname "$0")/../.."
state=${XDG_CACHE_HOME:-$HOME/.cache}/poseline/docker
export DOCKER=/usr/bin/docker DOCKER_HOST=unix://$state/docker.sock

reason=
[ "$(id -u)" = 0 ] || reason="not root"
command -v apt-get >/dev/null || reason="not Debian"
[ -z "$reason" ] || { echo "images are not tested: $reason"; exit; }
if [ ! -x /usr/sbin/dockerd ] || [ ! -x /usr/sbin/debootstrap ] || [ ! -x /usr/lib/cni/ptp ]; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
    docker.io debootstrap containernetworking-plugins iproute2 >/dev/null
fi

mkdir -p "$state"
exec 9>"$state/lock"
flock 9 # one engine at a time has this state
# What an engine leaves that was killed.
awk -v at="$state/run/" 'index($2, at) == 1 {print $2}' /proc/mounts | xargs -r umount
rm -rf "$state/run" "$state/docker.pid"
dockerd --data-root="$state/data" --exec-root="$state/run" --pidfile="$state/docker.pid" \
  --host="$DOCKER_HOST" --iptables=false --bridge=none >"$state/log" 2>&1 9>&- &
engine=$!
trap 'kill $engine; wait $engine || true' EXIT
for _ in $(seq 60); do $DOCKER info >/dev/null 2>&1 && break; sleep 1; done
$DOCKER info >/dev/null 2>&1 || { echo "images are not tested: no engine"; tail -5 "$state/log"; exit; }

import() {
  rm -rf "$1"/usr/share/{doc,man,locale,info} "$1"/var/{lib/apt/lists,cache/apt}/*
  tar -C "$1" -c . | $DOCKER import - "$2" >/dev/null
}
if ! $DOCKER image inspect poseline-base poseline-build >/dev/null 2>&1; then
  root=$(mktemp -d)
  debootstrap --variant=minbase --include=python3,ca-certificates bookworm "$root" >"$state/log.base"
  import "$root" poseline-base
  chroot "$root" sh -c 'apt-get update && apt-get install -y --no-install-recommends \
    python3-venv binutils' >>"$state/log.base"
  import "$root" poseline-build
  rm -rf "$root"
fi

flags="--network=host --build-arg BASE_IMAGE=poseline-base --build-arg BUILD_IMAGE=poseline-build"
[ ! -r /etc/pip.conf ] || flags+=" --secret id=pip.conf,src=/etc/pip.conf"
[ -z "${SSL_CERT_FILE:-}" ] || flags+=" --secret id=ca,src=$SSL_CERT_FILE"
make --no-print-directory images DOCKER_FLAGS="$flags"
$DOCKER image prune -f >/dev/null
$DOCKER builder prune -f --keep-storage 12GB >/dev/null
$DOCKER image ls --filter 'reference=*poseline-*' --format '{{.Repository}}:{{.Tag}} {{.Size}}'
[ $# -gt 0 ] || set -- tests/images -m images
"${BIN:-.venv/bin}/pytest" -q "$@"
