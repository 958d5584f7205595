#!/bin/sh
# image-root.sh ROOT FILE=TARGET...: lays out the root of an image that holds nothing but FILEs
# (each copied to TARGET), the shared libraries that they need, certificates, and a user.
#
# No shell, no package manager, nothing that the programs do not use: what is not there cannot be
# attacked and needs no update. Libraries are those of the build image.
set -eu
root=$1
shift
mkdir -p "$root/etc/ssl/certs" "$root/tmp" "$root/etc/hydra" "$root/var/lib/hydra/blobs" "$root/var/lib/hydra/training"

libraries() { # the files that the loader would take for $1
  ldd "$1" | awk '$2 == "=>" { print $3 } $1 ~ /^\// { print $1 }'
}

for pair; do
  file=${pair%%=*}
  target=$root${pair#*=}
  mkdir -p "$(dirname "$target")"
  cp -L "$file" "$target"
  if ldd "$file" 2>&1 | grep -q 'not found'; then
    ldd "$file" >&2
    exit 1
  fi
  for library in $(libraries "$file"); do
    mkdir -p "$root$(dirname "$library")"
    [ -e "$root$library" ] || cp -L "$library" "$root$library"
  done
done
# name resolution is loaded when it is used, so ldd does not see it
for library in /lib/*-linux-gnu*/libnss_files.so.2 /lib/*-linux-gnu*/libnss_dns.so.2 \
  /lib/*-linux-gnu*/libresolv.so.2; do
  [ -e "$library" ] || continue
  mkdir -p "$root$(dirname "$library")"
  cp -L "$library" "$root$library"
done
printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
printf 'hydra:x:65532:65532::/var/lib/hydra:/nonexistent\n' >"$root/etc/passwd"
printf 'hydra:x:65532:\n' >"$root/etc/group"
chmod 1777 "$root/tmp"
chown -R 65532:65532 "$root/var/lib/hydra"
