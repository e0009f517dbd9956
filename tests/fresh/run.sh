#!/usr/bin/env bash
# Proves that this tree needs nothing that its own package list does not name: makes a minimal Debian 12 in a temporary
# folder with debootstrap, clones the committed tree into it, and runs ./dev words there.
#
#   tests/fresh/run.sh [--keep | --root DIR] [WORD…]      default: `run test`; `setup configure` is the quick half
#
# Needs root, debootstrap and a network. The fresh root uses this machine's package sources and apt settings
# (mirrors, proxies), read when the script runs. --keep leaves the root for a look; its path is printed first.
# --root DIR goes on in a root that was kept, with a new clone (what is installed there stays).
set -euo pipefail
source_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

keep=
root=
words=()
while [ $# -gt 0 ]; do
  word=$1
  shift
  case "$word" in
    --keep) keep=yes ;;
    --root) root=${1:?--root needs a folder} keep=yes && shift ;;
    -*) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 2 ;;
    *) words+=("$word") ;;
  esac
done
[ ${#words[@]} -gt 0 ] || words=(run test)
[ "$(id -u)" = 0 ] || { echo "fresh: needs root (debootstrap and chroot)" >&2; exit 2; }
command -v debootstrap >/dev/null || { echo "fresh: install debootstrap first" >&2; exit 2; }

new=
if [ -z "$root" ]; then
  new=yes
  root=$(mktemp -d "${TMPDIR:-/tmp}/coroscope-fresh.XXXXXX")
  chmod 755 "$root"  # apt's own user downloads into it
fi
echo "fresh: root is $root"

clean_up() {
  local mounted
  for mounted in dev/pts dev/shm dev proc sys; do
    mountpoint -q "$root/$mounted" && umount -l "$root/$mounted"
  done
  if [ -n "$keep" ]; then echo "fresh: kept $root"; else rm -rf --one-file-system "$root"; fi
}
trap clean_up EXIT

make_root() {
  # The mirror this machine itself uses for bookworm's main section; both forms of a source file are read.
  mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
    awk '$2 ~ /bookworm$|oldstable|stable|^12/ && $3 == "main" && /debian\/? / {print $1; exit}')
  mirror=${mirror:-http://deb.debian.org/debian}

  debootstrap --variant=minbase --include=ca-certificates bookworm "$root" "$mirror" >"$root.log" 2>&1 ||
    { tail -20 "$root.log" >&2; exit 1; }
  rm -f "$root.log"

  # Package sources that are Debian's own, with settings and keys, as this machine has them; and how names resolve.
  for list in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
    if [ -f "$list" ] && grep -q bookworm "$list" && grep -q 'debian-archive-keyring\|/debian' "$list"; then
      install -D -m 644 "$list" "$root$list"
      rm -f "$root/etc/apt/sources.list"
    fi
  done
  cp -a /etc/apt/apt.conf.d/. "$root/etc/apt/apt.conf.d/"
  rm -f "$root"/etc/apt/apt.conf.d/*{packagekit,appstream,postgresql}*
  for file in /etc/resolv.conf /etc/hosts; do [ ! -e "$file" ] || cp -L "$file" "$root$file"; done
  cp -a /usr/local/share/ca-certificates "$root/usr/local/share/" 2>/dev/null || true
  chroot "$root" update-ca-certificates >/dev/null 2>&1 || true
}

[ -z "$new" ] || make_root
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys" && mount --make-rslave "$root/sys"
mount --rbind /dev "$root/dev" && mount --make-rslave "$root/dev"

rm -rf "$root/coroscope"
git clone -q "$source_root" "$root/coroscope"
git -C "$root/coroscope" log --oneline -1

in_root() {  # with the variables a proxy needs, and nothing else of this machine's environment
  chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
    http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}" no_proxy="${no_proxy:-}" bash -c "cd /coroscope && $1"
}

for word in "${words[@]}"; do
  echo "fresh: $word"
  started=$SECONDS
  case "$word" in
    configure) in_root "cmake --preset default" ;;
    *) in_root "./dev $word" ;;
  esac
  echo "fresh: $word took $((SECONDS - started)) s"
done
if [ -e "$root/coroscope/build/demo.png" ]; then
  mkdir -p "$source_root/build" && cp "$root"/coroscope/build/demo.* "$source_root/build/"
fi
