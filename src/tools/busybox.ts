// The busybox multi-call binary (1.35, Debian's static build): `busybox APPLET …` runs the applet, as does a link of its name.
// Applets that differ from the program of the same name are known as "busybox-NAME".

import { hostOf } from "../host/host.ts";
import type { Process, Program } from "../posix/process.ts";
import type { Task } from "../sim/task.ts";

/** What `busybox --list` prints. */
export const BUSYBOX_APPLETS: readonly string[] = `
[ [[ acpid adjtimex ar arch arp arping ascii ash awk base64 basename bc blkdiscard blockdev brctl bunzip2
busybox bzcat bzip2 cal cat chgrp chmod chown chroot chvt clear cmp cp cpio crc32 crond crontab cttyhack
cut date dc dd deallocvt depmod devmem df diff dirname dmesg dnsdomainname dos2unix dpkg dpkg-deb du
dumpkmap dumpleases echo ed egrep env expand expr factor fallocate false fatattr fdisk fgrep find findfs
fold free freeramdisk fsfreeze fstrim ftpget ftpput getopt getty grep groups gunzip gzip halt head hexdump
hostid hostname httpd hwclock i2cdetect i2cdump i2cget i2cset i2ctransfer id ifconfig ifdown ifup init
insmod ionice ip ipcalc ipneigh kill killall klogd last less link linux32 linux64 linuxrc ln loadfont
loadkmap logger login logname logread losetup ls lsmod lsscsi lzcat lzma lzop md5sum mdev microcom mim
mkdir mkdosfs mke2fs mkfifo mknod mkpasswd mkswap mktemp modinfo modprobe more mount mt mv nameif nc
netstat nl nologin nproc nsenter nslookup nuke od openvt partprobe passwd paste patch pidof ping ping6
pivot_root poweroff printf ps pwd rdate readlink realpath reboot renice reset resume rev rm rmdir rmmod
route rpm rpm2cpio run-init run-parts sed seq setkeycodes setpriv setsid sh sha1sum sha256sum sha3sum
sha512sum shred shuf sleep sort ssl_client start-stop-daemon stat strings stty su sulogin svc svok swapoff
swapon switch_root sync sysctl syslogd tac tail tar taskset tc tee telnet telnetd test tftp time timeout
top touch tr traceroute traceroute6 true truncate ts tty tunctl ubirename udhcpc udhcpd uevent umount
uname uncompress unexpand uniq unix2dos unlink unlzma unshare unxz unzip uptime usleep uudecode uuencode
vconfig vi w watch watchdog wc wget which who whoami xargs xxd xz xzcat yes zcat
`
  .trim()
  .split(/\s+/);

const NOT_FOUND = 127;
const BANNER = `BusyBox v1.35.0 (Debian 1:1.35.0-4+deb12u1+b1) multi-call binary.
BusyBox is copyrighted by many authors between 1998-2015.
Licensed under GPLv2. See source distribution for detailed
copyright notices.

Usage: busybox [function [arguments]...]
   or: busybox --list[-full]
   or: busybox --install [-s] [DIR]
   or: function [arguments]...
`;

export const busybox: Program = function* (proc: Process): Task<number> {
  const [name, ...args] = proc.argv.slice(1);
  if (name === undefined) {
    yield* proc.print(BANNER);
    return 0;
  }
  if (name === "--list") {
    yield* proc.print(`${BUSYBOX_APPLETS.join("\n")}\n`);
    return 0;
  }
  const { programs } = hostOf(proc);
  const known = BUSYBOX_APPLETS.includes(name);
  const program = known ? (programs.get(`busybox-${name}`) ?? programs.get(name)) : undefined;
  if (!program) {
    yield* proc.printError(known ? `${name}: applet is not supported\n` : `${name}: applet not found\n`);
    return NOT_FOUND;
  }
  proc.executedAs = { comm: proc.name, argv: proc.argv };
  proc.argv = [name, ...args];
  return yield* program(proc);
};
