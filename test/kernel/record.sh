#!/bin/bash
# Records a scenario on the real Linux kernel, with a real Docker daemon if the script calls docker, inside namespaces of
# its own (network, mounts, host name, processes): nothing outside is touched or seen.
#
#   npm run record -- SCENARIO.sh OUTDIR
#
# OUTDIR gets what the script wrote (its captures), stdout, stderr, kernel.json and the script itself. Needs root and, on
# Debian: iproute2 iptables tcpdump bridge-utils conntrack net-tools ethtool busybox-static curl dnsutils iputils-ping
# iputils-arping traceroute ncat, and for scripts that call docker: docker.io nginx-light.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")

die() { echo "record: $*" >&2; exit 2; }

# need COMMAND PACKAGE: notes what is missing
missing=()
need() { command -v "$1" >/dev/null 2>&1 || missing+=("$2"); }

if [ "${1:-}" != --inner ]; then
  [ $# -eq 2 ] || die "usage: npm run record -- SCENARIO.sh OUTDIR"
  [ -r "$1" ] || die "$1: no such script"
  [ "$(id -u)" = 0 ] || die "recording needs root (namespaces, packet sockets)"
  need ip iproute2; need iptables iptables; need tcpdump tcpdump; need brctl bridge-utils; need conntrack conntrack
  need ifconfig net-tools; need ethtool ethtool; need busybox busybox-static; need curl curl; need dig dnsutils
  need ping iputils-ping; need arping iputils-arping; need traceroute traceroute; need ncat ncat; need unshare util-linux
  if grep -q '\bdocker\b' "$1"; then need dockerd docker.io; need docker docker.io; need nginx nginx-light; fi
  [ ${#missing[@]} -eq 0 ] || die "missing programs; on Debian: apt-get install $(printf '%s\n' "${missing[@]}" | sort -u | tr '\n' ' ')"
  unshare --net true 2>/dev/null || die "this machine does not allow new network namespaces"
  script=$(readlink -f "$1"); mkdir -p "$2"; out=$(readlink -f "$2")
  exec unshare --net --mount --uts --pid --ipc --fork --kill-child --mount-proc bash "$0" --inner "$script" "$out"
fi

script=$2; out=$3
mount --make-rprivate /
mount -t tmpfs none /run
mkdir -p /run/netns /run/lab
mount -t tmpfs -o size=6g none /run/lab
mount -t sysfs none /sys
mount -t tmpfs cgroup /sys/fs/cgroup
for c in cpu cpuacct cpuset memory devices freezer blkio pids; do
  mkdir -p "/sys/fs/cgroup/$c"; mount -t cgroup -o "$c" none "/sys/fs/cgroup/$c" 2>/dev/null || true
done
mkdir -p /sys/fs/cgroup/systemd; mount -t cgroup -o none,name=systemd none /sys/fs/cgroup/systemd || true
hostname docker-host
# httpd and wget are busybox's and nc is nmap's, as in the images
mkdir -p /run/lab/bin
for applet in httpd wget; do ln -s "$(command -v busybox)" "/run/lab/bin/$applet"; done
ln -s "$(command -v ncat)" /run/lab/bin/nc
export PATH=/run/lab/bin:$PATH
ip link set lo up
if grep -q '\bdocker\b' "$script"; then
  export DOCKER_HOST=unix:///run/lab/docker.sock
  containerd --root /run/lab/containerd --state /run/lab/ctr --address /run/lab/ctr.sock >/run/lab/containerd.log 2>&1 &
  for _ in $(seq 100); do [ -S /run/lab/ctr.sock ] && break; sleep 0.1; done
  dockerd --containerd /run/lab/ctr.sock --data-root /run/lab/docker --exec-root /run/lab/exec --pidfile /run/lab/docker.pid \
    -H "$DOCKER_HOST" --storage-driver "${STORAGE_DRIVER:-overlay2}" >/run/lab/dockerd.log 2>&1 &
  for _ in $(seq 150); do docker version >/dev/null 2>&1 && break; sleep 0.1; done
  docker version >/dev/null || { tail -5 /run/lab/dockerd.log >&2; die "the docker daemon does not start"; }
  "$here/images.sh"
fi
cp "$script" "$out/scenario.sh"; cd "$out"
set +e
timeout 240 bash scenario.sh >stdout 2>stderr
code=$?
sleep 0.3
printf '{"exit": %d, "kernel": "%s", "docker": "%s", "iptables": "%s", "recorded": "%s"}\n' "$code" "$(uname -r)" \
  "$(dockerd --version 2>/dev/null | sed 's/,.*//')" "$(iptables --version)" "$(date -u +%FT%TZ)" > kernel.json
exit 0
