// What differs between the releases of ncat that are emulated: Debian 12's 7.93 and forky's 7.99.

export interface NcatRelease {
  readonly version: string;
  /** how :: is printed before a port */
  readonly anyIpv6: string;
  /** -v names a TCP peer without its port, and again with it */
  readonly announcesTwice: boolean;
  /**
   * Children that are no handlers (orphaned programs, in a container's first process) count as ended handlers, until an
   * assertion ends the program (get_conn_count). 7.99 still counts them when their signals come apart, which is a race;
   * in most of the recordings the server lives on.
   */
  readonly countsOrphans: boolean;
  /** after the peer's end of file what a program (-e, -c) still says is passed on */
  readonly readsOn: boolean;
  /** the first datagram closes the listening sockets of the other families, unless -k */
  readonly closesOtherListeners: boolean;
  /** a client is done when its TCP peer is, whatever standard input still has */
  readonly endsWithPeer: boolean;
}

export const NCAT_7_93: NcatRelease = {
  version: "7.93",
  anyIpv6: "::",
  announcesTwice: true,
  countsOrphans: true,
  readsOn: false,
  closesOtherListeners: false,
  endsWithPeer: false,
};

export const NCAT_7_99: NcatRelease = {
  version: "7.99",
  anyIpv6: "[::]",
  announcesTwice: false,
  countsOrphans: false,
  readsOn: true,
  closesOtherListeners: true,
  endsWithPeer: true,
};

export function versionLine({ version }: NcatRelease): string {
  return `Ncat: Version ${version} ( https://nmap.org/ncat )\n`;
}
