// Names that iptables reads from /etc/protocols and /etc/services, and numbers in C's notation. The tables hold what
// firewalls name; a port without a name here is printed as a number, as it would be with a shorter file.

import type { IpSets } from "../../net/netfilter/ip-set.ts";

/** netdb of a machine, as far as iptables asks it. */
export interface HostNames {
  /** getnameinfo: undefined prints the address */
  hostOf(address: number): string | undefined;
  /** getaddrinfo */
  /** what it says when there are none: "Name or service not known" */
  addressesOf(name: string): number[] | string;
  /** getnetbyaddr, getnetbyname: /etc/networks */
  networkOf(address: number): string | undefined;
  networkAddress(name: string): number | undefined;
  /** getpwnam, getgrnam and back: /etc/passwd, /etc/group */
  idOf(kind: "user" | "group", name: string): number | undefined;
  nameOfId(kind: "user" | "group", id: number): string | undefined;
}

/** All names in rules: the machine's, and those of the namespace's sets. */
export interface NameService extends HostNames {
  /** −1: there is no such set */
  setIndex(name: string): number;
  setName(index: number): string;
}

/** A namespace's sets by name, next to the machine's names. */
export function withSets(names: HostNames, sets: IpSets): AskedNames {
  return new AskedNames(names, sets);
}

/** Knows whether it was asked: what was read without asking reads the same on every machine. */
export class AskedNames implements NameService {
  asked = false;
  readonly #names: HostNames;
  readonly #sets: IpSets;

  constructor(names: HostNames, sets: IpSets) {
    this.#names = names;
    this.#sets = sets;
  }

  get #known(): HostNames {
    this.asked = true;
    return this.#names;
  }

  hostOf(address: number): string | undefined {
    return this.#known.hostOf(address);
  }

  addressesOf(name: string): number[] | string {
    return this.#known.addressesOf(name);
  }

  networkOf(address: number): string | undefined {
    return this.#known.networkOf(address);
  }

  networkAddress(name: string): number | undefined {
    return this.#known.networkAddress(name);
  }

  idOf(kind: "user" | "group", name: string): number | undefined {
    return this.#known.idOf(kind, name);
  }

  nameOfId(kind: "user" | "group", id: number): string | undefined {
    return this.#known.nameOfId(kind, id);
  }

  setIndex(name: string): number {
    this.asked = true;
    return this.#sets.indexOf(name);
  }

  setName(index: number): string {
    this.asked = true;
    return this.#sets.at(index)?.name ?? "";
  }
}

/** What every Debian machine knows without asking anyone. */
export const PLAIN_NAMES: HostNames = {
  hostOf: (address) => (address === 0x7f000001 ? "localhost" : undefined),
  addressesOf: (name) => (name === "localhost" ? [0x7f000001] : "Temporary failure in name resolution"),
  networkOf: (address) => NETWORKS.get(address),
  networkAddress: (name) => [...NETWORKS].find(([, text]) => text === name)?.[0],
  idOf: (kind, name) => IDS[kind].find(([text]) => text === name)?.[1],
  nameOfId: (kind, id) => IDS[kind].find(([, number]) => number === id)?.[0],
};

const parseIds = (text: string): [string, number][] =>
  text.split(",").map((item) => [item.split(" ")[0]!, Number(item.split(" ")[1])]);

/** base-passwd's users and groups */
const IDS: Readonly<Record<"user" | "group", readonly (readonly [string, number])[]>> = {
  user: parseIds(
    "root 0,daemon 1,bin 2,sys 3,sync 4,games 5,man 6,lp 7,mail 8,news 9,uucp 10,proxy 13,www-data 33,backup 34," +
      "list 38,irc 39,_apt 42,nobody 65534",
  ),
  group: parseIds(
    "root 0,daemon 1,bin 2,sys 3,adm 4,tty 5,disk 6,lp 7,mail 8,news 9,uucp 10,man 12,proxy 13,kmem 15,dialout 20," +
      "fax 21,voice 22,cdrom 24,floppy 25,tape 26,sudo 27,audio 29,dip 30,www-data 33,backup 34,operator 37,list 38," +
      "irc 39,src 40,shadow 42,utmp 43,video 44,sasl 45,plugdev 46,staff 50,games 60,users 100,nogroup 65534",
  ),
};

