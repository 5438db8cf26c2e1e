// Ports and their names, as Debian's /etc/services has them: the ones that people meet in containers.

const SERVICES: readonly (readonly [string, number, "tcp" | "udp" | "both"])[] = [
  ["echo", 7, "both"],
  ["discard", 9, "both"],
  ["daytime", 13, "both"],
  ["ftp-data", 20, "tcp"],
  ["ftp", 21, "tcp"],
  ["ssh", 22, "tcp"],
  ["telnet", 23, "tcp"],
  ["smtp", 25, "tcp"],
  ["time", 37, "both"],
  ["domain", 53, "both"],
  ["bootps", 67, "udp"],
  ["bootpc", 68, "udp"],
  ["tftp", 69, "udp"],
  ["http", 80, "tcp"],
  ["kerberos", 88, "both"],
  ["pop3", 110, "tcp"],
  ["sunrpc", 111, "both"],
  ["ntp", 123, "udp"],
  ["imap2", 143, "tcp"],
  ["snmp", 161, "both"],
  ["snmp-trap", 162, "both"],
  ["bgp", 179, "tcp"],
  ["ldap", 389, "both"],
  ["https", 443, "both"],
  ["syslog", 514, "udp"],
  ["route", 520, "udp"],
  ["submission", 587, "tcp"],
  ["ldaps", 636, "both"],
  ["domain-s", 853, "both"],
  ["rsync", 873, "tcp"],
  ["imaps", 993, "tcp"],
  ["pop3s", 995, "tcp"],
  ["socks", 1080, "tcp"],
  ["openvpn", 1194, "both"],
  ["nfs", 2049, "both"],
  ["mysql", 3306, "tcp"],
  ["mdns", 5353, "udp"],
  ["postgresql", 5432, "tcp"],
  ["amqp", 5672, "tcp"],
  ["x11", 6000, "tcp"],
  ["redis", 6379, "tcp"],
  ["http-alt", 8080, "tcp"],
  ["git", 9418, "tcp"],
];
/** Other spellings of getservbyname(3). */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ["www", "http"],
  ["imap", "imap2"],
  ["pop-3", "pop3"],
  ["nameserver", "domain"],
  ["webcache", "http-alt"],
]);

/** "http" → 80; undefined for an unknown name. */
export function serviceNumber(name: string, protocol: "tcp" | "udp"): number | undefined {
  const wanted = ALIASES.get(name) ?? name;
  return SERVICES.find(([service, , kind]) => service === wanted && (kind === "both" || kind === protocol))?.[1];
}

/** 80 → "http"; undefined for an unnamed port. */
export function serviceName(port: number, protocol: "tcp" | "udp"): string | undefined {
  return SERVICES.find(([, number, kind]) => number === port && (kind === "both" || kind === protocol))?.[0];
}
