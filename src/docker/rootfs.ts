// A container's file system: the toolbox that the recordings' images hold (busybox and its applets, ip, curl, ping, dig,
// nc, dash as sh), users, a page to serve, nginx where the image has it; copied for each container.

import type { Host } from "../host/host.ts";
import { LayeredChildren } from "../posix/layered.ts";
import type { Program } from "../posix/process.ts";
import { type DirNode, dirNode, fileNode, type ProgramNode, Vfs, type VfsNode } from "../posix/vfs.ts";
import { populateDev } from "../shell/devices.ts";
import type { Image } from "./images.ts";

/** 2024-01-01T00:00:00Z, as the recordings' pages are dated. */
const PAGE_TIME_NS = 1_704_067_200_000_000_000n;

const FOLDERS = [
  ...["bin", "etc", "tmp", "run", "proc", "sys", "dev", "root", "www", "usr/bin", "usr/share/nginx/html"],
  ...["var/log/nginx", "var/lib/nginx/body"],
];

/** Applets of Debian's busybox; those that vethlab has a program for are installed. */
const APPLETS =
  `[ [[ ar arch arp arping ash awk base64 basename bc brctl bunzip2 bzcat bzip2 cal cat chgrp chmod chown chroot clear cmp
  cp cpio cut date dc dd df diff dirname dmesg dnsdomainname dos2unix du echo ed egrep env expand expr factor fallocate
  false fgrep find fold free ftpget ftpput getopt grep groups gunzip gzip head hexdump hostid hostname httpd id ifconfig
  ifdown ifup ip ipcalc ipneigh kill killall last less link ln logger login logname ls lsmod lsof md5sum mkdir mkfifo mknod
  mktemp more mount mv nameif nc netstat nl nologin nproc nsenter nslookup od passwd paste patch pgrep pidof ping ping6
  pkill printf ps pwd readlink realpath renice reset rev rm rmdir route run-parts sed seq setsid sh sha1sum sha256sum
  sha3sum sha512sum shred shuf sleep sort ssl_client stat strings stty su sync sysctl tac tail tar taskset tee telnet
  telnetd test tftp time timeout top touch tr traceroute traceroute6 true truncate ts tty tunctl udhcpc udhcpd umount uname
  uncompress unexpand uniq unix2dos unlink unshare unxz unzip uptime usleep uudecode uuencode vconfig vi w watch wc wget
  which who whoami xargs xxd xz xzcat yes zcat`.split(/\s+/);

/** Programs of their own, over the applets of the same name. */
const TOOLS: readonly (readonly [path: string, program: string])[] = [
  ["usr/bin/ip", "ip"],
  ["usr/bin/curl", "curl"],
  ["usr/bin/ping", "ping"],
  ["usr/bin/dig", "dig"],
  ["usr/bin/nc", "nc"],
  ["usr/bin/dash", "dash"],
];

const NGINX_CONF = `user nobody nogroup;
worker_processes 1;
daemon off;
error_log /dev/null;
pid /run/nginx.pid;
events { worker_connections 1024; }
http {
  types { text/html html; }
  default_type application/octet-stream;
  access_log off;
  sendfile on;
  tcp_nopush on;
  server { listen 80; root /usr/share/nginx/html; index index.html; }
}
`;

/** Where a program of an image comes from: busybox's own variant of it where the lab has one ("busybox-ps"), else any. */
export type FindProgram = (name: string, applet: boolean) => Program | undefined;

/** Looks programs up among all of a host's: an applet is "busybox-NAME" where that exists. */
export function programsOf(host: Host): FindProgram {
  return (name, applet) => (applet ? host.programs.get(`busybox-${name}`) : undefined) ?? host.programs.get(name);
}

/**
 * The trees of images, each made once for a set of programs and never changed: containers of all labs lay their own over
 * them.
 */
const trees: WeakMap<
  Host["programs"],
  Map<boolean, { readonly epochNs: bigint; readonly tree: DirNode }>
> = new WeakMap();

/** A fresh file system of an image, with /dev, and /proc and /sys of the host. */
export function buildRootfs(image: Image, host: Host): Vfs {
  const { sim } = host.kernel;
  const tree = sharedTree(image.nginx, host);
  const { now } = sim;
  const children = new LayeredChildren(tree.children, now);
  const rootfs = new Vfs(sim, { ...tree, children });
  // /proc and /sys show each process its own namespaces
  for (const name of ["proc", "sys"]) {
    const node = host.root.root.children.get(name);
    if (node) children.set(name, node);
  }
  return rootfs;
}

function sharedTree(withNginx: boolean, host: Host): DirNode {
  const { epochNs } = host.machine;
  let byKind = trees.get(host.programs);
  if (!byKind) {
    byKind = new Map();
    trees.set(host.programs, byKind);
  }
  const known = byKind.get(withNginx);
  if (known?.epochNs === epochNs) return known.tree;
  const tree = imageTree(withNginx, programsOf(host), epochNs);
  byKind.set(withNginx, { epochNs, tree });
  return tree;
}

/** `epochNs`: wall clock at virtual time 0. */
function imageTree(withNginx: boolean, find: FindProgram, epochNs: bigint): DirNode {
  const root = new Vfs({ now: 0 });
  for (const folder of FOLDERS) root.put(`/${folder}`, dirNode());
  const busybox = find("busybox", true);
  if (busybox) root.put("/bin/busybox", programNode(busybox));
  const own = new Set(TOOLS.map(([path]) => path.split("/").at(-1)!));
  for (const applet of APPLETS) {
    if (own.has(applet) || applet === "sh") continue;
    const program = find(applet, true);
    if (program) root.put(`/bin/${applet}`, programNode(program));
  }
  for (const [path, name] of TOOLS) {
    const program = find(name, false) ?? (name === "dash" ? (find("sh", false) ?? find("bash", false)) : undefined);
    if (program) root.put(`/${path}`, programNode(program));
  }
  root.put("/bin/sh", linkNode("../usr/bin/dash"));
  root.put("/bin/bash", linkNode("sh"));
  root.put("/etc/passwd", fileNode("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n"));
  root.put("/etc/group", fileNode("root:x:0:\nnogroup:x:65534:\n"));
  root.put("/etc/nsswitch.conf", fileNode("hosts: files dns\n"));
  const pageTime = Number(PAGE_TIME_NS - epochNs);
  root.put("/www/index.html", fileNode("<html><body><h1>It works!</h1></body></html>\n", pageTime));
  if (withNginx) {
    const nginx = find("nginx", false);
    if (nginx) root.put("/usr/bin/nginx", programNode(nginx));
    root.put("/etc/nginx/nginx.conf", fileNode(NGINX_CONF));
    root.put(
      "/usr/share/nginx/html/index.html",
      fileNode(
        "<!DOCTYPE html>\n<html><head><title>Welcome to nginx!</title></head><body><h1>Welcome to nginx!</h1></body></html>\n",
        pageTime,
      ),
    );
  }
  populateDev(root);
  return root.root;
}

function programNode(program: Program): ProgramNode {
  return { kind: "program", program, mode: 0o755, mtimeNs: 0 };
}

function linkNode(target: string): VfsNode {
  return { kind: "link", target, mode: 0o777, mtimeNs: 0 };
}

/** A copy of a node: folders and files are new, everything else is shared (docker cp). */
export function copyNode(node: VfsNode): VfsNode {
  if (node.kind === "file") return { ...node, data: node.data.slice(0, node.size) };
  if (node.kind !== "dir") return node;
  const children = new Map<string, VfsNode>();
  for (const [name, child] of node.children) children.set(name, copyNode(child));
  return { ...node, children };
}