const NETWORKS: ReadonlyMap<number, string> = new Map([
  [0, "default"],
  [0x7f000000, "loopback"],
  [0xa9fe0000, "link-local"],
]);

/** xtables_chain_protos: known to iptables itself; the first name of a number is its name. */
const CHAIN_PROTOS: readonly (readonly [string, number])[] = [
  ["tcp", 6],
  ["sctp", 132],
  ["udp", 17],
  ["udplite", 136],
  ["icmp", 1],
  ["ipv6-icmp", 58],
  ["icmpv6", 58],
  ["esp", 50],
  ["ah", 51],
  ["mobility-header", 135],
  ["ipv6-mh", 135],
  ["mh", 135],
  ["all", 0],
  ["dccp", 33],
  ["ipcomp", 108],
];

/** /etc/protocols: name and number, as IANA gives them. */
const PROTOCOLS =
  "ip 0,hopopt 0,icmp 1,igmp 2,ggp 3,ipencap 4,st 5,tcp 6,egp 8,igp 9,pup 12,udp 17,hmp 20,xns-idp 22,rdp 27," +
  "iso-tp4 29,dccp 33,xtp 36,ddp 37,idpr-cmtp 38,ipv6 41,ipv6-route 43,ipv6-frag 44,idrp 45,rsvp 46,gre 47,esp 50," +
  "ah 51,skip 57,ipv6-icmp 58,ipv6-nonxt 59,ipv6-opts 60,rspf 73,vmtp 81,eigrp 88,ospf 89,ax.25 93,ipip 94," +
  "etherip 97,encap 98,pim 103,ipcomp 108,vrrp 112,l2tp 115,isis 124,sctp 132,fc 133,mobility-header 135," +
  "udplite 136,mpls-in-ip 137,manet 138,hip 139,shim6 140,wesp 141,rohc 142,ethernet 143,mptcp 262";

const PROTOCOL_LIST: readonly (readonly [string, number])[] = PROTOCOLS.split(",").map((text) => {
  const [name, number] = text.split(" ");
  return [name!, Number(number)];
});

/** Number of a protocol's name (in lower case); undefined when there is none. */
export function protocolByName(name: string): number | undefined {
  const found =
    CHAIN_PROTOS.find(([text]) => text === name) ?? PROTOCOL_LIST.find(([text]) => text === name.toLowerCase());
  return found?.[1];
}

/** proto_to_name: undefined for a number without a name; `nolookup` asks iptables' own list only. */
export function protocolName(proto: number, nolookup: boolean): string | undefined {
  const own = CHAIN_PROTOS.find(([, number]) => number === proto);
  if (own) return own[0];
  return proto !== 0 && !nolookup ? PROTOCOL_LIST.find(([, number]) => number === proto)?.[0] : undefined;
}

/** getprotobynumber */
export function protocolEntryName(proto: number): string | undefined {
  return PROTOCOL_LIST.find(([, number]) => number === proto)?.[0];
}

