#!/bin/sh
# Lets members of the group farmbench hold the clocks of this board while they measure. Read it, then run it on the
# board as root:
#   sh farm-tune.sh USER...        installs, and puts these users into the group
#   sh farm-tune.sh --remove       takes everything away again; the group stays
# DESTDIR=DIR lays the files below DIR and changes nothing else.
set -eu
root=${DESTDIR-}
umask 022

files="/usr/local/libexec/farm-tune /etc/systemd/system/farm-lease.socket /etc/systemd/system/farm-lease@.service
/etc/systemd/system/farm-restore.service /etc/tmpfiles.d/farm-tune.conf /etc/udev/rules.d/60-farm.rules
/etc/sudoers.d/farm-tune"

if [ -z "$root" ] && [ "$(id -u)" != 0 ]; then
    echo "run this as root" >&2
    exit 1
fi

if [ "${1-}" = --remove ]; then
    if [ -z "$root" ] && command -v systemctl >/dev/null 2>&1; then
        systemctl disable --now farm-lease.socket farm-restore.service || true
    fi
    [ -n "$root" ] || [ ! -x /usr/local/libexec/farm-tune ] || /usr/local/libexec/farm-tune restore || true
    for file in $files; do rm -f "$root$file"; done
    exit 0
fi

put() { # mode, path; the content comes on standard input
    mkdir -p "$(dirname "$root$2")"
    cat >"$root$2.new"
    chmod "$1" "$root$2.new"
    mv "$root$2.new" "$root$2"
}

@FILES@
[ -n "$root" ] && exit 0

/usr/bin/python3 -c 'import sys; sys.exit(sys.version_info < (3, 8))' || {
    echo "farm-tune needs /usr/bin/python3, 3.8 or newer" >&2
    exit 1
}
getent group farmbench >/dev/null || groupadd --system farmbench
for user in "$@"; do usermod -a -G farmbench "$user"; done
if command -v visudo >/dev/null 2>&1; then
    visudo -q -c -f /etc/sudoers.d/farm-tune || { rm -f /etc/sudoers.d/farm-tune; exit 1; }
fi
if [ -d /run/systemd/system ]; then
    systemd-tmpfiles --create /etc/tmpfiles.d/farm-tune.conf
    systemctl daemon-reload
    systemctl enable --now farm-lease.socket farm-restore.service
fi
if command -v udevadm >/dev/null 2>&1; then
    udevadm control --reload && udevadm trigger --sysname-match=cpu_dma_latency || true
fi
echo "Log in again, so that the new group counts. Then: farm run --pin max ..."