/** /etc/services: port, name, and protocols: t(cp), u(dp), s(ctp), d(ccp). */
const SERVICES =
  "1 tcpmux t,7 echo tu,9 discard tu,11 systat t,13 daytime tu,15 netstat t,17 qotd t,19 chargen tu,20 ftp-data t," +
  "21 ftp t,21 fsp u,22 ssh t,23 telnet t,25 smtp t,37 time tu,43 whois t,49 tacacs tu,53 domain tu,67 bootps u," +
  "68 bootpc u,69 tftp u,70 gopher t,79 finger t,80 http t,88 kerberos tu,102 iso-tsap t,104 acr-nema t,110 pop3 t," +
  "111 sunrpc tu,113 auth t,119 nntp t,123 ntp u,135 epmap t,137 netbios-ns u,138 netbios-dgm u,139 netbios-ssn t," +
  "143 imap2 t,161 snmp tu,162 snmp-trap tu,163 cmip-man tu,164 cmip-agent tu,174 mailq t,177 xdmcp u,179 bgp t," +
  "199 smux t,209 qmtp t,210 z3950 t,213 ipx u,319 ptp-event u,320 ptp-general u,345 pawserv t,346 zserv t," +
  "369 rpc2portmap tu,370 codaauth2 tu,371 clearcase u,389 ldap tu,427 svrloc tu,443 https tu,444 snpp t," +
  "445 microsoft-ds t,464 kpasswd tu,465 submissions t,487 saft t,500 isakmp u,554 rtsp tu,607 nqs t," +
  "623 asf-rmcp u,628 qmqp t,631 ipp t,646 ldp tu,512 exec t,512 biff u,513 login t,513 who u,514 shell t," +
  "514 syslog u,515 printer t,517 talk u,518 ntalk u,520 route u,538 gdomap tu,540 uucp t,543 klogin t," +
  "544 kshell t,546 dhcpv6-client u,547 dhcpv6-server u,548 afpovertcp t,563 nntps t,587 submission t,636 ldaps tu," +
  "655 tinc tu,706 silc t,749 kerberos-adm t,853 domain-s tu,873 rsync t,989 ftps-data t,990 ftps t,992 telnets t," +
  "993 imaps t,995 pop3s t,1080 socks t,1093 proofd t,1094 rootd t,1194 openvpn tu,1099 rmiregistry t," +
  "1352 lotusnote t,1433 ms-sql-s t,1434 ms-sql-m u,1524 ingreslock t,1645 datametrics tu,1646 sa-msg-port tu," +
  "1649 kermit t,1677 groupwise t,1701 l2f u,1812 radius tu,1813 radius-acct tu,2000 cisco-sccp t,2049 nfs tu," +
  "2086 gnunet tu,2101 rtcm-sc104 tu,2119 gsigatekeeper t,2135 gris t,2401 cvspserver t,2430 venus tu," +
  "2431 venus-se tu,2432 codasrv tu,2433 codasrv-se tu,2583 mon tu,2628 dict t,2792 f5-globalsite t,2811 gsiftp t," +
  "2947 gpsd t,3050 gds-db t,3130 icpv2 u,3205 isns tu,3260 iscsi-target t,3306 mysql t,3389 ms-wbt-server t," +
  "3493 nut tu,3632 distcc t,3689 daap t,3690 svn t,4031 suucp t,4094 sysrqd t,4190 sieve t,4369 epmd t," +
  "4373 remctl t,4353 f5-iquery t,4460 ntske t,4500 ipsec-nat-t u,4569 iax u,4691 mtn t,4899 radmin-port t," +
  "5060 sip tu,5061 sip-tls tu,5222 xmpp-client t,5269 xmpp-server t,5308 cfengine t,5353 mdns u,5432 postgresql t," +
  "5556 freeciv t,5671 amqps t,5672 amqp ts,6000 x11 t,6001 x11-1 t,6002 x11-2 t,6003 x11-3 t,6004 x11-4 t," +
  "6005 x11-5 t,6006 x11-6 t,6007 x11-7 t,6346 gnutella-svc tu,6347 gnutella-rtr tu,6379 redis t," +
  "6444 sge-qmaster t,6445 sge-execd t,6446 mysql-proxy t,6696 babel u,6697 ircs-u t,7000 bbs t," +
  "7000 afs3-fileserver u,7001 afs3-callback u,7002 afs3-prserver u,7003 afs3-vlserver u,7004 afs3-kaserver u," +
  "7005 afs3-volser u,7007 afs3-bos u,7008 afs3-update u,7009 afs3-rmtsys u,7100 font-service t,8080 http-alt t," +
  "8140 puppet t,9101 bacula-dir t,9102 bacula-fd t,9103 bacula-sd t,9667 xmms2 t,10809 nbd t,10050 zabbix-agent t," +
  "10051 zabbix-trapper t,10080 amanda t,11112 dicom t,11371 hkp t,17500 db-lsp t,22125 dcap t,22128 gsidcap t," +
  "22273 wnn6 t,1 rtmp ?,2 nbp ?,4 echo ?,6 zip ?,750 kerberos4 ut,751 kerberos-master ut,752 passwd-server u," +
  "754 krb-prop t,2102 zephyr-srv u,2103 zephyr-clt u,2104 zephyr-hm u,2121 iprop t,871 supfilesrv t," +
  "1127 supfiledbg t,106 poppassd t,775 moira-db t,777 moira-update t,779 moira-ureg u,783 spamd t,1178 skkserv t," +
  "1210 predict u,1236 rmtcfg t,1313 xtel t,1314 xtelw t,2600 zebrasrv t,2601 zebra t,2602 ripd t,2603 ripngd t," +
  "2604 ospfd t,2605 bgpd t,2606 ospf6d t,2607 ospfapi t,2608 isisd t,4557 fax t,4559 hylafax t,4949 munin t," +
  "5555 rplay u,5666 nrpe t,5667 nsca t,5680 canna t,6514 syslog-tls t,6566 sane-port t,6667 ircd t," +
  "8021 zope-ftp t,8081 tproxy t,8088 omniorb t,8990 clc-build-daemon t,9098 xinetd t,9418 git t,9673 zope t," +
  "10000 webmin t,10081 kamanda t,10082 amandaidx t,10083 amidxtape t,17001 sgi-cmsd u,17002 sgi-crsd u," +
  "17003 sgi-gcd u,17004 sgi-cad t,24554 binkp t,27374 asp tu,30865 csync2 t,57000 dircproxy t,60177 tfido t," +
  "60179 fido t";

/** Other names of the same services: alias, name. */
const ALIASES =
  "sink discard,null discard,users systat,quote qotd,ttytst chargen,source chargen,fspd fsp,mail smtp," +
  "timserver time,nicname whois,www http,kerberos5 kerberos,krb5 kerberos,kerberos-sec kerberos,tsap iso-tsap," +
  "dicom acr-nema,pop-3 pop3,portmapper sunrpc,authentication auth,tap auth,ident auth,readnews nntp,untp nntp," +
  "loc-srv epmap,imap imap2,snmptrap snmp-trap,wais z3950,Clearcase clearcase,ssmtp submissions,smtps submissions," +
  "urd submissions,comsat biff,whod who,cmd shell,syslog shell,spooler printer,router route,routed route," +
  "uucpd uucp,krcmd kshell,snntp nntps,lotusnotes lotusnote,old-radius datametrics,old-radacct sa-msg-port," +
  "l2tp l2f,radacct radius-acct,gds_db gds-db,icp icpv2,subversion svn,jabber-client xmpp-client," +
  "jabber-server xmpp-server,postgres postgresql,rptp freeciv,x11-0 x11,sge_qmaster sge-qmaster," +
  "sge_execd sge-execd,xfs font-service,webcache http-alt,kerberos-iv kerberos4,kdc kerberos4," +
  "kerberos_master kerberos-master,passwd_server passwd-server,krb_prop krb-prop,krb5_prop krb-prop,hprop krb-prop," +
  "moira_db moira-db,moira_update moira-update,moira_ureg moira-ureg,lrrd munin,sane sane-port,saned sane-port";

interface Service {
  readonly port: number;
  readonly name: string;
  readonly protos: string;
}

const PARSED: readonly Service[] = SERVICES.split(",").map((text) => {
  const [port, name, protos] = text.split(" ");
  return { port: Number(port), name: name!, protos: protos! };
});

const ALIAS_NAMES: ReadonlyMap<string, string> = new Map(
  ALIASES.split(",").map((text) => text.split(" ") as [string, string]),
);

/** getservbyname: without a protocol any will do. */
export function serviceByName(name: string, proto?: string): number | undefined {
  const canonical = ALIAS_NAMES.get(name) ?? name;
  return PARSED.find((s) => s.name === canonical && (proto === undefined || serves(s, proto)))?.port;
}

/** getservbyport */
export function serviceByPort(port: number, proto: string): string | undefined {
  return PARSED.find((s) => s.port === port && serves(s, proto))?.name;
}

function serves(service: Service, proto: string): boolean {
  return service.protos.includes(
    proto === "tcp" ? "t" : proto === "udp" ? "u" : proto === "sctp" ? "s" : proto === "dccp" ? "d" : "-",
  );
}
